"""The state of clock, stores and outbox, as data: for commands and consoles.

All of it is everybody's: what one process counts for itself is in ``tally.py``.
"""

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection

from ..errors import StoreError
from ..invalidation.outbox import Outbox
from ..protocol.tags import kind_of
from ..regions.config import Cache

HOUR: Final = 3600.0
RECENT: Final = 2000
"""Rows of the outbox that are looked at."""

MOST: Final = 10
"""Tags that are named."""


def statistics_of(cache: Cache, outbox: Outbox, connection: Connection) -> dict[str, Any]:
    """Everything. ``most`` are the tags that were invalidated most often in the latest rows, and
    ``since`` is when the oldest of those rows was written (Unix time), None without any.
    """
    now = time.time()
    rows = outbox.latest(connection, limit=RECENT)
    recent = [row for row in rows if row.created > now - HOUR]
    kinds = Counter(kind_of(tag) for row in recent for tag in row.tags)
    tags = Counter(tag for row in rows for tag in row.tags)
    return {
        "stamps": {"url": cache.stamps_url, "clock": cache.stamps.clock()},
        "outbox": {
            "age": outbox.age(connection, now=now),
            "unpublished": outbox.backlog(connection),
            "last_hour": len(recent),
            "kinds": dict(kinds.most_common()),
            "most": dict(tags.most_common(MOST)),
            "since": rows[-1].created if rows else None,
            "rows": outbox.count(connection),
        },
        "regions": {name: _region(cache, name) for name in cache.regions},
    }


def _region(cache: Cache, name: str) -> dict[str, Any]:
    region = cache.regions[name]
    policy = region.policy
    backend: Any = cache.dogpile[name].actual_backend
    told: dict[str, Any] = {
        "backend": type(backend).__name__,
        "private": name in cache.private_regions,
        "mode": "soft" if policy.soft else "strict",
        "expiration_time": policy.expiration_time,
        "stale_if_error": policy.stale_if_error,
        "answers": _answers(region),
    }
    if name not in cache.private_regions and hasattr(backend, "statistics"):
        told["servers"] = {server: _server(stats) for server, stats in backend.statistics().items()}
    return told


def _answers(region: Any) -> bool:
    try:
        region.check()
    except StoreError:
        return False
    return True


def _server(stats: Mapping[str, str]) -> dict[str, Any] | None:
    """What matters of memcached's counters; None for a server that is away."""
    if not stats:
        return None
    names = ("curr_items", "bytes", "limit_maxbytes", "evictions", "get_hits", "get_misses")
    return {name: int(stats[name]) for name in names}
