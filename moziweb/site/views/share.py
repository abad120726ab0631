"""The pictures of links to movies and weeks: redirects to the object, which is drawn if missing."""

import logging
from collections.abc import Callable

from pyramid.httpexceptions import HTTPFound, HTTPNotFound
from pyramid.response import Response
from pyramid.view import view_config
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from moziweb.db.types import parse_id
from moziweb.movies.calendar import Week
from moziweb.movies.queries import premieres_between, published_movie
from moziweb.posters.imaging.errors import ImageRejected
from moziweb.posters.imaging.placeholder import placeholder
from moziweb.posters.imaging.values import SHARE_BOX
from moziweb.posters.recipes import POSTER
from moziweb.posters.sharing import ShareContent
from moziweb.posters.urls import poster_links
from moziweb.posters.web.views import MIN_RETRY_AFTER, REDIRECT_SECONDS
from moziweb.request import Request
from moziweb.storage import StorageError

from ..context import PageContext
from ..presenters.share import first_of_week, movie_share, week_share

log = logging.getLogger(__name__)


@view_config(route_name="share_movie", request_method="GET")
def movie_picture(request: Request) -> Response:
    """The picture of a movie, in the language of the URL. Its poster is made first if missing."""
    context = PageContext.of(request)
    movie_id = parse_id(request.matchdict["movie"].partition("-")[0])
    if movie_id is None:
        raise HTTPNotFound

    def content_of(session: Session) -> ShareContent:
        movie = published_movie(session, movie_id)
        if movie is None:
            raise HTTPNotFound
        links = poster_links(session, request.services.storage, {movie.id: movie.slug})
        found = links.get(movie.id)
        if found is not None and not found.is_ready(POSTER, "jpg"):
            unmade.append(found.source_id)
        return movie_share(context, movie, found)

    unmade: list[int] = []
    return _picture(request, content_of, unmade)


@view_config(route_name="share_week", request_method="GET")
def week_picture(request: Request) -> Response:
    """The picture of a week with premieres, in the language of the URL: posters that are ready."""
    context = PageContext.of(request)
    try:
        week = Week.parse(request.matchdict["week"])
    except ValueError:
        raise HTTPNotFound from None

    def content_of(session: Session) -> ShareContent:
        listings = first_of_week(premieres_between(session, week.start, week.end))
        if not listings:
            raise HTTPNotFound
        slugs = {each.movie.id: each.movie.slug for each in listings}
        links = poster_links(session, request.services.storage, slugs)
        return week_share(context, week, listings, links)

    return _picture(request, content_of, [])


def _picture(
    request: Request, content_of: Callable[[Session], ShareContent], unmade: list[int]
) -> Response:
    """Redirect to the present picture; the digest of the URL is not checked.

    ``content_of`` adds the source of a missing poster to ``unmade``. A placeholder, if the picture
    cannot be drawn now.
    """
    services, database = request.services, request.services.database
    if not services.poster_admission.try_enter():
        return _placeholder()
    request.add_finished_callback(lambda _: services.poster_admission.leave())
    try:
        with database.read() as session:
            content = content_of(session)
        if unmade:
            services.poster_admission.ensure_or_wait(unmade[0])
            with database.read() as session:
                content = content_of(session)
        url = services.share_pictures.ensure(content)
    except (StorageError, SQLAlchemyError, ImageRejected) as error:
        log.warning("%s: the picture could not be drawn: %s", request.path, error)
        return _placeholder()
    if url is None:
        return _placeholder()
    base_url: str = request.registry.settings["site.base_url"]
    redirect = HTTPFound(base_url + url if url.startswith("/") else url)
    redirect.cache_control = f"public, max-age={REDIRECT_SECONDS}"
    return redirect


def _placeholder() -> Response:
    response = Response(placeholder(*SHARE_BOX, "jpg"), content_type="image/jpeg")
    response.cache_control = "no-store"
    response.headers["Retry-After"] = str(MIN_RETRY_AFTER)
    return response
