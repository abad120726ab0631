"""How a page was served, told in its headers: for browsers' tools, for curl, for tests.

* ``X-Cache``: ``l1``, ``hit``, ``stale``, ``miss`` or ``bypass`` (``rendering.Status``);
* ``Age``: how many seconds ago it was rendered; ``X-Cache-Age`` where others may keep it;
* ``Server-Timing``: where the cache's part of the answer went, in milliseconds;
* ``X-Cache-Tags``: what the page shows, where the ini file says ``cache.debug = true``.
"""

import time
from collections.abc import Iterable
from typing import Final

from ..protocol.entry import Entry
from ..regions.http_policy import http_cache_policy_of
from ..regions.rendering import CacheResult

TAGS_BYTES: Final = 2000
"""What the tags may take of a response's head, of which proxies commonly take 8 KB in all."""


def headers_of(served: CacheResult, *, tags: bool = False) -> dict[str, str]:
    """The headers of a served entry; ``tags`` for those, too."""
    entry = served.entry
    headers = {
        "X-Cache": served.status.value,
        age_header(entry): str(max(0, int(time.time() - entry.created))),
    }
    if served.timings:
        headers["Server-Timing"] = server_timing(served.timings)
    if tags:
        headers["X-Cache-Tags"] = bounded(entry.tags)
    return headers


def age_header(entry: Entry) -> str:
    """Under which name an entry's age is told.

    To who keeps pages without asking, "Age" would say that much of their time is over. It is not:
    the page was found true just now, however long ago it was rendered.
    """
    return "X-Cache-Age" if http_cache_policy_of(entry).has_lifetime else "Age"


def server_timing(spent: Iterable[tuple[str, float]]) -> str:
    """``clock;dur=0.03, fetch;dur=0.12``, of seconds by what they went into."""
    return ", ".join(f"{name};dur={seconds * 1000:.2f}" for name, seconds in spent)


def bounded(tags: Iterable[str], limit: int = TAGS_BYTES) -> str:
    """The tags with spaces between, and how many were left out at ``limit`` bytes: ``a:1 +12``."""
    names = list(tags)
    text = " ".join(names)
    if len(text) <= limit:
        return text
    kept = text[:limit].rsplit(" ", 1)[0].split(" ")
    return f"{' '.join(kept)} +{len(names) - len(kept)}"
