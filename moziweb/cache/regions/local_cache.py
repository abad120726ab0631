"""The first level: entries kept in this process, each good for as long as the clock stands still.

A copy is remembered with the clock it was found true at. While the clock reads the same, nobody
has published anything, so the copy is still true: a hit costs one tiny GET, of the clock, and a
look into a dictionary. Any publish moves the clock, and the copy has to be checked anew: by its
stamps alone, without fetching it (``judging.rechecked``). Stamps cannot tell that an entry was
removed by its address, so whoever removes one buries a tag of the region's copies, and the number
that comes after it is compared with the clock from before the copy was fetched. Not with the clock
of its last check: a check between the first step of that publish and its TOMB passes, at a clock
that the number may be equal to.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from ..protocol.entry import Entry

OVERHEAD: Final = 600
"""Bytes, about, that a copy takes beside its payload: objects, key and tags."""


@dataclass(slots=True)
class Copy:
    """An entry, the clock it was valid at, and when that was last known (Unix time).

    ``fetched`` is the clock that was read before the entry was fetched, for good.
    """

    entry: Entry
    validated_at: int
    last_hit: float
    fetched_at: int


class LocalCache:
    """The least recently used copies of at most ``max_bytes`` altogether; 0 keeps none."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._copies: OrderedDict[str, Copy] = OrderedDict()
        self._bytes = 0

    @property
    def used_bytes(self) -> int:
        """The bytes that the copies take now."""
        return self._bytes

    def get(self, key: str, g: int, now: float) -> Entry | None:
        """The unexpired entry that was valid at this very clock."""
        with self._lock:
            copy = self._copies.get(key)
            if copy is None or copy.validated_at != g or now >= copy.entry.expires:
                return None
            copy.last_hit = now
            self._copies.move_to_end(key)
            return copy.entry

    def find(self, key: str) -> Copy | None:
        """The copy, whatever clock it belongs to and whether or not it has expired."""
        return self._copies.get(key)

    def mark_valid(self, copy: Copy, g: int) -> None:
        """Note that a copy was found true at the clock ``g``, read before it was checked."""
        with self._lock:
            copy.validated_at = g

    def mark_used(self, key: str, copy: Copy, now: float) -> None:
        """Note that a copy was found true at ``now``."""
        with self._lock:
            copy.last_hit = now
            if self._copies.get(key) is copy:
                self._copies.move_to_end(key)

    def last_valid(self, key: str, since: float) -> Entry | None:
        """The entry that was known to be valid at some moment from ``since`` on, if there is one.

        For when the clock cannot be read, and what was true a moment ago is better than nothing.
        """
        with self._lock:
            copy = self._copies.get(key)
            return copy.entry if copy is not None and copy.last_hit >= since else None

    def put(self, key: str, entry: Entry, g: int, now: float) -> None:
        """Remember that ``entry`` is valid at ``g``."""
        cost = entry.size + OVERHEAD
        with self._lock:
            self._drop(key)
            if cost > self._max_bytes:
                return
            self._copies[key] = Copy(entry, g, now, fetched_at=g)
            self._bytes += cost
            while self._bytes > self._max_bytes:
                self._drop(next(iter(self._copies)))

    def discard(self, key: str, *, unless: Entry | None = None) -> None:
        """Drop the copy of ``key``, if there is one and it is not of this very entry."""
        with self._lock:
            copy = self._copies.get(key)
            if copy is not None and copy.entry is not unless:
                self._drop(key)

    def _drop(self, key: str) -> None:
        copy = self._copies.pop(key, None)
        if copy is not None:
            self._bytes -= copy.entry.size + OVERHEAD
