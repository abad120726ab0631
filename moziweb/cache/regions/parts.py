"""The parts of a region: its stores, its policy, its observer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import StoreError

if TYPE_CHECKING:
    from ..events import CacheEvents
    from ..protocol.entry import Entry
    from ..protocol.leases import Leases
    from ..protocol.stamps import StampStore
    from ..stores.dogpile_adapter import EntryStore
    from .local_cache import LocalCache
    from .policy import Policy


@dataclass(frozen=True, slots=True)
class RegionParts:
    """The collaborators of one region. ``now`` returns Unix time."""

    name: str
    policy: Policy
    entries: EntryStore
    stamps: StampStore
    leases: Leases
    local_cache: LocalCache
    observer: CacheEvents
    now: Callable[[], float]

    def stamps_of(
        self, entries: Iterable[Entry], more: Iterable[str] = ()
    ) -> Mapping[str, int] | None:
        """Return the stamps of all tags of ``entries`` and of ``more``; None if they are down."""
        tags = {tag for entry in entries for tag in entry.tags}
        tags.update(more)
        if not tags:
            return {}
        try:
            return self.stamps.get_multi(tags)
        except StoreError:
            self.observer.stamps_failed("get_multi")
            return None

    def resolve(self, tags: Iterable[str]) -> None:
        """Resolve ``tags``. If the store is down they stay unresolved: their entries are misses."""
        wanted = sorted(tags)
        if not wanted:
            return
        try:
            self.stamps.resolve(wanted)
        except StoreError:
            self.observer.stamps_failed("resolve")
