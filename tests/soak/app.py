"""The site with one address more: ``POST /soak/{movie}`` makes the next version of a film.

A film's title tells its version, so whoever reads a page knows which writes it shows. The reason in
the outbox says the same, so the outbox knows which writes were published, and when.
"""

from collections.abc import Callable
from itertools import count
from typing import Any

from pyramid.config import Configurator
from pyramid.registry import Registry
from pyramid.response import Response
from sqlalchemy.orm import Session

from moziweb import INCLUDES
from moziweb.cache import REASON, StampStore
from moziweb.caching import served_first
from moziweb.movies.models import Movie
from moziweb.request import Request
from moziweb.settings import load
from tests.registry import page_cache_of

SABOTAGE = "soak.sabotage"


def title_of(movie: int, version: int) -> str:
    """``Soak 7 version 12.``: found again by ``VERSION`` in ``visitors.py``."""
    return f"Soak {movie} version {version}."


def write(session: Session, movie_id: int) -> int:
    """The next version, in the session's transaction; two writers of one film take turns."""
    movie = session.get_one(Movie, movie_id, with_for_update=True)
    version = int(movie.title.split()[-1].rstrip(".")) + 1
    movie.title = movie.original_title = title_of(movie_id, version)
    session.info[REASON] = f"{movie_id} {version}"
    return version


def soak(request: Request) -> dict[str, int]:
    """Write, and tell the version."""
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
            break_it(sabotage, page_cache_of(config.registry).cache.stamps)
        return served_first(config.make_wsgi_app())


def failing_tween(handler: Callable[[Request], Response], registry: Registry) -> Any:
    """Every third page is an error: a mistake on purpose, too."""
    numbers = count()

    def tween(request: Request) -> Response:
        if request.method == "GET" and next(numbers) % 3 == 0:
            return Response(status=500)
        return handler(request)

    return tween


def break_it(how: str, stamps: StampStore) -> None:
    """Make a mistake on purpose, to see it found."""
    if how == "publish":  # nothing is published, and the outbox believes it was
        stamps.publish = lambda tags: None  # type: ignore[method-assign]
    elif how == "second step":  # copies in other processes are not told
        stamps._store.incr = lambda name: 1  # type: ignore[method-assign]
    else:
        raise ValueError(how)
