"""What a region is made of, and how it treats its entries."""

from collections.abc import Callable
from dataclasses import dataclass

from moziweb.cache.policy import Policy

from .events import Observer
from .l1 import FirstLevel
from .protocol.leases import Leases
from .protocol.stamps import Stamps
from .stores.dogpile_adapter import EntryStore


@dataclass(frozen=True, slots=True)
class Parts:
    """What a region is made of."""

    name: str
    policy: Policy
    entries: EntryStore
    stamps: Stamps
    leases: Leases
    l1: FirstLevel
    observer: Observer
    now: Callable[[], float]
