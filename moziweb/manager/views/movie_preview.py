"""The page of a movie as the site would show it, also before it is published."""

from dataclasses import replace
from typing import Any

from moziweb.i18n import LOCALES
from moziweb.movies.models import Movie
from moziweb.movies.queries import previewed_movie
from moziweb.posters.recipes import POSTER, THUMB
from moziweb.posters.urls import PosterLinks, poster_links
from moziweb.request import Request
from moziweb.site.context import PageContext
from moziweb.site.presenters.movie import movie_head, movie_page

from ..web.layout import manager_view
from ..web.params import or_404
from ..web.resources import SEE, MovieResource


@manager_view("movie_preview", permission=SEE, renderer="movie_preview", method="GET")
def movie_preview(request: Request) -> dict[str, Any]:
    """The saved state of a movie in the site's own template. Six queries, never cached."""
    resource: MovieResource = request.context
    found = or_404(previewed_movie(request.dbsession, resource.movie_id))
    context = PageContext.of(request)
    links = poster_links(request.dbsession, request.services.storage, {found.id: found.slug})
    shown = movie_page(context, found, _public(found, links.get(found.id)))
    head = movie_head(context, found, shown)
    other = next(each for each in LOCALES if each != request.locale_name)
    path = context.urls.in_locale(other, "manager.movie_preview", movie=str(found.id))
    return {
        "page": replace(
            head,
            canonical_url="",
            alternates=(),
            robots="noindex",
            other_language=replace(head.other_language, href=path),
        ),
        "movie": shown,
        # Lists of other movies are only on the site.
        "neighbours": (None, None),
        "sections": (),
        "published": found.published,
    }


def _public(movie: Movie, links: PosterLinks | None) -> PosterLinks | None:
    """The links, unless their variants would have to be made: those of drafts are refused."""
    if links is None or movie.published:
        return links
    is_ready = links.is_ready(THUMB, "jpg") and links.is_ready(POSTER, "webp")
    return links if is_ready else None
