"""Bounded negative caching: 404s, redirects and pages without content.

There is no end of URLs that answer so: wrong ids, empty weeks of a calendar. Such answers must not
push pages out of the cache, so they share a fixed number of slots. Each is stored in the slot that
the hash of its page's key selects, together with that key, and replaces the previous one there.
They are looked up only if no page is stored, and are not kept in the local cache. Their tags
invalidate them like any page: "no such movie" becomes outdated when movies are added.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ..protocol.entry import Entry
from ..protocol.keys import KeyBuilder
from .rendering import CacheResult, RenderContext, Rendered

if TYPE_CHECKING:
    from .region import TaggedRegion

MOVED: Final = frozenset({301, 302, 303, 307, 308})
MISSING: Final = frozenset({404, 410})
STATUSES: Final = MOVED | MISSING

_INSTEAD_OF: Final = "instead_of"


@dataclass(frozen=True, slots=True)
class NegativeEntries:
    """The negative entries of a region, by the keys of the pages that they stand for."""

    region: TaggedRegion
    keys: KeyBuilder

    def find(self, page: str) -> CacheResult | None:
        """Return the valid answer that is stored for the page with this key, or None."""
        slot = self._slot_key(page)
        return self.region.get_if(slot, lambda entry: entry.content.get(_INSTEAD_OF) == page)

    def store(self, page: str, answer: Rendered, context: RenderContext) -> CacheResult | None:
        """Store an answer for a page, with the dependencies that ``context`` recorded.

        None if another answer is being stored in the same slot.
        """
        content: Mapping[str, str | int | float] = {**answer.content, _INSTEAD_OF: page}
        return self.region.store(self._slot_key(page), replace(answer, content=content), context)

    def key_of(self, page: str) -> str | None:
        """Return the key under which an answer for this page is stored, valid or not, or None."""
        return self._slot_key(page) if self.entries([page]) else None

    def entries(self, pages: Iterable[str]) -> dict[str, Entry]:
        """Return the stored answers for pages of these keys, valid or not. One fetch for all."""
        slots = {page: self._slot_key(page) for page in pages}
        found = self.region.stored(dict.fromkeys(slots.values()))
        return {
            page: found[slot]
            for page, slot in slots.items()
            if slot in found and found[slot].content.get(_INSTEAD_OF) == page
        }

    def cap(self, context: RenderContext) -> None:
        """Limit the life of an answer to ``negative_ttl``.

        A CDN, for one, has no bound on how many it keeps; and a 404 may lack a tag.
        """
        context.cap(self.region.now() + self.region.policy.negative_ttl)

    def _slot_key(self, page: str) -> str:
        digest = hashlib.sha256(page.encode()).digest()
        number = int.from_bytes(digest[:8]) % self.region.policy.negative_slots
        return self.keys.key("negative", str(number))
