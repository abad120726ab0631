"""The JSON API, the same in all languages. ``presenters.json_api`` documents the payloads."""

from functools import partial
from typing import Any

from pyramid.httpexceptions import HTTPNotFound
from pyramid.view import view_config

from moziweb.db.types import parse_id
from moziweb.movies.queries import published_movie, synopses_of
from moziweb.posters.urls import poster_links
from moziweb.request import Request

from ..context import PageContext
from ..page_cache.validity import until_midnight
from ..presenters.index import index_sections
from ..presenters.json_api import main_payload, movie_payload
from ..presenters.movie import depend_on_movie
from ..presenters.movie_list import CardBuilder

_json_view = partial(view_config, renderer="json", request_method="GET", cache="pages")


@_json_view(route_name="api_main", cache_moment=until_midnight)
def api_main(request: Request) -> dict[str, Any]:
    """The premieres of the index. Five queries."""
    context = PageContext.of(request)
    sections = index_sections(request.dbsession, context)
    listings = [listing for section in sections for listing in section.listings]
    synopses = synopses_of(request.dbsession, (listing.movie.id for listing in listings))
    return main_payload(CardBuilder.fetch(request, context, listings), sections, synopses)


@_json_view(route_name="api_movie")
def api_movie(request: Request) -> dict[str, Any]:
    """A movie. Six queries."""
    movie_id = parse_id(request.matchdict["movie"])
    movie = published_movie(request.dbsession, movie_id) if movie_id else None
    if movie is None:
        raise HTTPNotFound
    links = poster_links(request.dbsession, request.services.storage, {movie.id: movie.slug})
    context = PageContext.of(request)
    depend_on_movie(context, movie)
    return movie_payload(context, movie, links.get(movie.id))
