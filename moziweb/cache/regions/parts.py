"""What a region is made of, and how it treats its entries."""

from collections.abc import Callable
from dataclasses import dataclass

from ..events import Observer
from ..protocol.leases import Leases
from ..protocol.stamps import Stamps
from ..stores.dogpile_adapter import EntryStore
from .local_cache import FirstLevel
from .policy import Policy


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
