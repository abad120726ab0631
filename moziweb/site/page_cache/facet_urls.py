"""Enumerates the URLs of the pages of facets."""

from collections.abc import Collection, Iterable, Iterator
from datetime import date
from typing import Any, Final
from urllib.parse import urlencode

from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.i18n import LOCALES
from moziweb.movies.facet_queries import Facet, facet_positions
from moziweb.movies.models import (
    Credit,
    Distributor,
    Genre,
    Movie,
    MovieGenre,
    Person,
    Premiere,
    StreamingService,
)
from moziweb.movies.tags import (
    distributor_list_tag,
    genre_list_tag,
    person_list_tag,
    service_list_tag,
)

from ..query_parameters import block_path
from ..urls import PageUrls, named_segment

_MODELS: Final[dict[str, Any]] = {
    list_tag(0).rpartition(":")[0]: model
    for list_tag, model in (
        (genre_list_tag, Genre),
        (person_list_tag, Person),
        (distributor_list_tag, Distributor),
        (service_list_tag, StreamingService),
    )
}

_OF_MOVIES: Final[tuple[tuple[Any, Any, Any], ...]] = (
    (Genre, MovieGenre.genre_id, MovieGenre.movie_id),
    (Person, Credit.person_id, Credit.movie_id),
    (Distributor, Movie.distributor_id, Movie.id),
    (StreamingService, Premiere.service_id, Premiere.movie_id),
)
"""Each model, the column that refers to it, and that of the movie's id."""


def facet_urls(session: Session, urls: PageUrls, facet: Facet, today: date) -> Iterator[str]:
    """The paths of a facet's page in every language, and of its further blocks."""
    yield from first_urls(urls, facet)
    for position in facet_positions(session, facet, today):
        for path in first_urls(urls, facet):
            yield block_path(path, position)


def first_urls(urls: PageUrls, facet: Facet) -> Iterator[str]:
    """The paths of a facet's page in every language."""
    match facet:
        case Genre():
            route, segment = "genre", facet.slug
        case StreamingService():
            route, segment = "service", facet.slug
        case Person():
            route, segment = "person", named_segment(facet)
        case Distributor():
            route, segment = "distributor", named_segment(facet)
    for locale in LOCALES:
        yield urls.in_locale(locale, route, **{route: segment})


def following_urls(urls: PageUrls, facet: Facet) -> Iterator[str]:
    """The paths of a facet's calendar, or of the page of its calendar and its feed."""
    match facet:
        case Person():
            for locale in LOCALES:
                yield urls.in_locale(locale, "person_calendar", person=named_segment(facet))
        case Genre() | StreamingService():
            query = urlencode({"genre" if isinstance(facet, Genre) else "service": facet.slug})
            for locale in LOCALES:
                yield f"{urls.in_locale(locale, 'calendar_page')}?{query}"
                yield f"{urls.in_locale(locale, 'news')}?{query}"
        case Distributor():
            pass


def facets_of_tags(session: Session, tags: Iterable[str]) -> Iterator[Facet]:
    """The facets whose lists are among ``tags``. One query for each."""
    for tag in sorted(tags):
        kind, _mark, number = tag.rpartition(":")
        model = _MODELS.get(kind)
        facet = session.get(model, int(number)) if model else None
        if facet is not None:
            yield facet


def facets_of_movies(session: Session, movie_ids: Collection[int]) -> Iterator[Facet]:
    """The genres, people, distributors and services of movies. One query for each kind."""
    for model, column, movie_id in _OF_MOVIES:
        ids = select(column).where(movie_id.in_(movie_ids))
        yield from session.scalars(select(model).where(model.id.in_(ids)).order_by(model.id))
