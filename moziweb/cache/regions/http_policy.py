"""How long others may keep a page: browsers, and a CDN that is told what to purge.

Without any of this, whoever keeps a page asks before each use, and an invalidation is in effect at
the next request. A CDN takes the load off: it keeps pages for ``s_maxage`` seconds and drops them
by their tags, which it is told in ``surrogate_header`` (``purging.py``). A page whose tags are too
many for that header could not be dropped by some of them: it is not to be kept by a CDN at all. Nor
is one that is served outdated or unstored, and none is kept for longer than it is true.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ..protocol.entry import Entry

Headers = tuple[tuple[str, str], ...]

EVERYTHING: Final = "everything"
"""The surrogate key that every page carries."""

KEY: Final = "delivery"
"""Where an entry's memo has the delivery of its region."""


@dataclass(frozen=True, slots=True)
class HttpCachePolicy:
    """How a region's pages are delivered. Times are in seconds, 0 is not at all.

    ``surrogate_header`` is ``Surrogate-Key`` or ``xkey``, "" for none.
    """

    max_age: int = 0
    s_maxage: int = 0
    stale_while_revalidate: int = 0
    surrogate_header: str = ""
    surrogate_bytes: int = 8000

    @property
    def has_lifetime(self) -> bool:
        """Whether anyone keeps pages without asking: then their age would be held against them."""
        return bool(self.max_age or self.s_maxage)

    @property
    def max_lifetime(self) -> int:
        """The seconds for which a page must be true at the least to be kept as long as is set."""
        return max(self.max_age, self.s_maxage)

    @property
    def uncacheable_headers(self) -> Headers:
        """The headers of a page that nobody may keep: it is outdated, or of unknown age."""
        if not self.has_lifetime and not self.surrogate_header:
            return (("Cache-Control", "no-cache"),)
        return (("Cache-Control", "no-cache"), ("Surrogate-Control", "no-store"))

    def headers(self, tags: Iterable[str], left: float = math.inf) -> Headers:
        """The headers of a page with these tags that runs out in ``left`` seconds."""
        s_maxage = int(max(0, min(self.s_maxage, left)))
        if not self.surrogate_header:
            return (("Cache-Control", self._cache_control(s_maxage, left)),)
        keys = " ".join((EVERYTHING, *sorted(tags)))
        if len(keys) > self.surrogate_bytes:
            return (
                ("Cache-Control", self._cache_control(0, left)),
                ("Surrogate-Control", "no-store"),
            )
        return (
            ("Cache-Control", self._cache_control(s_maxage, left)),
            (self.surrogate_header, keys),
        )

    def _cache_control(self, s_maxage: int, left: float) -> str:
        max_age = int(max(0, min(self.max_age, left)))
        if not max_age and not s_maxage:
            return "no-cache"
        parts = [f"max-age={max_age}"]
        if s_maxage:
            parts.append(f"s-maxage={s_maxage}")
            if self.stale_while_revalidate:
                parts.append(f"stale-while-revalidate={self.stale_while_revalidate}")
        elif self.s_maxage:
            parts.append("s-maxage=0")
        return ", ".join(parts)


REVALIDATE_ALWAYS: Final = HttpCachePolicy()
"""Keep, and ask each time."""


def http_cache_policy_of(entry: Entry) -> HttpCachePolicy:
    """How the region that an entry came from delivers its pages."""
    found: HttpCachePolicy = entry.derived.get(KEY, REVALIDATE_ALWAYS)
    return found
