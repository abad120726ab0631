"""Cached views for Pyramid: ``cache="pages"`` in a view's configuration (docs/cache.md).

The key of a page consists of its route, the values matched in its path, the language of that path,
the digest of the code and the templates, and the query parameters that the view declares with
``cache_params=("page",)``. Nothing else of a request reaches a cached view
(``request_isolation.py``). Without this option the query string is ignored; with ``()`` a hit needs
an empty one, for a route that refuses all parameters.

``cache_moment`` says until when a page that depends on the time is valid, ``cache_fragments`` fills
the slots of a page (``fragments.py``). A bounded number of "not found" responses and redirects is
cached too (``negative.py``).
"""

import logging
from typing import Any

from pyramid.config import Configurator
from pyramid.response import Response

from .cached_view import CachedView, FilledView, View, context_of
from .fragments import FRAGMENTS, Fill, Fragments
from .page_cache import PageCache
from .routes import CachedRoute

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


def mark_personal(request: Any) -> None:
    """Keep the reads of this address out of records of reads: one person, or few, have it.

    For a page whose query is a list of a visitor. Reads of negative entries are never recorded.
    """
    context = context_of(request)
    if context is not None:
        context.is_personal = True


def cap(request: Any, ends: float) -> None:
    """Let the page being rendered expire at ``ends`` (Unix time) at the latest.

    For a page that knows the end of its validity only from its data; ``cache_moment`` is for one
    that knows it before the render.
    """
    context = context_of(request)
    if context is not None:
        context.cap(ends)


def cached_view(view: View, info: Any, pages: PageCache | None) -> View:
    """The view deriver of ``cache`` and its further options."""
    name, fill = info.options.get("cache"), info.options.get("cache_fragments")
    if name is not None and pages is not None and name not in pages.cache.regions:
        log.info("cache: no region %s in the ini file: %s is not cached", name, info.original_view)
    if name is None or pages is None or name not in pages.cache.regions:
        return _derived(FilledView(view, Fragments(fill)).serve) if fill is not None else view
    params = info.options.get("cache_params")
    route = CachedRoute(
        region=pages.cache.regions[name],
        keys=pages.cache.keys[name],
        digest=pages.digest,
        time_window=info.options.get("cache_moment"),
        params=None if params is None else tuple(params),
    )
    pages.routes.register(info.options["route_name"], route)
    fragments = _fragments(fill, pages) if fill is not None else None
    return _derived(CachedView(view, route, pages, fragments).serve)


_OPTIONS = ("cache", "cache_moment", "cache_params", "cache_fragments")


def _fragments(fill: Fill, pages: PageCache) -> Fragments:
    return Fragments(
        fill,
        base_tags=pages.base_tags,
        region=pages.cache.regions.get(FRAGMENTS),
        keys=pages.cache.keys.get(FRAGMENTS),
        digest=pages.digest,
    )


def _derived(serve: View) -> View:
    """A function, because Pyramid sets attributes on what a deriver returns."""

    def derived(context: Any, request: Any) -> Response:
        return serve(context, request)

    return derived


def add_cached_views(config: Configurator, pages: PageCache | None) -> None:
    """Add the deriver: outermost, so that it gets responses and can skip the renderer.

    Without ``pages`` nothing is cached, and slots are filled at each request.
    """

    def deriver(view: View, info: Any) -> View:
        return cached_view(view, info, pages)

    deriver.options = _OPTIONS  # type: ignore[attr-defined]  # Pyramid's protocol
    config.add_view_deriver(deriver, name="cached_view", over="rendered_view")
