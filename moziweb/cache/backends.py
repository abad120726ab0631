"""dogpile backends that carry bytes and only bytes: a bounded memory, and memcached.

They are known to dogpile as ``moziweb.memory`` and ``moziweb.memcached`` and take dogpile's own
arguments. Neither ever pickles: without a serializer on the region, only bytes can be stored.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from dogpile.cache import register_backend
from dogpile.cache.api import NO_VALUE, BytesBackend, SerializedReturnType
from dogpile.cache.util import sha1_mangle_key

from .clients import Memcached, is_plain_key

MEMORY: Final = "moziweb.memory"
MEMCACHED: Final = "moziweb.memcached"

DEFAULT_MAX_BYTES: Final = 64_000_000
OVERHEAD: Final = 200
"""Bytes, about, that a value in memory takes beside itself and its key."""


def only_bytes(payload: object) -> bytes:
    """The serializer of a region that has none: bytes pass, all else is a mistake."""
    if isinstance(payload, bytes):
        return payload
    raise TypeError(f"this region stores bytes; give it a serializer for {type(payload).__name__}")


class MemoryBackend(BytesBackend):
    """Values in this process: the least recently used, of at most ``max_bytes`` altogether.

    dogpile's own memory backend keeps everything for ever. Argument: ``max_bytes``.
    """

    serializer = staticmethod(only_bytes)
    deserializer = staticmethod(bytes)

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self._max_bytes = int(arguments.get("max_bytes", DEFAULT_MAX_BYTES))
        self._lock = threading.Lock()
        self._values: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0

    @property
    def used(self) -> int:
        """The bytes that the values take now."""
        return self._bytes

    def get_serialized(self, key: str) -> SerializedReturnType:
        """The value, or ``NO_VALUE``."""
        with self._lock:
            return self._get(key)

    def get_serialized_multi(self, keys: Iterable[str]) -> Sequence[SerializedReturnType]:
        """The values in the order of ``keys``."""
        with self._lock:
            return [self._get(key) for key in keys]

    def set_serialized(self, key: str, value: bytes) -> None:
        """Store; the least recently used make room."""
        self.set_serialized_multi({key: value})

    def set_serialized_multi(self, mapping: Mapping[str, bytes]) -> None:
        """Store all."""
        with self._lock:
            for key, value in mapping.items():
                self._put(key, value)

    def delete(self, key: str) -> None:
        """Remove, if it is there."""
        self.delete_multi([key])

    def delete_multi(self, keys: Iterable[str]) -> None:
        """Remove what is there."""
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
        if cost > self._max_bytes:
            return
        self._values[key] = value
        self._bytes += cost
        while self._bytes > self._max_bytes:
            self._drop(next(iter(self._values)))

    def _drop(self, key: str) -> None:
        value = self._values.pop(key, None)
        if value is not None:
            self._bytes -= _cost(key, value)


def _cost(key: str, value: bytes) -> int:
    return len(key) + len(value) + OVERHEAD


class MemcachedBackend(BytesBackend):
    """Values on a ring of memcached servers, through ``clients.py``.

    Arguments, with dogpile's names: ``url``, one ``host:port`` or several; ``behaviors``, see
    ``clients.py``; ``memcached_expire_time``, in seconds, which must exceed the region's
    ``expiration_time`` or there would be nothing stale to serve. Errors are ``StoreError``.
    """

    serializer = staticmethod(only_bytes)
    deserializer = staticmethod(bytes)

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        url = arguments["url"]
        servers = [url] if isinstance(url, str) else list(url)
        self._client = Memcached(servers, behaviors_extra=arguments.get("behaviors"))
        self._ttl = float(arguments.get("memcached_expire_time", 0))

    def statistics(self) -> dict[str, dict[str, str]]:
        """memcached's own counters, by server; none of a server that is away."""
        return self._client.statistics()

    def key_mangler(self, key: str) -> str:
        """For regions without a mangler: a key that memcached cannot carry becomes a digest."""
        return key if is_plain_key(key) else sha1_mangle_key(key)

    def get_serialized(self, key: str) -> SerializedReturnType:
        """The value, or ``NO_VALUE``."""
        value = self._client.get(key)
        return NO_VALUE if value is None else value

    def get_serialized_multi(self, keys: Iterable[str]) -> Sequence[SerializedReturnType]:
        """The values in the order of ``keys``, in one round trip per server."""
        wanted = list(keys)
        found = self._client.get_multi(wanted)
        return [found.get(key, NO_VALUE) for key in wanted]

    def set_serialized(self, key: str, value: bytes) -> None:
        """Store for ``memcached_expire_time``."""
        self._client.set(key, value, self._ttl)

    def set_serialized_multi(self, mapping: Mapping[str, bytes]) -> None:
        """Store all, or raise."""
        self._client.set_multi(mapping, self._ttl)

    def delete(self, key: str) -> None:
        """Remove, if it is there."""
        self._client.delete(key)

    def delete_multi(self, keys: Iterable[str]) -> None:
        """Remove what is there."""
        for key in keys:
            self._client.delete(key)


for _name, _class in ((MEMORY, "MemoryBackend"), (MEMCACHED, "MemcachedBackend")):
    register_backend(_name, __name__, _class)  # type: ignore[no-untyped-call]  # dogpile's own
