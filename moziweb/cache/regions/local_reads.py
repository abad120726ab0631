"""Reads from the memory of this process alone, for the event loop of the server."""

from collections.abc import Callable, Mapping

from ..protocol.clock import reaches
from ..protocol.entry import Entry
from .local_cache import Copy
from .parts import RegionParts
from .rendering import CacheStatus
from .validation import revalidate_copies


class LocalReads:
    """The local cache of one region, read in steps, so that many requests share the costly ones.

    Take the copies (``find``), then read the ``clock`` once, then ``revalidate`` the copies of a
    region at once, then ``get`` each entry. No entry is fetched and nothing is rendered.
    """

    def __init__(self, parts: RegionParts, on_hit: Callable[[str, Entry], None]) -> None:
        self._parts = parts
        self._on_hit = on_hit

    def find(self, key: str) -> Copy | None:
        """Return the copy of ``key``, valid or not. Without a copy there is nothing to read."""
        return self._parts.local_cache.find(key)

    def clock(self) -> int | None:
        """Read the clock, which all regions share; None if its store does not answer."""
        return self._parts.stamps.clock()

    def revalidate(self, copies: Mapping[str, Copy], clock: int | None) -> None:
        """Validate those of ``copies``, by key, that are not known to be valid at ``clock``.

        ``clock`` was read after the copies were taken.
        """
        if clock is not None:
            revalidate_copies(self._parts, copies, clock)

    def get(self, key: str, copy: Copy, clock: int | None) -> Entry | None:
        """Return the entry of a copy if it is valid at ``clock`` and has not expired, else None.

        Counts a hit.
        """
        parts = self._parts
        now = parts.now()
        if clock is None or not reaches(copy.validated_at, clock) or now >= copy.entry.expires:
            return None
        parts.local_cache.mark_used(key, copy, now)
        parts.observer.served(parts.name, CacheStatus.L1)
        self._on_hit(key, copy.entry)
        return copy.entry
