"""Cells: the few atomic operations of memcached that stamps and leases are made of.

The protocol of ``stamps.py`` and the leases of ``lease.py`` need exactly this much of a store and
no more, so a store of another make is one small class. Three are at hand, with one contract:

* ``MemoryCells``, below: one process. For tests, and for leases on entries kept in the process.
* ``SqliteCells``: the processes of one machine, through a small file. The embedded default.
* ``MemcachedCells``: any number of machines, through one memcached.

An operation is done when it returns. One that may not have been done raises ``StoreError``: a
failure is never mistaken for an answer, whatever the driver beneath makes of it.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol


class AtomicStore(Protocol):
    """Named values of bytes, none empty. ``ttl`` is in seconds, 0 for as long as there is room."""

    def get(self, name: str) -> bytes | None:
        """The value, or None."""

    def get_multi(self, names: Iterable[str]) -> dict[str, bytes]:
        """What is there of ``names``."""

    def gets(self, name: str) -> tuple[bytes, int] | None:
        """The value and a token for ``cas``, or None."""

    def cas(self, name: str, value: bytes, token: int, ttl: float = 0) -> bool:
        """Set unless anyone has written since ``gets`` returned ``token``; whether it was set."""

    def add(self, name: str, value: bytes, ttl: float = 0) -> bool:
        """Set where there is nothing; whether it was set."""

    def set_multi(self, values: Mapping[str, bytes], ttl: float = 0) -> None:
        """Set all; raises unless every one is acknowledged."""

    def incr(self, name: str) -> int | None:
        """Add one to a decimal number and return the sum; None where there is nothing."""

    def delete(self, name: str) -> None:
        """Remove, if it is there."""
