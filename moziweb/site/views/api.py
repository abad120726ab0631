"""The JSON API; ``presenters.json_api`` documents its shapes. It has no language of its own."""

from typing import Any

from pyramid.httpexceptions import HTTPNotFound
from pyramid.view import view_config

from moziweb.db.types import parse_id
from moziweb.movies.queries import whole_movie
from moziweb.posters.urls import poster_links
from moziweb.request import Request

from ..context import PageContext
from ..page_cache.validity import until_midnight
from ..presenters.index import index_sections
from ..presenters.json_api import main_payload, movie_payload
from ..presenters.movie import depend_on_movie
from ..presenters.movie_list import CardBuilder


@view_config(
    route_name="api_main",
    renderer="json",
    request_method="GET",
    cache="pages",
    cache_moment=until_midnight,
)
def api_main(request: Request) -> dict[str, Any]:
    """The premieres of the index. Four queries."""
    visit = PageContext.of(request)
    parts = index_sections(request.dbsession, visit)
    listings = [listing for part in parts for listing in part.listings]
    return main_payload(CardBuilder.fetch(request, visit, listings), parts)


@view_config(route_name="api_movie", renderer="json", request_method="GET", cache="pages")
def api_movie(request: Request) -> dict[str, Any]:
    """One movie. Six queries."""
    movie_id = parse_id(request.matchdict["movie"])
    movie = whole_movie(request.dbsession, movie_id) if movie_id else None
    if movie is None:
        raise HTTPNotFound
    links = poster_links(request.dbsession, request.registry["storage"], {movie.id: movie.slug})
    visit = PageContext.of(request)
    depend_on_movie(visit, movie)
    return movie_payload(visit, movie, links.get(movie.id))
