"""Cached views for Pyramid: ``cache="pages"`` in a view's configuration, and no word more.

::

    @view_config(route_name="week", renderer="week.jinja2", cache="pages")
    def week(request):
        depend(request, tag("week", "2026-W34"))     # at the door where a thing is shown
        ...

The key of a page is its route, the values matched in its path, the language of that path, the
digest of the code and templates that make it, and the query parameters that it names with
``cache_params=("page",)``. Nothing else of a request reaches a cached view (``isolation.py``): what
is only a matter of form is not there, and what would make the page wrong for others raises. A page
that depends on the time says until when it is true, with ``cache_moment``; one that is made of
pieces says who makes those, with ``cache_fragments`` (``fragments.py``). "Not found" and redirects
are cached too, at a bounded number of places (``strays.py``), and so are pages that say that there
is no end of their like (``stray``).

A page that this process has served before is served in front of all this (``fastpath.py``): one
read of the clock, and the bytes.
"""

import logging
from typing import Any

from pyramid.config import Configurator
from pyramid.response import Response

from ..regions.config import Cache
from .cached_view import CachedView, FilledView, View, context_of
from .fragments import FRAGMENTS, Fill, Fragments
from .routes import CachedRoute, CachedRoutes
from .url_index import UrlIndex

log = logging.getLogger(__name__)


def depend(request: Any, *tags: str) -> None:
    """Record that the page being rendered shows what ``tags`` name; call it where it is shown.

    Outside of a cached view there is nothing to record it for.
    """
    context = context_of(request)
    if context is not None:
        context.depend(*tags)


def stray(request: Any) -> None:
    """Say that the page being rendered is one of countless that show nothing, and has no slots.

    Such as an empty week, of which there are as many as a calendar has. It is kept as "not found"
    is, at a bounded number of places and not for long, so that whoever walks through all of them
    pushes out no page that is asked for (``strays.py``). It goes stale by its tags like any other.
    """
    context = context_of(request)
    if context is not None:
        context.is_negative = True


def cap(request: Any, ends: float) -> None:
    """Let the page being rendered run out at ``ends`` (Unix time): it shows the present until then.

    For a page that learns only from its data until when it is true; ``cache_moment`` is for one
    that knows beforehand.
    """
    context = context_of(request)
    if context is not None:
        context.cap(ends)


def cached_view(view: View, info: Any) -> View:
    """The view deriver of ``cache`` and the words that go with it."""
    name, fill = info.options.get("cache"), info.options.get("cache_fragments")
    cache: Cache | None = info.registry.get("cache")
    registry = info.registry
    if name is not None and cache is not None and name not in cache.regions:
        log.info("cache: no region %s in the ini file: %s is not cached", name, info.original_view)
    if name is None or cache is None or name not in cache.regions:
        return _deriving(FilledView(view, Fragments(fill)).serve) if fill is not None else view
    route = CachedRoute(
        region=cache.regions[name],
        keys=cache.keys[name],
        digest=registry["cache_digest"],
        time_window=info.options.get("cache_moment"),
        params=tuple(info.options.get("cache_params") or ()),
    )
    registry["cache_routes"].register(info.options["route_name"], route)
    cached = CachedView(
        view=view,
        route=route,
        clock=registry["cache_clock"],
        learn=registry["cache_addresses"].remember,
        always=registry["cache_always"],
        base_url=registry["cache_base_url"],
        fragments=_fragments(fill, cache, registry) if fill is not None else None,
        refresher=registry.get("cache_renewer"),
    )
    return _deriving(cached.serve)


cached_view.options = (  # type: ignore[attr-defined]  # Pyramid's protocol
    "cache",
    "cache_moment",
    "cache_params",
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


def includeme(config: Configurator) -> None:
    """Add the deriver: outermost, so that it sees responses and holds back the renderer."""
    config.add_view_deriver(cached_view, name="cached_view", over="rendered_view")
    config.registry["cache_addresses"] = UrlIndex()
    config.registry["cache_routes"] = CachedRoutes()
