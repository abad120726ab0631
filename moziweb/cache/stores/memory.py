"""A store in this process: atomic operations for stamps and leases, and a dogpile backend."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dogpile.cache import register_backend
from dogpile.cache.api import NO_VALUE, BytesBackend, SerializedReturnType

from ..errors import StoreError


@dataclass(frozen=True, slots=True)
class _Item:
    value: bytes
    token: int
    until: float


_NEVER: Final = float("inf")


class MemoryAtomicStore:
    """An atomic store in this process, for its threads. Writes remove expired values at times."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` returns seconds, from any start."""
        self._clock = clock
        self._lock = threading.Lock()
        self._items: dict[str, _Item] = {}
        self._token = 0
        self._sweep_at = 1024

    def get(self, name: str) -> bytes | None:
        """See ``AtomicStore``."""
        with self._lock:
            cell = self._live(name)
            return cell.value if cell else None

    def get_multi(self, names: Iterable[str]) -> dict[str, bytes]:
        """See ``AtomicStore``."""
        with self._lock:
            found = {name: self._live(name) for name in names}
            return {name: cell.value for name, cell in found.items() if cell}

    def gets(self, name: str) -> tuple[bytes, int] | None:
        """See ``AtomicStore``."""
        with self._lock:
            cell = self._live(name)
            return (cell.value, cell.token) if cell else None

    def cas(self, name: str, value: bytes, token: int, ttl: float = 0) -> bool:
        """See ``AtomicStore``."""
        with self._lock:
            cell = self._live(name)
            if cell is None or cell.token != token:
                return False
            self._put(name, value, ttl)
            return True

    def add(self, name: str, value: bytes, ttl: float = 0) -> bool:
        """See ``AtomicStore``."""
        with self._lock:
            if self._live(name):
                return False
            self._put(name, value, ttl)
            return True

    def set_multi(self, values: Mapping[str, bytes], ttl: float = 0) -> None:
        """See ``AtomicStore``."""
        with self._lock:
            for name, value in values.items():
                self._put(name, value, ttl)

    def incr(self, name: str) -> int | None:
        """See ``AtomicStore``."""
        with self._lock:
            cell = self._live(name)
            if cell is None:
                return None
            if not cell.value.isdigit():
                raise StoreError(f"not a number: {name}")
            total = int(cell.value) + 1
            self._token += 1
            self._items[name] = _Item(b"%d" % total, self._token, cell.until)
            return total

    def delete(self, name: str) -> None:
        """See ``AtomicStore``."""
        with self._lock:
            self._items.pop(name, None)

    def _live(self, name: str) -> _Item | None:
        cell = self._items.get(name)
        return cell if cell and cell.until > self._clock() else None

    def _put(self, name: str, value: bytes, ttl: float) -> None:
        self._token += 1
        until = self._clock() + ttl if ttl > 0 else _NEVER
        self._items[name] = _Item(value, self._token, until)
        if len(self._items) >= self._sweep_at:
            self._sweep()

    def _sweep(self) -> None:
        now = self._clock()
        self._items = {name: cell for name, cell in self._items.items() if cell.until > now}
        self._sweep_at = max(1024, 2 * len(self._items))


MEMORY: Final = "moziweb.memory"

DEFAULT_STORE_BYTES: Final = 64_000_000
VALUE_OVERHEAD_BYTES: Final = 200
"""Bytes, about, that a value in memory takes beside its own and its key's."""


def require_bytes(payload: object) -> bytes:
    """The serializer of a region that has none: accepts bytes only."""
    if isinstance(payload, bytes):
        return payload
    raise TypeError(f"this region stores bytes; give it a serializer for {type(payload).__name__}")


class MemoryBackend(BytesBackend):
    """A dogpile backend in this process, of at most ``max_bytes``; least recently used are evicted.

    dogpile's own memory backend has no bound. Argument: ``max_bytes``.
    """

    serializer = staticmethod(require_bytes)
    deserializer = staticmethod(bytes)

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self.max_bytes = int(arguments.get("max_bytes", DEFAULT_STORE_BYTES))
        self._lock = threading.Lock()
        self._values: OrderedDict[str, bytes] = OrderedDict()
        self.used_bytes = 0
        """The bytes that the values use now."""

    def get_serialized(self, key: str) -> SerializedReturnType:
        """Return the value, or ``NO_VALUE``."""
        with self._lock:
            return self._get(key)

    def get_serialized_multi(self, keys: Iterable[str]) -> Sequence[SerializedReturnType]:
        """Return the values in the order of ``keys``."""
        with self._lock:
            return [self._get(key) for key in keys]

    def set_serialized(self, key: str, value: bytes) -> None:
        """Store the value, and evict others if needed."""
        self.set_serialized_multi({key: value})

    def set_serialized_multi(self, mapping: Mapping[str, bytes]) -> None:
        """Store all."""
        with self._lock:
            for key, value in mapping.items():
                self._put(key, value)

    def delete(self, key: str) -> None:
        """Delete the value, if there is one."""
        self.delete_multi([key])

    def delete_multi(self, keys: Iterable[str]) -> None:
        """Delete the values that exist."""
        with self._lock:
            for key in keys:
                self._drop(key)

    def __len__(self) -> int:
        return len(self._values)

    def _get(self, key: str) -> SerializedReturnType:
        value = self._values.get(key)
        if value is None:
            return NO_VALUE
        self._values.move_to_end(key)
        return value

    def _put(self, key: str, value: bytes) -> None:
        self._drop(key)
        cost = _cost(key, value)
        if cost > self.max_bytes:
            return
        self._values[key] = value
        self.used_bytes += cost
        while self.used_bytes > self.max_bytes:
            self._drop(next(iter(self._values)))

    def _drop(self, key: str) -> None:
        value = self._values.pop(key, None)
        if value is not None:
            self.used_bytes -= _cost(key, value)


def _cost(key: str, value: bytes) -> int:
    return len(key) + len(value) + VALUE_OVERHEAD_BYTES


register_backend(MEMORY, __name__, "MemoryBackend")  # type: ignore[no-untyped-call]  # dogpile's own
