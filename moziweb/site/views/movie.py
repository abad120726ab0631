"""The page of a movie."""

from dataclasses import replace
from typing import Any, Final

from pyramid.httpexceptions import HTTPMovedPermanently, HTTPNotFound

from moziweb.cache.http.view_deriver import cap
from moziweb.db.types import parse_id
from moziweb.i18n import _
from moziweb.movies.calendar import month_of, week_of
from moziweb.movies.lead_premiere import lead_premiere_until
from moziweb.movies.models import Movie, Premiere
from moziweb.movies.queries import published_movie
from moziweb.movies.related_queries import movies_of_directors, movies_of_genre, week_neighbours
from moziweb.movies.tags import (
    beside_tag,
    genre_month_tag,
    movie_names_tag,
    movie_tag,
    person_list_tag,
    place_tag,
)
from moziweb.posters.sharing import links_and_pictures, movie_subject
from moziweb.request import Request

from ..context import PageContext
from ..page_cache.fragments import PageFragments, movie_list_view
from ..page_cache.slots import Section
from ..page_cache.validity import midnight
from ..presenters.jsonld import breadcrumbs_json_ld
from ..presenters.movie import dated_premiere, movie_head, movie_page
from ..presenters.movie_facts import directors_of
from ..presenters.movie_list import localized_titles
from ..presenters.period_nav import month_label
from ..presenters.premiere import new_date_until
from ..presenters.share import movie_preview, movie_share
from ..urls import segment_of
from ..view_models import Link

_MAX_DIRECTORS: Final = 3
"""The directors whose other movies are listed."""


@movie_list_view(route_name="movie", renderer="movie.jinja2")
def movie(request: Request) -> dict[str, Any]:
    """A movie by its id; a wrong or missing slug redirects to the right URL.

    Six queries; one more for each of its neighbours, directors and genre, and two for their cards.
    A movie without a poster takes one more.
    """
    segment = request.matchdict["movie"]
    movie_id = parse_id(segment.partition("-")[0])
    found = published_movie(request.dbsession, movie_id) if movie_id else None
    if found is None:
        raise HTTPNotFound
    context = PageContext.of(request)
    if segment != segment_of(found.id, found.slug):
        context.depend(movie_tag(found.id))
        raise HTTPMovedPermanently(context.urls.absolute(context.urls.movie(found)))
    posters, drawn = links_and_pictures(
        request.dbsession,
        request.services.storage,
        {found.id: found.slug},
        [movie_subject(found.id)],
        context.formatter.locale,
    )
    links = posters.get(found.id)
    shown = movie_page(context, found, links)
    preview = movie_preview(context, drawn, found, movie_share(context, found, links))
    changes = [change for premiere in found.premieres for change in premiere.changes]
    for changes_on in (
        lead_premiere_until(found.premieres, context.today),
        new_date_until(changes, context.today),
    ):
        if changes_on is not None:
            cap(request, midnight(changes_on).timestamp())
    here = Link(context.urls.movie(found), shown.title)
    way = (shown.week_link, here) if shown.week_link else (here,)
    page = replace(
        movie_head(context, found, shown),
        preview=preview,
        json_ld=(breadcrumbs_json_ld(context, way),),
    )
    dated = dated_premiere(found, context.today)
    fragments = PageFragments(request, context)
    sections = (
        _of_directors(request, fragments, found),
        _of_genre(request, fragments, found, dated),
    )
    return {
        "page": page,
        "movie": shown,
        "neighbours": _neighbours(request, context, found, dated) if dated else (None, None),
        "sections": [section for section in sections if section and section.cards],
    }


def _neighbours(
    request: Request, context: PageContext, movie: Movie, premiere: Premiere
) -> tuple[Link | None, Link | None]:
    """Links to the previous and the next movie of the week of ``premiere``."""
    week = week_of(premiere.date)
    context.depend(beside_tag(movie.id))
    found = week_neighbours(request.dbsession, movie, premiere)

    def link(other: Movie | None) -> Link | None:
        if other is None:
            return None
        context.depend(movie_names_tag(other.id), place_tag(other.id, week))
        return Link(context.urls.movie(other), localized_titles(context, other)[0])

    return link(found.previous), link(found.following)


def _of_directors(request: Request, fragments: PageFragments, movie: Movie) -> Section | None:
    """Other movies of the directors, with a link to the page of a single one."""
    context = fragments.context
    people = [credit.person for credit in directors_of(movie)][:_MAX_DIRECTORS]
    if not people:
        return None
    context.depend(*(person_list_tag(person.id) for person in people))
    listings = movies_of_directors(request.dbsession, movie, [person.id for person in people])
    names = ", ".join(person.name for person in people)
    href = context.urls.person(people[0]) if len(people) == 1 else None
    return fragments.section("directors", _title(context, names), listings, "", href, names)


def _of_genre(
    request: Request, fragments: PageFragments, movie: Movie, premiere: Premiere | None
) -> Section | None:
    """Other movies of the first genre in the month of ``premiere``, with a link to the genre."""
    context = fragments.context
    if premiere is None or not movie.genre_links:
        return None
    genre, month = movie.genre_links[0].genre, month_of(premiere.date)
    context.depend(genre_month_tag(genre.id, month))
    listings = movies_of_genre(request.dbsession, movie, genre.id, premiere.date)
    name = context.formatter.choose(genre.name, genre.name_en)
    title = _title(context, f"{name}, {month_label(context.formatter, month)}")
    return fragments.section("genre", title, listings, "", context.urls.genre(genre), name)


def _title(context: PageContext, names: str) -> str:
    return context.formatter.translate(_("More films: ${names}", mapping={"names": names}))
