"""The site with a route that changes a movie as editors do: ``POST /soak/7?edits=move,cancel``.

Without ``edits`` it is renamed. ``states.py`` describes the writes.
"""

from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

from pyramid.config import Configurator
from pyramid.registry import Registry
from pyramid.response import Response

from moziweb import INCLUDES
from moziweb.cache import Cache, TaggedRegion, kind_of
from moziweb.cache.protocol.leases import Leases
from moziweb.caching import served_first
from moziweb.request import Request
from moziweb.settings import load
from tests.registry import page_cache_of
from tests.soak.states import write

SABOTAGE = "soak.sabotage"
WITHOUT = "without "
"""Before the kind of tags that a sabotaged cache does not publish."""


def soak(request: Request) -> dict[str, int]:
    """Write, and return the version in the title."""
    edits = request.GET.get("edits", "rename").split(",")
    return {"version": write(request.dbsession, int(request.matchdict["movie"]), edits)}


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


def leave_out(cache: Cache, kind: str) -> None:
    """Do not publish the tags of a kind, as if writes did not have them."""
    publish = cache.stamps.publish

    def publish_others(tags: Iterable[str]) -> None:
        publish([tag for tag in tags if kind_of(tag) != kind])

    cache.stamps.publish = publish_others  # type: ignore[method-assign]


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
    elif how.startswith(WITHOUT):
        leave_out(cache, how.removeprefix(WITHOUT))
    elif how == "second step":  # copies in other processes are not invalidated
        stamps._store.incr = lambda name: 1  # type: ignore[method-assign]
    elif how == "grace":  # renders of pages keep their leases, and others get any stale page
        stamps.was_valid = lambda *_: True  # type: ignore[method-assign]
        keep_leases(cache.regions["pages"])
    else:
        raise ValueError(how)
