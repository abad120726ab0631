"""Local cache: copies of entries in this process, each with the clock that it was valid at.

While the clock has not moved, nothing was published, so the copy is still valid: a hit costs one
small GET, of the clock, and a dictionary lookup. Every publish moves the clock. Then the copy is
revalidated by the invalidation log, or else by its stamps, and in both cases without a fetch
(``validation.revalidate_copies``).

The tags of an entry do not show that it was deleted by its key. So a delete also publishes a tag of
all copies of the region, and its stamp is compared with the clock from before the copy was fetched.
The clock of the last validation would not do: a validation between the first step of that publish
and its tombstone succeeds, at a clock that the later stamp may be equal to.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ..protocol.clock import reaches
from ..protocol.entry import Entry

COPY_OVERHEAD_BYTES: Final = 600
"""Bytes, about, of a copy beside its payload and tags: objects and key."""

TAG_BYTES: Final = 120
"""Bytes, about, of a tag: its text, and its place in a tuple and a set."""


class Confirmation(StrEnum):
    """By what a copy was last found to be valid; for inspection."""

    LOG = "log"
    """The invalidation log."""
    STAMPS = "stamps"
    FRAGMENTS = "fragments"
    """It was assembled from fragments that were just validated."""


@dataclass(slots=True)
class Copy:
    """An entry, the clock it was last valid at, and the time of its last hit (Unix time).

    ``fetched_at`` is the clock that was read before the entry was fetched; it never changes.
    """

    entry: Entry
    validated_at: int
    last_hit: float
    fetched_at: int
    confirmed_by: Confirmation


class LocalCache:
    """Copies of at most ``max_bytes`` in all; the least recently used are evicted. 0 keeps none."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._lock = threading.Lock()
        self._copies: OrderedDict[str, Copy] = OrderedDict()
        self.used_bytes = 0
        """The bytes that the copies use now."""

    def get(self, key: str, clock: int, now: float) -> Entry | None:
        """Return the unexpired entry that was valid at this clock or a later one, or None."""
        with self._lock:
            copy = self._copies.get(key)
            if copy is None or not reaches(copy.validated_at, clock) or now >= copy.entry.expires:
                return None
            copy.last_hit = now
            self._copies.move_to_end(key)
            return copy.entry

    def find(self, key: str) -> Copy | None:
        """Return the copy, of any clock, expired or not."""
        return self._copies.get(key)

    def mark_valid(self, copy: Copy, clock: int, by: Confirmation) -> None:
        """Record that a copy is valid at ``clock``, read before it was validated.

        Another thread may have recorded a later clock.
        """
        with self._lock:
            if not reaches(copy.validated_at, clock):
                copy.validated_at, copy.confirmed_by = clock, by

    def mark_used(self, key: str, copy: Copy, now: float) -> None:
        """Record a hit at ``now``."""
        with self._lock:
            copy.last_hit = now
            if self._copies.get(key) is copy:
                self._copies.move_to_end(key)

    def last_valid(self, key: str, since: float) -> Copy | None:
        """Return the copy that was a hit at ``since`` (Unix time) or later, or None.

        For ``stale_if_error``, when the clock cannot be read.
        """
        with self._lock:
            copy = self._copies.get(key)
            return copy if copy is not None and copy.last_hit >= since else None

    def put(self, key: str, entry: Entry, clock: int, now: float, by: Confirmation) -> None:
        """Keep a copy of ``entry``, which is valid at ``clock``."""
        cost = bytes_of(entry)
        with self._lock:
            self._drop(key)
            if cost > self.max_bytes:
                return
            self._copies[key] = Copy(entry, clock, now, clock, by)
            self.used_bytes += cost
            self._evict()

    def exchange(self, key: str, old: Entry, new: Entry) -> None:
        """Replace ``old`` in the copy of ``key`` by ``new``, the same entry in more codings."""
        with self._lock:
            copy = self._copies.get(key)
            if copy is None or copy.entry is not old:
                return
            copy.entry = new
            self.used_bytes += new.size - old.size
            self._evict()

    def discard(self, key: str) -> None:
        """Remove the copy of ``key``, if there is one."""
        with self._lock:
            self._drop(key)

    def _evict(self) -> None:
        while self.used_bytes > self.max_bytes:
            self._drop(next(iter(self._copies)))

    def _drop(self, key: str) -> None:
        copy = self._copies.pop(key, None)
        if copy is not None:
            self.used_bytes -= bytes_of(copy.entry)


def bytes_of(entry: Entry) -> int:
    """The bytes, about, of a copy of ``entry``."""
    tags = sum(len(group.tags) for group in entry.dependencies)
    return entry.size + COPY_OVERHEAD_BYTES + TAG_BYTES * tags
