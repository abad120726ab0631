"""What the cached views of an application share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..events import CacheEvents
from ..invalidation.outbox import Outbox
from ..invalidation.outbox_relay import RelayThread
from ..invalidation.publish_retry import PublishRetrier
from ..invalidation.session_clock import SessionClock
from .refresh import BackgroundRefresher
from .routes import CachedRoutes
from .url_index import UrlIndex

if TYPE_CHECKING:
    from ..regions.config import Cache


@dataclass(frozen=True, slots=True, kw_only=True)
class PageCache:
    """The cache of an application's pages: regions, routes, and what invalidates their entries.

    ``digest`` is part of every key: the digest of what pages are rendered with. ``base_tags``
    are on every page. ``base_url`` is the URL that a cached view sees as the host of its
    request.
    """

    cache: Cache
    clock: SessionClock
    routes: CachedRoutes
    digest: str
    base_tags: tuple[str, ...]
    base_url: str
    events: CacheEvents
    outbox: Outbox
    relay: RelayThread
    retrier: PublishRetrier
    refresher: BackgroundRefresher | None = None
    urls: UrlIndex = field(default_factory=UrlIndex)
