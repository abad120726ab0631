"""Cached views for Pyramid: ``cache="pages"`` in a view's configuration, and no word more.

::

    @view_config(route_name="week", renderer="week.jinja2", cache="pages")
    def week(request):
        depend(request, tag("week", "2026-W34"))     # at the door where a thing is shown
        ...

The key of a page is its route, the values matched in its path, the language of that path and the
digest of the code and templates that make it. Nothing else of a request can reach a cached view:
its query string and its cookies are taken away while it renders, so what one visitor sends never
shapes what others are served. A page that depends on the time says until when it is true, with
``cache_moment``.

A page that this process has served before is served by a tween, before routing, transaction and
session: one read of the clock, and the bytes.
"""

import threading
import time
from collections.abc import Callable
from typing import Any, Final

from pyramid.config import Configurator
from pyramid.response import Response

from .cached import READS, CachedView, FilledView, View, context_of
from .config import Cache
from .fragments import Fill, Fragments
from .places import CachedRoute, CachedRoutes, Place
from .region import TaggedRegion
from .responses import response_of

Handler = Callable[[Any], Response]

KNOWN_ADDRESSES: Final = 20_000
"""Paths whose keys a process remembers; about 4 MB."""

FRAGMENTS: Final = "fragments"
"""The region of what pages are assembled of: shells, and what goes into their slots."""


def depend(request: Any, *tags: str) -> None:
    """Record that the page being rendered shows what ``tags`` name; call it where it is shown.

    Outside of a cached view there is nothing to record it for.
    """
    context = context_of(request)
    if context is not None:
        context.depend(*tags)


def cap(request: Any, ends: float) -> None:
    """Let the page being rendered run out at ``ends`` (Unix time): it shows the present until then.

    For a page that learns only from its data until when it is true; ``cache_moment`` is for one
    that knows beforehand.
    """
    context = context_of(request)
    if context is not None:
        context.cap(ends)


class AddressBook:
    """Which entry stands at a path: what the tween knows without routing. Bounded; oldest go."""

    def __init__(self, size: int = KNOWN_ADDRESSES) -> None:
        self._size = size
        self._known: dict[str, tuple[TaggedRegion, str, float]] = {}
        self._lock = threading.Lock()

    def find(self, path: str, now: float) -> tuple[TaggedRegion, str] | None:
        """The region and the key of a path (as WSGI has it), unless its moment is over."""
        region, key, until = self._known.get(path, (None, "", 0.0))
        return (region, key) if region is not None and now < until else None

    def learn(self, path: str, region: TaggedRegion, key: str, until: float) -> None:
        """Remember a path; ``until`` is when another key may stand there (Unix time)."""
        with self._lock:
            self._known.pop(path, None)
            while len(self._known) >= self._size:
                del self._known[next(iter(self._known))]
            self._known[path] = region, key, until

    def learn_place(self, path: str, place: Place) -> None:
        """Remember the place of a path."""
        self.learn(path, place.region, place.key, place.until)


def cached_view(view: View, info: Any) -> View:
    """The view deriver of ``cache``, ``cache_moment`` and ``cache_fragments``."""
    name, fill = info.options.get("cache"), info.options.get("cache_fragments")
    cache: Cache | None = info.registry.get("cache")
    registry = info.registry
    if name is None or cache is None or name not in cache.regions:
        return _deriving(FilledView(view, Fragments(fill)).serve) if fill is not None else view
    route = CachedRoute(
        region=cache.regions[name],
        keys=cache.keys[name],
        digest=registry["cache_digest"],
        moment=info.options.get("cache_moment"),
    )
    registry["cache_routes"].enter(info.options["route_name"], route)
    cached = CachedView(
        view=view,
        route=route,
        clock=registry["cache_clock"],
        learn=registry["cache_addresses"].learn_place,
        always=registry["cache_always"],
        fragments=_fragments(fill, cache, registry) if fill is not None else None,
    )
    return _deriving(cached.serve)


cached_view.options = (  # type: ignore[attr-defined]  # Pyramid's protocol
    "cache",
    "cache_moment",
    "cache_fragments",
)


def _fragments(fill: Fill, cache: Cache, registry: Any) -> Fragments:
    return Fragments(
        fill,
        always=registry["cache_always"],
        region=cache.regions.get(FRAGMENTS),
        keys=cache.keys.get(FRAGMENTS),
        digest=registry["cache_digest"],
    )


def _deriving(serve: View) -> View:
    """A function, for Pyramid writes attributes on what a deriver returns."""

    def derived(context: Any, request: Any) -> Response:
        return serve(context, request)

    return derived


def cache_tween_factory(handler: Handler, registry: Any) -> Handler:
    """Serves pages that this process knows the key of, before anything else is done."""
    if registry.get("cache") is None:
        return handler
    book: AddressBook = registry["cache_addresses"]

    def cache_tween(request: Any) -> Response:
        if request.method in READS:
            known = book.find(request.environ["PATH_INFO"], time.time())
            served = known[0].lookup(known[1]) if known else None
            if served is not None:
                return response_of(served, request)
        return handler(request)

    return cache_tween


def includeme(config: Configurator) -> None:
    """Add the deriver: outermost, so that it sees responses and holds back the renderer."""
    config.add_view_deriver(cached_view, name="cached_view", over="rendered_view")
    config.registry["cache_addresses"] = AddressBook()
    config.registry["cache_routes"] = CachedRoutes()
