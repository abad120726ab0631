"""Filters and display names for the manager's templates."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from babel.dates import format_timedelta
from babel.numbers import format_decimal
from pyramid.config import Configurator

from moziweb.i18n import _
from moziweb.movies.calendar import BUDAPEST
from moziweb.movies.importers.planning import Effect
from moziweb.movies.importers.problems import Problem
from moziweb.posters.editorial import SourceView, VariantView
from moziweb.posters.generation.error_codes import meaning_of
from moziweb.posters.models import SourceKind, SourceState, VariantState
from moziweb.posters.recipes import BLUR, FULL_SIZE, MEDIUM, POSTER, SMALL, SQUARE, THUMB

from ..audit.formatting import Translate, value_text
from ..audit.history import ACTIONS
from ..auth.models import ROLE_NAMES, Role
from .submissions import new_token

POSTER_STATE_NAMES: Final = {
    None: _("no poster"),
    SourceState.PENDING: _("not made yet"),
    SourceState.GENERATING: _("being made"),
    SourceState.READY: _("ready"),
    SourceState.RETRY_WAIT: _("failed, will be tried again"),
    SourceState.FAILED: _("failed"),
}

VARIANT_STATES: Final = {
    VariantState.PENDING: _("being stored"),
    VariantState.READY: _("shown"),
    VariantState.SUPERSEDED: _("replaced, kept for pages that still link them"),
    VariantState.DELETED: _("removed"),
}
"""Display names of the states of variants."""

SOURCE_KIND_NAMES: Final = {
    SourceKind.UPLOAD: _("uploaded file"),
    SourceKind.URL: _("picture of another site"),
    SourceKind.DRAWN: _("drawn by the demo"),
}
"""Display names of the kinds of poster sources."""

VARIANT_NAMES: Final = {
    FULL_SIZE: _("Full poster"),
    POSTER: _("Poster of the film's page"),
    MEDIUM: _("Poster of a list on sharp screens"),
    THUMB: _("Poster of a list"),
    SMALL: _("Small poster"),
    BLUR: _("Blurred, behind the page"),
    SQUARE: _("Square, for other sites"),
}
"""Display names of recipes."""

FIELD_NAMES: Final = {
    "title": _("Title"),
    "original_title": _("Original title"),
    "synopsis": _("Synopsis"),
    "synopsis_en": _("Synopsis in English"),
    "runtime": _("Running time"),
    "rating": _("Age rating"),
    "countries": _("Countries"),
    "languages": _("Languages"),
    "imdb_id": _("IMDb id"),
    "tmdb_id": _("TMDB id"),
    "distributor": _("Distributor"),
    "genres": _("Genres"),
    "directors": _("Directed by"),
    "cast": _("Starring"),
    "premieres": _("Premieres"),
    "trailers": _("Trailers"),
    "poster": _("Poster"),
    "focal_point": _("Focal point"),
    "reference": _("The list's own id"),
    "published": _("On the site"),
    "name": _("Name"),
    "name_en": _("Name in English"),
    "slug": _("Address"),
    "merged": _("Merged"),
    "website": _("Website"),
    "films": _("Films"),
    "role": _("Role"),
    "codes": _("Recovery codes left"),
    "sources": _("Sources"),
    "tags": _("Tags"),
    "unseen": _("On no cached page"),
    "waiting": _("Waits in the outbox"),
    "entries": _("Entries"),
    "everything": _("Everything"),
}
"""Display names of the fields of movies, names, users and cache actions."""

COLUMN_NAMES: Final = {
    "external_id": _("The list's own id"),
    "release_date": _("Date"),
    "date_precision": _("Precision of the date"),
    "release_dates": _("Premieres"),
    "release_type": _("Kind"),
    "formats": _("Formats"),
    "overview": _("Synopsis"),
    "poster_url": _("Poster"),
    "trailer_url": _("Trailer"),
}
"""Display names of import columns that are not fields."""


FIELD_SOURCE_NAMES: Final = {
    "hand": _("by hand"),
    "tmdb": _("TMDB"),
    "csv": _("list"),
    "demo": _("demo"),
}
"""Display names of provenance sources."""


class Marks(dict[str, tuple[str, str]]):
    """``marks_of.title`` in templates: source and display name of a field, None without one."""

    def __missing__(self, field: str) -> None:
        return None


def budapest(moment: datetime) -> str:
    """``2026-08-20 12:00``, in Budapest time."""
    return f"{moment.astimezone(BUDAPEST):%Y-%m-%d %H:%M}"


def clock(moment: datetime) -> str:
    """``12:00:05``, in Budapest time."""
    return f"{moment.astimezone(BUDAPEST):%H:%M:%S}"


def amount(number: float, locale: str) -> str:
    """Formats a number for a locale, with at most two decimals."""
    return format_decimal(number, format="#,##0.##", locale=locale)


def amount_of(number: float, decimals: int, locale: str) -> str:
    """Formats a number for a locale, with exactly ``decimals`` decimals."""
    return format_decimal(number, format=f"#,##0.{'0' * decimals}", locale=locale)


def seconds_text(length: float, locale: str) -> str:
    """Formats seconds as ``12 minutes``."""
    return span(timedelta(seconds=length), locale)


def span(length: timedelta, locale: str) -> str:
    """Formats a time span as ``12 minutes``."""
    return format_timedelta(length, locale=locale)


def field_name(field: str) -> Any:
    """Returns the display name of a field, or the field itself."""
    return FIELD_NAMES.get(field, field)


def column_name(column: str) -> Any:
    """Returns the display name of an import column, or the column itself."""
    return COLUMN_NAMES.get(column) or field_name(column)


EFFECTS: Final = {
    Effect.NEW: _("new"),
    Effect.CHANGED: _("changed"),
    Effect.SAME: _("as it was"),
    Effect.REFUSED: _("refused"),
}
"""Display names of what importing a movie does."""

KEPT_REASONS: Final = {
    "hand": _("stays: entered by hand"),
    "csv": _("stays: from the distributor's list"),
    "unsigned": _("stays: its origin is unknown"),
}
"""Why an import keeps a stored value."""

_PLACE: Final = re.compile(r"(row|item|tmdb) ([0-9]+)(?: \(line ([0-9]+)\))?")
_PLACES: Final = {
    "row": _("row ${number}"),
    "item": _("item ${number}"),
    "tmdb": _("TMDB ${number}"),
}


def place_name(place: str) -> Any:
    """Translates the position of a movie in its import source."""
    match = _PLACE.fullmatch(place)
    if match is None:
        return place
    if match[3]:
        return _("row ${number} (line ${line})", mapping={"number": match[2], "line": match[3]})
    return _PLACES[match[1]] % {"number": match[2]}


def readable_value(text: str, field: str, translate: Translate) -> str:
    """A stored value of a movie's or a user's field, with enum names translated."""
    if field == "role":
        return translate(ROLE_NAMES[Role(text)]) if text in {*Role} else text
    return value_text(text, field, translate)


def problem_text(problem: Mapping[str, Any]) -> Any:
    """Returns the message of a stored problem."""
    return Problem(**problem).translatable


def ready_picture(source: SourceView, name: str, extension: str) -> VariantView | None:
    """Returns the ready variant of a source with that name and format."""
    ready = (each for each in source.variants if each.state is VariantState.READY)
    return next((each for each in ready if (each.name, each.format) == (name, extension)), None)


def rendered(field: Any, hint: str = "", attributes: Mapping[str, Any] | None = None) -> Any:
    """Renders a WTForms field with ARIA references to its hint and errors."""
    parts = {"hint": hint, "errors": field.errors}
    described = [f"{field.id}-{name}" for name, text in parts.items() if text]
    given = dict(attributes or {})
    if described:
        given["aria-describedby"] = " ".join(described)
    if field.errors:
        given["aria-invalid"] = "true"
    return field(**given)


def includeme(config: Configurator) -> None:
    """Adds the filters after the site has set up the templates."""
    config.action(None, _add_filters, args=(config,), order=999)


def _add_filters(config: Configurator) -> None:
    environment = config.get_jinja2_environment()
    environment.globals["new_submission_token"] = new_token
    environment.filters.update(
        budapest=budapest,
        clock=clock,
        amount=amount,
        amount_of=amount_of,
        seconds=seconds_text,
        span=span,
        rendered=rendered,
        field_name=field_name,
        column_name=column_name,
        readable=readable_value,
        role_name=ROLE_NAMES.__getitem__,
        poster_name=POSTER_STATE_NAMES.__getitem__,
        variant_state=lambda state: VARIANT_STATES[VariantState(state)],
        poster_kind=SOURCE_KIND_NAMES.__getitem__,
        code_meaning=meaning_of,
        ready_picture=ready_picture,
        variant_name=lambda name: VARIANT_NAMES.get(name, name),
        place_name=place_name,
        problem_text=problem_text,
        effect_name=lambda effect: EFFECTS[Effect(effect)],
        kept_reason=lambda reason: KEPT_REASONS.get(reason, reason),
        action_name=lambda action: ACTIONS.get(action, action),
    )
