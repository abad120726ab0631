"""The parts of a region: its stores, its policy, its observer."""

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
    """The collaborators of one region. ``now`` returns Unix time."""

    name: str
    policy: Policy
    entries: EntryStore
    stamps: StampStore
    leases: Leases
    local_cache: LocalCache
    observer: CacheEvents
    now: Callable[[], float]
