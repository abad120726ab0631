"""Answers at addresses of which there is no end: "not found", redirects, pages that show nothing.

Whoever tries such addresses, or walks from one empty week of a calendar to the next, must not be
able to push pages out of the cache. So these answers share a fixed number of places: each is stored
at one that its address is hashed to, together with the key that its page would have, and is gone
when another one comes to lie there. They are looked for only where no page was found, and take no
room in a process's own memory. What they show is known by their tags, as with any page: the one
that says there is no such film goes stale when films are added.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from ..protocol.entry import Entry
from ..protocol.keys import KeyBuilder
from .region import TaggedRegion
from .rendering import CacheResult, RenderContext, Rendered

MOVED: Final = frozenset({301, 302, 303, 307, 308})
MISSING: Final = frozenset({404, 410})
STATUSES: Final = MOVED | MISSING

_INSTEAD_OF: Final = "instead_of"


@dataclass(frozen=True, slots=True)
class NegativeEntries:
    """The strays among the answers of a region's views."""

    region: TaggedRegion
    keys: KeyBuilder

    def find(self, page: str) -> CacheResult | None:
        """What is answered instead of the page with this key, if that is known and true."""
        return self.region.get_if(
            self._slot_key(page), lambda entry: entry.content.get(_INSTEAD_OF) == page
        )

    def store(self, page: str, answer: Rendered, context: RenderContext) -> CacheResult | None:
        """Store what is answered instead of a page, as ``context`` has recorded it.

        None if another one is being stored at the same place.
        """
        content: Mapping[str, str | int | float] = {**answer.content, _INSTEAD_OF: page}
        return self.region.put(self._slot_key(page), replace(answer, content=content), context)

    def key_of(self, page: str) -> str | None:
        """The key under which an answer for this page's key lies, true or not; None without one."""
        return self._slot_key(page) if self.entries([page]) else None

    def entries(self, pages: Iterable[str]) -> dict[str, Entry]:
        """The answers that lie here for pages of these keys, true or not. One fetch for all."""
        at = {page: self._slot_key(page) for page in pages}
        found = self.region.stored(dict.fromkeys(at.values()))
        return {
            page: found[place]
            for page, place in at.items()
            if place in found and found[place].content.get(_INSTEAD_OF) == page
        }

    def cap(self, context: RenderContext) -> None:
        """Let an answer live for a short while: there may be more of them than anyone has room for,
        a CDN among others, and one that says "not found" may have missed a tag.
        """
        context.cap(self.region.now() + self.region.policy.negative_ttl)

    def _slot_key(self, page: str) -> str:
        digest = hashlib.sha256(page.encode()).digest()
        number = int.from_bytes(digest[:8]) % self.region.policy.negative_slots
        return self.keys.key("stray", str(number))
