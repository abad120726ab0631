"""Reads filters from the parameters of a URL, and names them in the language of the page."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from pyramid.httpexceptions import HTTPNotFound
from sqlalchemy.orm import Session

from moziweb.i18n import _
from moziweb.movies import tags
from moziweb.movies.facet_queries import all_genres, all_services
from moziweb.movies.filters import FILTERED_AUDIOS, MAX_FILTERS, Dimension, PremiereFilter
from moziweb.movies.former_addresses import successor
from moziweb.movies.models import Audio, Genre, PremiereKind, Rating, ScreenFormat, StreamingService
from moziweb.request import Request

from ..context import PageContext
from ..query_parameters import FROM

PARAMETERS: Final = tuple(str(dimension) for dimension in Dimension)
"""The parameters of filters, in their canonical order."""

YEAR_PARAMETERS: Final = tuple(sorted((*PARAMETERS, FROM)))
"""Those of a year's page, which has further blocks."""

LABELS: Final = {
    Dimension.KIND: _("Kind"),
    Dimension.GENRE: _("Genre"),
    Dimension.SERVICE: _("Streaming service"),
    Dimension.RATING: _("Age rating"),
    Dimension.AUDIO: _("Language version"),
    Dimension.FORMAT: _("Format"),
}
"""The names of filters in the order of the form."""


def given_values(request: Request, names: Iterable[str] = PARAMETERS) -> dict[str, str]:
    """The first value of each given parameter that is not empty."""
    given = {name: request.GET.getall(name) for name in names}
    found = {name: next(filter(None, texts), "") for name, texts in given.items()}
    return {name: text for name, text in found.items() if text}


def current_slugs(
    session: Session,
    given: Mapping[str, str],
    genres: Iterable[Genre],
    services: Iterable[StreamingService],
) -> dict[str, str]:
    """The parameters with the present slugs of genres and services that were renamed or merged.

    So subscribed calendars stay valid. One query for each slug that no row has.
    """
    found = dict(given)
    rows: tuple[tuple[str, type[Any], Iterable[Any]], ...] = (
        (Dimension.GENRE, Genre, genres),
        (Dimension.SERVICE, StreamingService, services),
    )
    for name, model, known in rows:
        slug = given.get(name)
        if slug and all(row.slug != slug for row in known):
            row = successor(session, model, slug)
            found[name] = row.slug if row else slug
    return found


def parse_filter(
    given: Mapping[str, str], genres: Iterable[Genre], services: Iterable[StreamingService]
) -> PremiereFilter:
    """The filter of these parameters.

    Raises ``HTTPNotFound`` for an unknown value or too many filters, with the text that says which.
    """
    found = PremiereFilter(
        audio=_member(FILTERED_AUDIOS, given.get("audio")),
        format=_member(ScreenFormat, given.get("format")),
        genre=_by_slug(genres, given.get("genre")),
        kind=_member(PremiereKind, given.get("kind")),
        rating=_member(Rating, given.get("rating")),
        service=_by_slug(services, given.get("service")),
    )
    if len(found.parameters) > MAX_FILTERS:
        number = {"number": MAX_FILTERS}
        raise HTTPNotFound(_("At most ${number} filters at once, please.", mapping=number))
    return found


def feed_filter(session: Session, context: PageContext, request: Request) -> PremiereFilter:
    """The filter of a calendar or feed, which shows the names of the values.

    At most two queries, and one for each former slug.

    Raises as ``parse_filter``.
    """
    given = given_values(request)
    genres: Sequence[Genre] = ()
    services: Sequence[StreamingService] = ()
    if Dimension.GENRE in given:
        context.depend(tags.GENRES_LIST)
        genres = all_genres(session)
    if Dimension.SERVICE in given:
        context.depend(tags.SERVICES_LIST)
        services = all_services(session)
    given = current_slugs(session, given, genres, services)
    found = parse_filter(given, genres, services)
    if found.genre:
        context.depend(tags.genre_tag(found.genre.id))
    if found.service:
        context.depend(tags.service_tag(found.service.id))
    return found


def filter_texts(context: PageContext, chosen: PremiereFilter) -> Iterator[tuple[Dimension, str]]:
    """The texts of the filters that are set, in the order of the form.

    A bare number needs the name of its filter.
    """
    formatter, genre, service = context.formatter, chosen.genre, chosen.service
    texts: Mapping[Dimension, str | None] = {
        Dimension.KIND: formatter.kind_text(chosen.kind) if chosen.kind else None,
        Dimension.GENRE: formatter.choose(genre.name, genre.name_en) if genre else None,
        Dimension.SERVICE: service.name if service else None,
        Dimension.RATING: chosen.rating,
        Dimension.AUDIO: formatter.audio_text(chosen.audio),
        Dimension.FORMAT: chosen.format,
    }
    for dimension, label in LABELS.items():
        text = texts[dimension]
        if text and dimension in {Dimension.RATING, Dimension.AUDIO}:
            yield dimension, f"{formatter.translate(label)}: {text}"
        elif text:
            yield dimension, str(text)


Member = TypeVar("Member", Audio, ScreenFormat, PremiereKind, Rating)
Named = TypeVar("Named", Genre, StreamingService)


def _member(members: Iterable[Member], text: str | None) -> Member | None:
    if not text:
        return None
    return next((each for each in members if each == text), None) or _refuse(text)


def _by_slug(rows: Iterable[Named], slug: str | None) -> Named | None:
    if not slug:
        return None
    return next((each for each in rows if each.slug == slug), None) or _refuse(slug)


def _refuse(text: str) -> Any:
    shown = {"value": text[:40]}
    raise HTTPNotFound(_("There is no filter “${value}”.", mapping=shown))
