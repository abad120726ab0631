"""The tagged cache, wired into this application: what is written here makes its pages stale.

One outbox and one set of declarations, like the one ``Base.metadata``: models declare the tags of
their rows at import (``movies.tags``, ``posters.tags``), and every session of the application is
watched. Without ``cache.regions`` in the ini file nothing is cached, watched or recorded.
"""

import hashlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

from pyramid.config import Configurator, Router
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
from moziweb.cache.http.refresh import BackgroundRefresher, wsgi_fetcher
from moziweb.db import Database
from moziweb.db.meta import Base
from moziweb.ops.headers import site_headers

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
    observer: CacheEvents = config.registry.setdefault("cache_observer", CacheEvents())
    cache = from_settings(
        config.registry.settings,
        observer=observer,
        recoverable=(OperationalError, InterfaceError),
    )
    config.include("moziweb.cache.http.view_deriver")
    config.registry["cache"] = cache if cache.regions else None
    if not cache.regions:
        return
    database: Database = config.registry["database"]
    writes = InvalidationTracker(DECLARATIONS, OUTBOX, cache.stamps, observer)
    database.watch(writes.watch, writes.join_transaction_manager)
    relay = OutboxRelay(
        database.engine, OUTBOX, cache.stamps, observer, expansions=DECLARATIONS.expansions
    )
    config.registry["cache_relay"] = RelayThread(relay)
    config.registry["cache_outbox"] = OUTBOX
    if cache.refresh_threads:
        application = partial(Router, config.registry)
        renewer = BackgroundRefresher(
            wsgi_fetcher(application), workers=cache.refresh_threads, observer=observer
        )
        config.registry["cache_renewer"] = renewer
        for region in cache.regions.values():
            region.on_refresh_due(renewer.schedule)
    config.registry["cache_base_url"] = config.registry.settings["site.base_url"]
    config.registry["cache_clock"] = SessionClock(cache.stamps)
    config.registry["cache_digest"] = digest_of(Path(__file__).parent, config.registry.settings)
    config.registry["cache_always"] = tuple(model_tag(model) for model in DECLARATIONS.models())


def served_first(app: Router) -> "Router | FastPathMiddleware":
    """``app`` with the pages that are known served in front of it, under the site's headers."""
    registry = app.registry
    cache: Cache | None = registry.get("cache")
    if cache is None:
        return app
    return FastPathMiddleware(
        app,
        registry["cache_addresses"],
        headers=tuple(site_headers(registry).items()),
        observer=registry.get("cache_observer"),
        tags=cache.debug,
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
