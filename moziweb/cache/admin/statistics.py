"""Statistics of the clock, the stores and the outbox, the same in all processes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection

from ..errors import StoreError
from ..invalidation.outbox import Outbox
from ..protocol.stamps import StampStore
from ..protocol.tags import kind_of
from ..regions.region import TaggedRegion

if TYPE_CHECKING:
    from ..regions.config import Cache

HOUR: Final = 3600.0

LATEST_ROWS: Final = 2000
"""The number of outbox rows that are read."""

TOP_TAGS: Final = 10
"""The number of tags in ``most``."""


def statistics_of(cache: Cache, outbox: Outbox, connection: Connection) -> dict[str, Any]:
    """Return the statistics.

    ``most`` are the tags that were invalidated most often in the latest rows, and ``since`` is the
    time of the oldest of these rows (Unix time), None without any.
    """
    now = time.time()
    rows = outbox.latest(connection, limit=LATEST_ROWS)
    last_hour = [row for row in rows if row.created > now - HOUR]
    kinds = Counter(kind_of(tag) for row in last_hour for tag in row.tags)
    tags = Counter(tag for row in rows for tag in row.tags)
    return {
        "stamps": {"url": cache.stamps_url, "clock": cache.stamps.clock()},
        "log": _log_size(cache.stamps),
        "outbox": {
            "age": outbox.age(connection, now=now),
            "unpublished": outbox.backlog(connection),
            "last_hour": outbox.count(connection, since=now - HOUR),
            "kinds": dict(kinds.most_common()),
            "most": dict(tags.most_common(TOP_TAGS)),
            "since": rows[-1].created if rows else None,
            "rows": outbox.count(connection),
        },
        "regions": {name: _region(cache, name) for name in cache.regions},
    }


def _log_size(stamps: StampStore) -> dict[str, int] | None:
    """The size of the invalidation log; None if the stamp store is down."""
    try:
        records, size = stamps.log_size()
    except StoreError:
        return None
    return {"records": records, "bytes": size}


def _region(cache: Cache, name: str) -> dict[str, Any]:
    region = cache.regions[name]
    policy = region.policy
    backend: Any = cache.dogpile[name].actual_backend
    statistics: dict[str, Any] = {
        "backend": type(backend).__name__,
        "private": name in cache.private_regions,
        "mode": "soft" if policy.grace > 0 else "strict",
        "grace": policy.grace,
        "expiration_time": policy.expiration_time,
        "stale_if_error": policy.stale_if_error,
        "answers": _answers(region),
    }
    if name not in cache.private_regions and hasattr(backend, "statistics"):
        servers = backend.statistics().items()
        statistics["servers"] = {server: _server(counters) for server, counters in servers}
    return statistics


def _answers(region: TaggedRegion) -> bool:
    try:
        region.check()
    except StoreError:
        return False
    return True


def _server(counters: Mapping[str, str]) -> dict[str, Any] | None:
    """The relevant counters of a memcached server; None if it is down."""
    if not counters:
        return None
    names = ("curr_items", "bytes", "limit_maxbytes", "evictions", "get_hits", "get_misses")
    return {name: int(counters[name]) for name in names}
