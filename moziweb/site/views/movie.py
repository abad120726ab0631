"""A movie's page."""

from typing import Any, Final

from pyramid.httpexceptions import HTTPMovedPermanently, HTTPNotFound
from pyramid.view import view_config

from moziweb.cache.http.view_deriver import cap
from moziweb.db.types import parse_id
from moziweb.i18n import _
from moziweb.movies.lead_premiere import lead_premiere_until
from moziweb.movies.models import Movie
from moziweb.movies.queries import whole_movie
from moziweb.movies.tags import movie_tag
from moziweb.posters.urls import poster_links
from moziweb.request import Request

from ..context import PageContext
from ..formatting import shortened
from ..page_cache.validity import beginning_of
from ..presenters.movie import movie_page
from ..presenters.page_head import page_of
from ..urls import movie_segment
from ..view_models import MoviePage, Page

DESCRIPTION_LENGTH: Final = 160
"""Characters of a page's description that search engines show."""


@view_config(route_name="movie", renderer="movie.jinja2", request_method="GET", cache="pages")
def movie(request: Request) -> dict[str, Any]:
    """A movie by its id; a wrong slug, or none, redirects to the right one. Six queries."""
    segment = request.matchdict["movie"]
    movie_id = parse_id(segment.partition("-")[0])
    found = whole_movie(request.dbsession, movie_id) if movie_id else None
    if found is None:
        raise HTTPNotFound
    visit = PageContext.of(request)
    if segment != movie_segment(found):
        visit.depend(movie_tag(found.id))
        raise HTTPMovedPermanently(visit.paths.absolute(visit.paths.movie(found)))
    links = poster_links(request.dbsession, request.registry["storage"], {found.id: found.slug})
    shown = movie_page(visit, found, links.get(found.id))
    turn = lead_premiere_until(found.premieres, visit.today)
    if turn is not None:
        cap(request, beginning_of(turn))
    return {"page": _page(visit, found, shown), "movie": shown}


def _page(visit: PageContext, found: Movie, shown: MoviePage) -> Page:
    """Two films may have one title: the year of the first premiere tells them apart."""
    year = next((str(premiere.date.year) for premiere in found.premieres), "")
    title = f"{shown.title} ({year})" if year else shown.title
    description = shortened(shown.synopsis, DESCRIPTION_LENGTH) or visit.wording.say(
        _("Premieres, cast and trailer of ${title}.", mapping={"title": shown.title})
    )
    return page_of(visit, title, description, "movie", movie=movie_segment(found))
