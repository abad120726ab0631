"""The atomic operations that stamps and leases need of a store; a subset of memcached's.

* ``stores.memory.MemoryAtomicStore``: one process. For tests, and for leases on entries that are
  kept in the process.
* ``stores.sqlite.SqliteAtomicStore``: the processes of one machine, through a small file.
* ``stores.memcached_client.MemcachedClient``: any number of machines, through one memcached.

An operation is done when it returns. One that may not have been done raises ``StoreError``: a
failure is never returned as an answer.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol


class AtomicStore(Protocol):
    """Non-empty bytes by name. ``ttl`` is in seconds; 0 keeps a value until it is evicted."""

    def get(self, name: str) -> bytes | None:
        """Return the value, or None."""

    def get_multi(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return the values of those ``names`` that exist."""

    def gets(self, name: str) -> tuple[bytes, int] | None:
        """Return the value and a token for ``cas``, or None."""

    def cas(self, name: str, value: bytes, token: int, ttl: float = 0) -> bool:
        """Set if unchanged since ``gets`` returned ``token``; return whether it was set."""

    def add(self, name: str, value: bytes, ttl: float = 0) -> bool:
        """Set if there is no value; return whether it was set."""

    def set_multi(self, values: Mapping[str, bytes], ttl: float = 0) -> None:
        """Set all; raise ``StoreError`` unless every one is acknowledged."""

    def incr(self, name: str) -> int | None:
        """Add one to a decimal number and return the sum; None if there is no value."""

    def delete(self, name: str) -> None:
        """Delete the value, if there is one."""
