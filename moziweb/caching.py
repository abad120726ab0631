"""The tagged cache, wired into this application: what is written here makes its pages stale.

One outbox and one set of declarations, like the one ``Base.metadata``: models declare the tags of
their rows at import (``movies.tags``, ``posters.tags``), and every session of the application is
watched. Without ``cache.regions`` in the ini file nothing is cached, watched or recorded.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from pyramid.config import Configurator, Router
from pyramid.registry import Registry
from sqlalchemy.exc import InterfaceError, OperationalError

from moziweb.cache import (
    Cache,
    CacheEvents,
    Declarations,
    InvalidationTracker,
    Outbox,
    OutboxRelay,
    RelayThread,
    SessionClock,
    from_settings,
    model_tag,
)
from moziweb.cache.http.fast_path import FastPathMiddleware
from moziweb.cache.http.page_cache import PageCache
from moziweb.cache.http.refresh import BackgroundRefresher, wsgi_fetcher
from moziweb.cache.http.routes import CachedRoutes
from moziweb.cache.http.view_deriver import add_cached_views
from moziweb.db.meta import Base
from moziweb.ops.headers import site_headers
from moziweb.services import services_of, set_services

OUTBOX: Final = Outbox(Base.metadata)
DECLARATIONS: Final = Declarations()

_MAKES_PAGES: Final = frozenset({".py", ".jinja2", ".mo", ".css", ".js", ".svg"})
_ABOVE_PAGES: Final = frozenset({"cli", "manager", "server", "templates/manager"})
"""What no page can be made with: the site may not import it, by the contract of the floors."""

_SHAPES_PAGES: Final = (
    "site.base_url", "storage.backend", "storage.base_url", "storage.s3.addressing_style",
    "storage.s3.bucket", "storage.s3.endpoint_url", "storage.s3.region",
)  # fmt: skip
"""The settings that stand in pages: where the site is, and where its posters are linked."""


def includeme(config: Configurator) -> None:
    """Build the regions, watch the sessions, and add ``cache=…`` to view configurations.

    Raises ``moziweb.cache.ConfigurationError``, one line that names the key.
    """
    registry, settings = config.registry, config.registry.settings
    services = services_of(registry)
    events = services.cache_events or CacheEvents()
    cache = from_settings(settings, observer=events, recoverable=(OperationalError, InterfaceError))
    pages = _page_cache(config, cache, events) if cache.regions else None
    add_cached_views(config, pages)
    set_services(registry, replace(services, cache_events=events, page_cache=pages))


def _page_cache(config: Configurator, cache: Cache, events: CacheEvents) -> PageCache:
    registry, settings = config.registry, config.registry.settings
    database = services_of(registry).database
    writes = InvalidationTracker(DECLARATIONS, OUTBOX, cache.stamps, events)
    database.watch(writes.watch, writes.join_transaction_manager)
    relay = OutboxRelay(
        database.engine, OUTBOX, cache.stamps, events, expansions=DECLARATIONS.expansions
    )
    return PageCache(
        cache=cache,
        clock=SessionClock(cache.stamps),
        routes=CachedRoutes(registry),
        digest=digest_of(Path(__file__).parent, settings),
        always=tuple(model_tag(model) for model in DECLARATIONS.models()),
        base_url=settings["site.base_url"],
        events=events,
        outbox=OUTBOX,
        relay=RelayThread(relay),
        refresher=_refresher(registry, cache, events) if cache.refresh_threads else None,
    )


def _refresher(registry: Registry, cache: Cache, events: CacheEvents) -> BackgroundRefresher:
    application = partial(Router, registry)
    refresher = BackgroundRefresher(
        wsgi_fetcher(application), workers=cache.refresh_threads, observer=events
    )
    for region in cache.regions.values():
        region.on_refresh_due(refresher.schedule)
    return refresher


def served_first(app: Router) -> "Router | FastPathMiddleware":
    """``app`` behind the fast path, which answers hits under the site's headers."""
    pages = services_of(app.registry).page_cache
    if pages is None:
        return app
    return FastPathMiddleware(
        app,
        pages.urls,
        headers=tuple(site_headers(app.registry).items()),
        observer=pages.events,
        tags=pages.cache.debug,
    )


def digest_of(package: Path, settings: Mapping[str, object]) -> str:
    """The digest of what pages are made with: a deploy that changes any of it renders them anew.

    docs/decisions/0010 tells why all of that is one digest.
    """
    digest = hashlib.sha256()
    for name in _SHAPES_PAGES:
        digest.update(f"{name}={settings.get(name)}\0".encode())
    for path in sorted(package.rglob("*")):
        name = path.relative_to(package).as_posix()
        if path.suffix in _MAKES_PAGES and not _is_above(name):
            digest.update(name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _is_above(name: str) -> bool:
    return any(name == each or name.startswith(f"{each}/") for each in _ABOVE_PAGES)
