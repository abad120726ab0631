"""Locations of entries by path, so that the fast path needs no routing."""

import threading
from collections.abc import Iterable
from typing import Final

from .routes import EntryLocation

KNOWN_URLS: Final = 20_000
"""Maximum number of paths; about 4 MB."""


class UrlIndex:
    """Locations by ``PATH_INFO``, of pages that views have served. Bounded; evicts the oldest.

    Of pages that declare query parameters, only the one without parameters is here.
    """

    def __init__(self, size: int = KNOWN_URLS) -> None:
        self._size = size
        self._known: dict[str, EntryLocation] = {}
        self._lock = threading.Lock()

    def find(self, path: str, query: str, now: float) -> EntryLocation | None:
        """The location of a URL, unless its time window has ended at ``now`` (Unix time)."""
        location = self._known.get(path)
        if location is None or now >= location.until or (query and location.has_params):
            return None
        return location

    def paths_of(self, keys: Iterable[str]) -> dict[str, str]:
        """A path of each of ``keys`` that has one here. Scans all paths."""
        wanted = frozenset(keys)
        with self._lock:
            known = list(self._known.items())
        return {each.key: path for path, each in known if each.key in wanted}

    def remember(self, path: str, location: EntryLocation) -> None:
        """Add the location of a path."""
        with self._lock:
            self._known.pop(path, None)
            while len(self._known) >= self._size:
                del self._known[next(iter(self._known))]
            self._known[path] = location
