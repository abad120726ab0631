"""Cached views for Pyramid: ``cache="pages"`` in a view's configuration.

::

    @view_config(route_name="week", renderer="week.jinja2", cache="pages")
    def week(request):
        depend(request, tag("week", "2026-W34"))     # where the page shows it
        ...

The key of a page consists of its route, the values matched in its path, the language of that path,
the digest of the code and the templates, and the query parameters that the view declares with
``cache_params=("page",)``. Nothing else of a request reaches a cached view
(``request_isolation.py``): irrelevant headers are removed, and reading anything that would make the
page wrong for other visitors raises.

``cache_moment`` says until when a page that depends on the time is valid, ``cache_fragments`` fills
the slots of a page (``fragments.py``). A bounded number of "not found" responses and redirects is
cached too (``negative.py``), and so are empty pages of which there is no end (``mark_negative``).

A page that this process has served before is served in front of all this (``fast_path.py``).
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
    """Record that the page being rendered shows what ``tags`` name. Call it where it is shown.

    Does nothing outside of a cached view.
    """
    context = context_of(request)
    if context is not None:
        context.depend(*tags)


def mark_negative(request: Any) -> None:
    """Store the page being rendered as a negative entry. The page must not have slots.

    For pages without content of which there is no end, such as empty weeks. Like "not found", they
    have a bounded number of entries and a short life, so that a crawler that requests all of them
    evicts no other page. Their tags invalidate them like any page.
    """
    context = context_of(request)
    if context is not None:
        context.is_negative = True


def cap(request: Any, ends: float) -> None:
    """Let the page being rendered expire at ``ends`` (Unix time) at the latest.

    For a page that knows the end of its validity only from its data; ``cache_moment`` is for one
    that knows it before the render.
    """
    context = context_of(request)
    if context is not None:
        context.cap(ends)


def cached_view(view: View, info: Any) -> View:
    """The view deriver of ``cache`` and its further options."""
    name, fill = info.options.get("cache"), info.options.get("cache_fragments")
    cache: Cache | None = info.registry.get("cache")
    registry = info.registry
    if name is not None and cache is not None and name not in cache.regions:
        log.info("cache: no region %s in the ini file: %s is not cached", name, info.original_view)
    if name is None or cache is None or name not in cache.regions:
        return _derived(FilledView(view, Fragments(fill)).serve) if fill is not None else view
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
        remember=registry["cache_addresses"].remember,
        base_tags=registry["cache_always"],
        base_url=registry["cache_base_url"],
        fragments=_fragments(fill, cache, registry) if fill is not None else None,
        refresher=registry.get("cache_renewer"),
    )
    return _derived(cached.serve)


cached_view.options = (  # type: ignore[attr-defined]  # Pyramid's protocol
    "cache",
    "cache_moment",
    "cache_params",
    "cache_fragments",
)


def _fragments(fill: Fill, cache: Cache, registry: Any) -> Fragments:
    return Fragments(
        fill,
        base_tags=registry["cache_always"],
        region=cache.regions.get(FRAGMENTS),
        keys=cache.keys.get(FRAGMENTS),
        digest=registry["cache_digest"],
    )


def _derived(serve: View) -> View:
    """A function, because Pyramid sets attributes on what a deriver returns."""

    def derived(context: Any, request: Any) -> Response:
        return serve(context, request)

    return derived


def includeme(config: Configurator) -> None:
    """Add the deriver: outermost, so that it gets responses and can skip the renderer."""
    config.add_view_deriver(cached_view, name="cached_view", over="rendered_view")
    config.registry["cache_addresses"] = UrlIndex()
    config.registry["cache_routes"] = CachedRoutes()
