"""Wiring of the cache into the application, so that writes invalidate pages.

There is one outbox and one set of declarations. Models declare the tags of their rows at import
(``movies.tag_declarations``, ``posters.cache_tags``), and every session of the application is
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

from moziweb.cache import (
    Cache,
    CacheEvents,
    Declarations,
    InvalidationTracker,
    Outbox,
    OutboxRelay,
    PublishRetrier,
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
from moziweb.db.retry import DATABASE_ERRORS
from moziweb.ops.headers import site_headers
from moziweb.services import services_of, set_services

OUTBOX: Final = Outbox(Base.metadata)
DECLARATIONS: Final = Declarations()

_PAGE_SUFFIXES: Final = frozenset({".py", ".jinja2", ".mo", ".css", ".js", ".svg"})
_NOT_IN_PAGES: Final = frozenset({"cli", "manager", "server", "templates/manager"})
"""Parts that no page depends on: the import contracts forbid the site to import them."""

_PAGE_SETTINGS: Final = (
    "site.base_url", "site.id_authority", "storage.backend", "storage.base_url",
    "storage.s3.addressing_style", "storage.s3.bucket", "storage.s3.endpoint_url",
    "storage.s3.region",
)  # fmt: skip
"""The settings that pages contain: ids, and the URLs of the site and of its posters."""


def includeme(config: Configurator) -> None:
    """Build the regions, watch the sessions, and add ``cache=…`` to view configurations.

    Raises ``moziweb.cache.ConfigurationError`` with one line that names the key.
    """
    registry, settings = config.registry, config.registry.settings
    services = services_of(registry)
    events = services.cache_events or CacheEvents()
    cache = from_settings(settings, observer=events, recoverable=DATABASE_ERRORS)
    pages = _page_cache(config, cache, events) if cache.regions else None
    add_cached_views(config, pages)
    set_services(registry, replace(services, cache_events=events, page_cache=pages))


def _page_cache(config: Configurator, cache: Cache, events: CacheEvents) -> PageCache:
    registry, settings = config.registry, config.registry.settings
    database = services_of(registry).database
    expansions = DECLARATIONS.expansions
    relay = OutboxRelay(database.engine, OUTBOX, cache.stamps, events, expansions=expansions)
    retrier = PublishRetrier(relay)
    writes = InvalidationTracker(DECLARATIONS, OUTBOX, cache.stamps, events, retrier=retrier)
    database.watch(writes.watch, writes.join_transaction_manager)
    return PageCache(
        cache=cache,
        clock=SessionClock(cache.stamps),
        routes=CachedRoutes(registry),
        digest=digest_of(Path(__file__).parent, settings),
        base_tags=tuple(model_tag(model) for model in DECLARATIONS.models()),
        base_url=settings["site.base_url"],
        events=events,
        outbox=OUTBOX,
        relay=RelayThread(relay),
        retrier=retrier,
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
    """Return ``app`` behind the fast path, which answers hits with the headers of the site."""
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
    """Return the digest of all code and settings that shape pages.

    A deploy that changes any of it renders all pages again; docs/decisions/0010 explains why it is
    one digest.
    """
    digest = hashlib.sha256()
    for name in _PAGE_SETTINGS:
        digest.update(f"{name}={settings.get(name)}\0".encode())
    for path in sorted(package.rglob("*")):
        name = path.relative_to(package).as_posix()
        if path.suffix in _PAGE_SUFFIXES and not _is_excluded(name):
            digest.update(name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _is_excluded(name: str) -> bool:
    return any(name == each or name.startswith(f"{each}/") for each in _NOT_IN_PAGES)
