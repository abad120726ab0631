"""Cells: the few atomic operations of memcached that stamps and leases are made of.

The protocol of ``stamps.py`` and the leases of ``lease.py`` need exactly this much of a store and
no more, so a store of another make is one small class. Three are at hand, with one contract:

* ``MemoryCells``, below: one process. For tests, and for leases on entries kept in the process.
* ``SqliteCells``: the processes of one machine, through a small file. The embedded default.
* ``MemcachedCells``: any number of machines, through one memcached.

An operation is done when it returns. One that may not have been done raises ``StoreError``: a
failure is never mistaken for an answer, whatever the driver beneath makes of it.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from .clients import Memcached
from .errors import StoreError


class Cells(Protocol):
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


class MemcachedCells:
    """Cells in one memcached.

    One server and not a ring: measured, a ``set_multi`` to an ejected node reported no failure, and
    the old stamp came back with the node.
    """

    def __init__(self, client: Memcached, prefix: str = "") -> None:
        """``prefix`` goes before every name, so that two sites may share a server."""
        self._client = client
        self._prefix = prefix

    def get(self, name: str) -> bytes | None:
        """See ``Cells``."""
        return self._client.get_short(self._prefix + name)

    def get_multi(self, names: Iterable[str]) -> dict[str, bytes]:
        """See ``Cells``."""
        found = self._client.get_multi([self._prefix + name for name in names])
        skip = len(self._prefix)
        return {key[skip:]: value for key, value in found.items()}

    def gets(self, name: str) -> tuple[bytes, int] | None:
        """See ``Cells``."""
        return self._client.gets(self._prefix + name)

    def cas(self, name: str, value: bytes, token: int, ttl: float = 0) -> bool:
        """See ``Cells``."""
        return self._client.cas(self._prefix + name, value, token, ttl)

    def add(self, name: str, value: bytes, ttl: float = 0) -> bool:
        """See ``Cells``."""
        return self._client.add(self._prefix + name, value, ttl)

    def set_multi(self, values: Mapping[str, bytes], ttl: float = 0) -> None:
        """See ``Cells``."""
        self._client.set_multi({self._prefix + name: value for name, value in values.items()}, ttl)

    def incr(self, name: str) -> int | None:
        """See ``Cells``."""
        return self._client.incr(self._prefix + name)

    def delete(self, name: str) -> None:
        """See ``Cells``."""
        self._client.delete(self._prefix + name)


@dataclass(frozen=True, slots=True)
class _Cell:
    value: bytes
    token: int
    until: float


_NEVER: Final = float("inf")


class MemoryCells:
    """Cells in this process, for its threads. What has run out is swept as new values come."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` counts seconds, from anywhere."""
        self._clock = clock
        self._lock = threading.Lock()
        self._cells: dict[str, _Cell] = {}
        self._token = 0
        self._sweep_at = 1024

    def get(self, name: str) -> bytes | None:
        """See ``Cells``."""
        with self._lock:
            cell = self._live(name)
            return cell.value if cell else None

    def get_multi(self, names: Iterable[str]) -> dict[str, bytes]:
        """See ``Cells``."""
        with self._lock:
            found = {name: self._live(name) for name in names}
            return {name: cell.value for name, cell in found.items() if cell}

    def gets(self, name: str) -> tuple[bytes, int] | None:
        """See ``Cells``."""
        with self._lock:
            cell = self._live(name)
            return (cell.value, cell.token) if cell else None

    def cas(self, name: str, value: bytes, token: int, ttl: float = 0) -> bool:
        """See ``Cells``."""
        with self._lock:
            cell = self._live(name)
            if cell is None or cell.token != token:
                return False
            self._put(name, value, ttl)
            return True

    def add(self, name: str, value: bytes, ttl: float = 0) -> bool:
        """See ``Cells``."""
        with self._lock:
            if self._live(name):
                return False
            self._put(name, value, ttl)
            return True

    def set_multi(self, values: Mapping[str, bytes], ttl: float = 0) -> None:
        """See ``Cells``."""
        with self._lock:
            for name, value in values.items():
                self._put(name, value, ttl)

    def incr(self, name: str) -> int | None:
        """See ``Cells``."""
        with self._lock:
            cell = self._live(name)
            if cell is None:
                return None
            if not cell.value.isdigit():
                raise StoreError(f"not a number: {name}")
            total = int(cell.value) + 1
            self._token += 1
            self._cells[name] = _Cell(b"%d" % total, self._token, cell.until)
            return total

    def delete(self, name: str) -> None:
        """See ``Cells``."""
        with self._lock:
            self._cells.pop(name, None)

    def _live(self, name: str) -> _Cell | None:
        cell = self._cells.get(name)
        return cell if cell and cell.until > self._clock() else None

    def _put(self, name: str, value: bytes, ttl: float) -> None:
        self._token += 1
        until = self._clock() + ttl if ttl > 0 else _NEVER
        self._cells[name] = _Cell(value, self._token, until)
        if len(self._cells) >= self._sweep_at:
            self._sweep()

    def _sweep(self) -> None:
        now = self._clock()
        self._cells = {name: cell for name, cell in self._cells.items() if cell.until > now}
        self._sweep_at = max(1024, 2 * len(self._cells))
