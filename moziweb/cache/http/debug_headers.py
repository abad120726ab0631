"""Debug headers: X-Cache, Age, Server-Timing, X-Cache-Tags.

* ``X-Cache``: ``l1``, ``hit``, ``stale``, ``miss`` or ``bypass`` (``rendering.CacheStatus``);
* ``Age``: seconds since the render; ``X-Cache-Age`` where browsers or a CDN may keep the page;
* ``Server-Timing``: milliseconds that each step in the cache took;
* ``X-Cache-Tags``: the tags of the page, if the ini file has ``cache.debug = true``.
"""

import time
from collections.abc import Iterable
from typing import Final

from ..protocol.entry import Entry
from ..regions.http_policy import http_policy_in
from ..regions.rendering import CacheResult

TAGS_BYTES: Final = 2000
"""Limit of ``X-Cache-Tags``. Proxies commonly accept 8 KB of headers in all."""


def headers_of(served: CacheResult, *, tags: bool = False) -> dict[str, str]:
    """The debug headers of a served entry, with its tags if ``tags``."""
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
    """The name of the header with an entry's age.

    A cache that keeps the page without revalidation would subtract ``Age`` from its lifetime. But
    the page was validated just now, however long ago it was rendered.
    """
    return "X-Cache-Age" if http_policy_in(entry.derived).has_lifetime else "Age"


def server_timing(timings: Iterable[tuple[str, float]]) -> str:
    """``clock;dur=0.03, fetch;dur=0.12`` from names and seconds."""
    return ", ".join(f"{name};dur={seconds * 1000:.2f}" for name, seconds in timings)


def bounded(tags: Iterable[str], limit: int = TAGS_BYTES) -> str:
    """The tags, separated by spaces; the number of those past ``limit`` bytes: ``a:1 +12``."""
    names = list(tags)
    text = " ".join(names)
    if len(text) <= limit:
        return text
    kept = text[:limit].rsplit(" ", 1)[0].split(" ")
    return f"{' '.join(kept)} +{len(names) - len(kept)}"
