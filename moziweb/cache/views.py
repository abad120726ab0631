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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPException, HTTPMovedPermanently
from pyramid.response import Response

from .config import Cache
from .places import CachedRoute, CachedRoutes
from .region import TaggedRegion
from .rendering import RenderContext, Rendered
from .responses import rendered_of, response_of
from .sessions import SessionClock

Handler = Callable[[Any], Response]
View = Callable[[Any, Any], Response]

READS: Final = frozenset({"GET", "HEAD"})
KNOWN_ADDRESSES: Final = 20_000
"""Paths whose keys a process remembers; about 4 MB."""

_CONTEXT: Final = "moziweb.cache.context"
_TAKEN_AWAY: Final = {"QUERY_STRING": "", "HTTP_COOKIE": ""}
_STORED: Final = frozenset({200, 301})


def depend(request: Any, *tags: str) -> None:
    """Record that the page being rendered shows what ``tags`` name; call it where it is shown.

    Outside of a cached view there is nothing to record it for.
    """
    context: RenderContext | None = request.environ.get(_CONTEXT)
    if context is not None:
        context.depend(*tags)


def cap(request: Any, ends: float) -> None:
    """Let the page being rendered run out at ``ends`` (Unix time): it shows the present until then.

    For a page that learns only from its data until when it is true; ``cache_moment`` is for one
    that knows beforehand.
    """
    context: RenderContext | None = request.environ.get(_CONTEXT)
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


class _NotCachedError(Exception):
    """Carries a response that is not to be stored out of a render."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


@dataclass(frozen=True, slots=True)
class CachedView:
    """A view behind a region. ``always`` are tags that every page carries."""

    view: View
    route: CachedRoute
    clock: SessionClock
    book: AddressBook
    always: tuple[str, ...]

    def serve(self, context: Any, request: Any) -> Response:
        """The entry's response, or the view's own where it is not one to be stored."""
        if request.method not in READS:
            return self.view(context, request)
        place = self.route.place(request)

        def render(entry: RenderContext) -> Rendered:
            entry.depend(*self.always)  # reads the clock, before the snapshot
            entry.cap(place.until)
            with _rendering(request, entry):
                return self._render(context, request)

        try:
            served = place.region.get_or_render(
                place.key, render, source=self.clock.source(request.dbsession)
            )
        except _NotCachedError as answer:
            answer.response.headers["X-Cache"] = "bypass"
            return answer.response
        self.book.learn(request.environ["PATH_INFO"], place.region, place.key, place.until)
        return response_of(served, request)

    def _render(self, context: Any, request: Any) -> Rendered:
        try:
            response = self.view(context, request)
        except HTTPMovedPermanently as moved:
            response = moved
        except HTTPException as error:
            if error.status_int < 500:
                raise
            raise _NotCachedError(error) from None
        if response.status_int not in _STORED or "Set-Cookie" in response.headers:
            raise _NotCachedError(response)
        return rendered_of(response)


@contextmanager
def _rendering(request: Any, context: RenderContext) -> Iterator[None]:
    """Let views record on ``context``, and take away what a cached page may not depend on."""
    kept = {name: request.environ.get(name, "") for name in _TAKEN_AWAY}
    request.environ.update(_TAKEN_AWAY)
    request.environ[_CONTEXT] = context
    try:
        yield
    finally:
        del request.environ[_CONTEXT]
        request.environ.update(kept)


def cached_view(view: View, info: Any) -> View:
    """The view deriver of ``cache`` and ``cache_moment``."""
    name = info.options.get("cache")
    cache: Cache | None = info.registry.get("cache")
    if name is None or cache is None or name not in cache.regions:
        return view
    registry = info.registry
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
        book=registry["cache_addresses"],
        always=registry["cache_always"],
    )

    def view_of_entry(context: Any, request: Any) -> Response:  # Pyramid writes attributes on it
        return cached.serve(context, request)

    return view_of_entry


cached_view.options = ("cache", "cache_moment")  # type: ignore[attr-defined]  # Pyramid's protocol


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
