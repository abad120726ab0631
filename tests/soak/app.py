"""The site with a route ``POST /soak/{movie}`` that writes the next version of a movie.

The title of a movie contains its version, so a page shows which writes it includes. The reason in
the outbox contains it too, so the outbox shows which writes were published, and when.
"""

from collections.abc import Callable
from itertools import count
from typing import Any

from pyramid.config import Configurator
from pyramid.registry import Registry
from pyramid.response import Response
from sqlalchemy.orm import Session

from moziweb import INCLUDES
from moziweb.cache import REASON, Cache, TaggedRegion
from moziweb.cache.protocol.leases import Leases
from moziweb.caching import served_first
from moziweb.movies.models import Movie
from moziweb.request import Request
from moziweb.settings import load
from tests.registry import page_cache_of

SABOTAGE = "soak.sabotage"


def title_of(movie: int, version: int) -> str:
    """``Soak 7 version 12.``, which ``VERSION`` in ``visitors.py`` matches."""
    return f"Soak {movie} version {version}."


def write(session: Session, movie_id: int) -> int:
    """Write the next version in the transaction of the session; a row lock orders the writers."""
    movie = session.get_one(Movie, movie_id, with_for_update=True)
    version = int(movie.title.split()[-1].rstrip(".")) + 1
    movie.title = movie.original_title = title_of(movie_id, version)
    session.info[REASON] = f"{movie_id} {version}"
    return version


def soak(request: Request) -> dict[str, int]:
    """Write, and return the version."""
    return {"version": write(request.dbsession, int(request.matchdict["movie"]))}


def main(global_config: dict[str, str], **settings: str) -> Any:
    """The application of the web processes under test."""
    sabotage = settings.pop(SABOTAGE, "")
    with Configurator(settings=load(dict(settings))) as config:
        for include in INCLUDES:
            config.include(include)
        config.add_route("soak", "/soak/{movie}", request_method="POST")
        config.add_view(soak, route_name="soak", renderer="json", require_csrf=False)
        if sabotage == "errors":
            config.add_tween("tests.soak.app.failing_tween")
        elif sabotage:
            break_it(sabotage, page_cache_of(config.registry).cache)
        return served_first(config.make_wsgi_app())


def keep_leases(region: TaggedRegion) -> None:
    """Let the leases of a region end with their time only, as if each renderer died."""
    kept, release = region._parts.leases, Leases.release

    def release_others(self: Leases, key: str, token: bytes) -> None:
        if self is not kept:
            release(self, key, token)

    Leases.release = release_others  # type: ignore[method-assign]


def failing_tween(handler: Callable[[Request], Response], registry: Registry) -> Any:
    """Sabotage: every third page is an error."""
    numbers = count()

    def tween(request: Request) -> Response:
        if request.method == "GET" and next(numbers) % 3 == 0:
            return Response(status=500)
        return handler(request)

    return tween


def break_it(how: str, cache: Cache) -> None:
    """Sabotage the cache; the checker must find it."""
    stamps = cache.stamps
    if how == "publish":  # nothing is published, but the outbox marks it as published
        stamps.publish = lambda tags: None  # type: ignore[method-assign]
    elif how == "second step":  # copies in other processes are not invalidated
        stamps._store.incr = lambda name: 1  # type: ignore[method-assign]
    elif how == "grace":  # renders of pages keep their leases, and others get any stale page
        stamps.was_valid = lambda *_: True  # type: ignore[method-assign]
        keep_leases(cache.regions["pages"])
    else:
        raise ValueError(how)
