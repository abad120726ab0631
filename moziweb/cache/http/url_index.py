"""Which entry stands at an address: what is known without routing.

A view that has served a page notes where its entry lies; from then on the page can be served before
anything else is done about a request (``fastpath.py``). A note holds until the moment that the page
shows is over, when another key may stand there.
"""

import threading
from collections.abc import Iterable
from typing import Final

from .routes import EntryLocation

KNOWN_URLS: Final = 20_000
"""Paths whose places a process remembers; about 4 MB."""


class UrlIndex:
    """The places of paths, as WSGI has them. Bounded; the oldest go."""

    def __init__(self, size: int = KNOWN_URLS) -> None:
        self._size = size
        self._known: dict[str, EntryLocation] = {}
        self._lock = threading.Lock()

    def find(self, path: str, now: float) -> EntryLocation | None:
        """The place of a path, unless its moment is over at ``now`` (Unix time)."""
        place = self._known.get(path)
        return place if place is not None and now < place.until else None

    def paths_of(self, keys: Iterable[str]) -> dict[str, str]:
        """A path of each of ``keys`` that is known here; all are looked through."""
        wanted = frozenset(keys)
        with self._lock:
            known = list(self._known.items())
        return {place.key: path for path, place in known if place.key in wanted}

    def remember(self, path: str, place: EntryLocation) -> None:
        """Remember the place of a path."""
        with self._lock:
            self._known.pop(path, None)
            while len(self._known) >= self._size:
                del self._known[next(iter(self._known))]
            self._known[path] = place
