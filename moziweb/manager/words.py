"""How values of the manager are said, in templates."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pyramid.config import Configurator

from moziweb.i18n import _
from moziweb.movies.calendar import BUDAPEST
from moziweb.posters.models import SourceState

from .history import ACTIONS
from .models import Role

ROLES: Final = {Role.EDITOR: _("editor"), Role.ADMIN: _("administrator")}

POSTERS: Final = {
    None: _("no poster"),
    SourceState.PENDING: _("not made yet"),
    SourceState.GENERATING: _("being made"),
    SourceState.READY: _("ready"),
    SourceState.RETRY_WAIT: _("failed, will be tried again"),
    SourceState.FAILED: _("failed"),
}

FIELDS: Final = {
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
    "published": _("On the site"),
    "role": _("Role"),
    "poster": _("Poster"),
}
"""What the fields of films and users are called."""


SOURCES: Final = {
    "hand": _("by hand"),
    "tmdb": _("TMDB"),
    "csv": _("list"),
    "demo": _("demo"),
}
"""Where the value of a field is from, in a word."""


class Marks(dict[str, tuple[str, str]]):
    """``marks_of.title`` in templates: a field's source and its name, nothing without one."""

    def __missing__(self, field: str) -> None:
        return None


def budapest(moment: datetime) -> str:
    """``2026-08-20 12:00``, in the time of Budapest."""
    return f"{moment.astimezone(BUDAPEST):%Y-%m-%d %H:%M}"


def field_name(field: str) -> Any:
    """What a field is called; itself where it has no name."""
    return FIELDS.get(field, field)


def rendered(field: Any, hint: str = "", attributes: Mapping[str, Any] | None = None) -> Any:
    """A WTForms field's control, tied to its hint and its errors for those who only hear them."""
    described = [f"{field.id}-{what}" for what, there in _beside(field, hint) if there]
    given = dict(attributes or {})
    if described:
        given["aria-describedby"] = " ".join(described)
    if field.errors:
        given["aria-invalid"] = "true"
    return field(**given)


def _beside(field: Any, hint: str) -> tuple[tuple[str, bool], ...]:
    return ("hint", bool(hint)), ("errors", bool(field.errors))


def includeme(config: Configurator) -> None:
    """The filters of the manager's templates, once the site has set the templates up."""
    config.action(None, _add_filters, args=(config,), order=999)


def _add_filters(config: Configurator) -> None:
    config.get_jinja2_environment().filters.update(
        budapest=budapest,
        rendered=rendered,
        field_name=field_name,
        role_name=ROLES.__getitem__,
        poster_name=POSTERS.__getitem__,
        action_name=lambda action: ACTIONS.get(action, action),
    )
