"""HTTP caching policy of a region: Cache-Control and surrogate keys for browsers and a CDN.

By default a cached response is revalidated before each use. A CDN may keep pages for ``s_maxage``
seconds; it is purged by the tags in ``surrogate_header`` (``stores/cdn.py``). A header that would
be too long has the tags' short forms; a purge sends both. A CDN must not keep a page with more tags
than fit into that header, because a purge by one of the others would miss it. Nor may it keep a
stale or unstored page, and no page is kept beyond its expiry.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..protocol.tags import short_form

Headers = tuple[tuple[str, str], ...]

EVERYTHING: Final = "everything"
"""The surrogate key of every page."""

SHORTEN_ABOVE: Final = 4000
"""Above this length the surrogate header has short forms: proxies take 4 or 8 KB of headers."""

DERIVED_KEY: Final = "http_policy"
"""The key of the region's policy in ``Entry.derived``."""


@dataclass(frozen=True, slots=True)
class HttpCachePolicy:
    """How long browsers and a CDN may keep a region's pages, in seconds; 0 is not at all.

    ``surrogate_header`` is ``Surrogate-Key`` or ``xkey``, "" for none.
    """

    max_age: int = 0
    s_maxage: int = 0
    stale_while_revalidate: int = 0
    surrogate_header: str = ""
    surrogate_bytes: int = 8000

    @property
    def has_lifetime(self) -> bool:
        """Whether pages may be reused without revalidation, so that their Age header counts."""
        return bool(self.max_age or self.s_maxage)

    @property
    def max_lifetime(self) -> int:
        """The seconds for which a page must stay valid, or its lifetime is cut short."""
        return max(self.max_age, self.s_maxage)

    @property
    def uncacheable_headers(self) -> Headers:
        """The headers of a page that may not be kept: it is stale, or of unknown age."""
        if not self.has_lifetime and not self.surrogate_header:
            return (("Cache-Control", "no-cache"),)
        return (("Cache-Control", "no-cache"), ("Surrogate-Control", "no-store"))

    def headers(self, tags: Iterable[str], left: float = math.inf) -> Headers:
        """The headers of a page with these tags that expires in ``left`` seconds."""
        s_maxage = int(max(0, min(self.s_maxage, left)))
        surrogate: Headers = ()
        if self.surrogate_header:
            keys = self._surrogate_keys(tags)
            surrogate = ((self.surrogate_header, keys),)
            if len(keys) > self.surrogate_bytes:
                s_maxage, surrogate = 0, (("Surrogate-Control", "no-store"),)
        return (("Cache-Control", self._cache_control(s_maxage, left)), *surrogate)

    def _surrogate_keys(self, tags: Iterable[str]) -> str:
        names = sorted(tags)
        keys = " ".join((EVERYTHING, *names))
        if len(keys) <= min(SHORTEN_ABOVE, self.surrogate_bytes):
            return keys
        return " ".join((EVERYTHING, *map(short_form, names)))

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
"""Keep, and revalidate before each use."""


def http_policy_in(derived: Mapping[str, Any]) -> HttpCachePolicy:
    """Return the policy in ``Entry.derived``: of the region that the entry came from."""
    policy: HttpCachePolicy = derived.get(DERIVED_KEY, REVALIDATE_ALWAYS)
    return policy
