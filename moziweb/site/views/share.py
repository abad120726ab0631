"""The pictures of links to movies and weeks: redirects to the object, which is drawn if missing."""

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final, TypeAlias

from pyramid.httpexceptions import HTTPFound, HTTPNotFound
from pyramid.response import Response
from pyramid.view import view_config
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from moziweb.clock import utc_now
from moziweb.db.types import parse_id
from moziweb.movies.calendar import Week
from moziweb.movies.queries import premieres_between, published_movie
from moziweb.posters.imaging.placeholder import placeholder
from moziweb.posters.imaging.values import SHARE_BOX
from moziweb.posters.models import PosterSource
from moziweb.posters.recipes import POSTER, THUMB
from moziweb.posters.sharing import PictureUnavailable, ShareContent
from moziweb.posters.urls import PosterLinks, poster_links
from moziweb.posters.web.views import (
    MAX_RETRY_AFTER,
    MIN_RETRY_AFTER,
    REDIRECT_SECONDS,
    seconds_until_retry,
)
from moziweb.request import Request

from ..context import PageContext
from ..presenters.share import first_of_week, movie_share, week_share

log = logging.getLogger(__name__)

INCOMPLETE_SECONDS: Final = 60
"""How long a picture that lacks a poster for the moment may be cached."""

_ReadContent: TypeAlias = Callable[[Session], tuple[ShareContent, Sequence[int]]]
"""Reads what a picture shows, and the ids of the sources whose posters are not ready."""


@view_config(route_name="share_movie", request_method="GET")
def movie_picture(request: Request) -> Response:
    """The picture of a movie, in the language of the URL."""
    context = PageContext.of(request)
    movie_id = parse_id(request.matchdict["movie"].partition("-")[0])
    if movie_id is None:
        raise HTTPNotFound

    def read_content(session: Session) -> tuple[ShareContent, Sequence[int]]:
        movie = published_movie(session, movie_id)
        if movie is None:
            raise HTTPNotFound
        links = poster_links(session, request.services.storage, {movie.id: movie.slug})
        content = movie_share(context, movie, links.get(movie.id))
        return content, _not_ready(links.values(), POSTER)

    return _picture(request, read_content)


@view_config(route_name="share_week", request_method="GET")
def week_picture(request: Request) -> Response:
    """The picture of a week with premieres, in the language of the URL."""
    context = PageContext.of(request)
    try:
        week = Week.parse(request.matchdict["week"])
    except ValueError:
        raise HTTPNotFound from None

    def read_content(session: Session) -> tuple[ShareContent, Sequence[int]]:
        listings = first_of_week(premieres_between(session, week.start, week.end))
        if not listings:
            raise HTTPNotFound
        slugs = {each.movie.id: each.movie.slug for each in listings}
        links = poster_links(session, request.services.storage, slugs)
        return week_share(context, week, listings, links), _not_ready(links.values(), THUMB)

    return _picture(request, read_content)


def _not_ready(links: Iterable[PosterLinks], name: str) -> list[int]:
    return [each.source_id for each in links if not each.is_ready(name, "jpg")]


def _picture(request: Request, read_content: _ReadContent) -> Response:
    """Redirect to the present picture; the digest of the URL is not checked.

    A placeholder, if the picture cannot be drawn now, and for HEAD if it is not drawn yet.
    """
    admission = request.services.poster_admission
    if not admission.try_enter():
        return _placeholder()
    request.add_finished_callback(lambda _: admission.leave())
    try:
        picture = _find_or_draw(request, read_content)
    except PictureUnavailable:
        return _placeholder()
    except SQLAlchemyError as error:
        log.warning("%s: the picture could not be drawn: %s", request.path, error)
        return _placeholder()
    if picture is None:
        return _placeholder()
    if isinstance(picture, bytes):
        response = Response(picture, content_type="image/jpeg")
        response.cache_control = f"public, max-age={INCOMPLETE_SECONDS}"
        return response
    base_url: str = request.registry.settings["site.base_url"]
    redirect = HTTPFound(base_url + picture if picture.startswith("/") else picture)
    redirect.cache_control = f"public, max-age={REDIRECT_SECONDS}"
    return redirect


def _find_or_draw(request: Request, read_content: _ReadContent) -> str | bytes | None:
    """The storage URL of the picture, or the picture itself if it lacks a poster for the moment.

    Its posters are made first if they are missing. None if there is no slot, or not enough time.
    """
    services = request.services
    pictures, admission = services.share_pictures, services.poster_admission
    until = admission.request_ends()
    with services.database.read() as session:
        content, not_ready = read_content(session)
    if request.method == "HEAD":
        return pictures.find(content)
    is_whole = True
    if not_ready:
        for source_id in not_ready:
            admission.ensure_or_wait(source_id, until)
        with services.database.read() as session:
            content, not_ready = read_content(session)
            is_whole = not _are_expected(session, not_ready)
    url = pictures.find(content) if is_whole else None
    if url is not None:
        return url
    draw = partial(pictures.ensure, content, keep=is_whole)
    return admission.run_or_wait("share-picture", draw, until)


def _are_expected(session: Session, source_ids: Sequence[int]) -> bool:
    """Whether one of these posters is tried again within an hour, so it is missing for the moment.

    A picture does not wait for one that has failed permanently, or several times.
    """
    sources = session.scalars(select(PosterSource).where(PosterSource.id.in_(source_ids)))
    waits = [seconds_until_retry(source, utc_now()) for source in sources]
    return any(wait is not None and wait < MAX_RETRY_AFTER for wait in waits)


def _placeholder() -> Response:
    response = Response(placeholder(*SHARE_BOX, "jpg"), content_type="image/jpeg")
    response.cache_control = "no-store"
    response.headers["Retry-After"] = str(MIN_RETRY_AFTER)
    return response
