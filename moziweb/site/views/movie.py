"""The page of a movie."""

from typing import Any, Final

from pyramid.httpexceptions import HTTPMovedPermanently, HTTPNotFound
from pyramid.view import view_config

from moziweb.cache.http.view_deriver import cap
from moziweb.db.types import parse_id
from moziweb.i18n import _
from moziweb.movies.lead_premiere import lead_premiere_until
from moziweb.movies.models import Movie
from moziweb.movies.queries import published_movie
from moziweb.movies.tags import movie_tag
from moziweb.posters.urls import poster_links
from moziweb.request import Request

from ..context import PageContext
from ..formatting import truncate
from ..page_cache.validity import midnight
from ..presenters.movie import movie_page
from ..presenters.page_head import page_head
from ..presenters.premiere import new_date_until
from ..urls import segment_of
from ..view_models import MoviePage, PageHead

DESCRIPTION_LENGTH: Final = 160
"""Characters of a description that search engines show."""


@view_config(route_name="movie", renderer="movie.jinja2", request_method="GET", cache="pages")
def movie(request: Request) -> dict[str, Any]:
    """A movie by its id; a wrong or missing slug redirects to the right URL. Six queries."""
    segment = request.matchdict["movie"]
    movie_id = parse_id(segment.partition("-")[0])
    found = published_movie(request.dbsession, movie_id) if movie_id else None
    if found is None:
        raise HTTPNotFound
    context = PageContext.of(request)
    if segment != segment_of(found.id, found.slug):
        context.depend(movie_tag(found.id))
        raise HTTPMovedPermanently(context.urls.absolute(context.urls.movie(found)))
    links = poster_links(request.dbsession, request.services.storage, {found.id: found.slug})
    shown = movie_page(context, found, links.get(found.id))
    changes = [change for premiere in found.premieres for change in premiere.changes]
    for changes_on in (
        lead_premiere_until(found.premieres, context.today),
        new_date_until(changes, context.today),
    ):
        if changes_on is not None:
            cap(request, midnight(changes_on).timestamp())
    return {"page": _page(context, found, shown), "movie": shown}


def _page(context: PageContext, found: Movie, shown: MoviePage) -> PageHead:
    """The page title has the year of the first premiere, because titles are not unique."""
    year = next((str(premiere.date.year) for premiere in found.premieres), "")
    title = f"{shown.title} ({year})" if year else shown.title
    description = truncate(shown.synopsis, DESCRIPTION_LENGTH) or context.formatter.translate(
        _("Premieres, cast and trailer of ${title}.", mapping={"title": shown.title})
    )
    segment = segment_of(found.id, found.slug)
    return page_head(context, title, description, "movie", movie=segment)
