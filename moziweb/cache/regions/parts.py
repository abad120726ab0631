"""What a region is made of, and how it treats its entries."""

from collections.abc import Callable
from dataclasses import dataclass

from ..events import CacheEvents
from ..protocol.leases import Leases
from ..protocol.stamps import StampStore
from ..stores.dogpile_adapter import EntryStore
from .local_cache import LocalCache
from .policy import Policy


@dataclass(frozen=True, slots=True)
class RegionParts:
    """What a region is made of."""

    name: str
    policy: Policy
    entries: EntryStore
    stamps: StampStore
    leases: Leases
    local_cache: LocalCache
    observer: CacheEvents
    now: Callable[[], float]
