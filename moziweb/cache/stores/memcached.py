"""A store in memcached: atomic operations on one server, and a dogpile backend on a ring."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from dogpile.cache import register_backend
from dogpile.cache.api import NO_VALUE, BytesBackend, SerializedReturnType
from dogpile.cache.util import sha1_mangle_key

from .memcached_client import MemcachedClient, is_plain_key
from .memory import require_bytes


class MemcachedAtomicStore:
    """An atomic store in one memcached.

    One server and not a ring: in a test, a ``set_multi`` to an ejected node reported no failure,
    and the old stamp came back with the node.
    """

    def __init__(self, client: MemcachedClient, prefix: str = "") -> None:
        """``prefix`` is put before every name, so that two sites can share a server."""
        self._client = client
        self._prefix = prefix

    def get(self, name: str) -> bytes | None:
        """See ``AtomicStore``."""
        return self._client.get(self._prefix + name)

    def get_multi(self, names: Iterable[str]) -> dict[str, bytes]:
        """See ``AtomicStore``."""
        found = self._client.get_multi([self._prefix + name for name in names])
        skip = len(self._prefix)
        return {key[skip:]: value for key, value in found.items()}

    def gets(self, name: str) -> tuple[bytes, int] | None:
        """See ``AtomicStore``."""
        return self._client.gets(self._prefix + name)

    def cas(self, name: str, value: bytes, token: int, ttl: float = 0) -> bool:
        """See ``AtomicStore``."""
        return self._client.cas(self._prefix + name, value, token, ttl)

    def add(self, name: str, value: bytes, ttl: float = 0) -> bool:
        """See ``AtomicStore``."""
        return self._client.add(self._prefix + name, value, ttl)

    def set_multi(self, values: Mapping[str, bytes], ttl: float = 0) -> None:
        """See ``AtomicStore``."""
        self._client.set_multi({self._prefix + name: value for name, value in values.items()}, ttl)

    def incr(self, name: str) -> int | None:
        """See ``AtomicStore``."""
        return self._client.incr(self._prefix + name)

    def delete(self, name: str) -> None:
        """See ``AtomicStore``."""
        self._client.delete(self._prefix + name)


MEMCACHED: Final = "moziweb.memcached"


class MemcachedBackend(BytesBackend):
    """A dogpile backend on a ring of memcached servers. Raises ``StoreError``.

    Arguments, with dogpile's names: ``url``, one ``host:port`` or several; ``behaviors`` of
    ``MemcachedClient``; ``memcached_expire_time``, in seconds, which must exceed the region's
    ``expiration_time``, or there would be no stale entry to serve.
    """

    serializer = staticmethod(require_bytes)
    deserializer = staticmethod(bytes)

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        url = arguments["url"]
        servers = [url] if isinstance(url, str) else list(url)
        self._client = MemcachedClient(servers, behaviors_extra=arguments.get("behaviors"))
        self._ttl = float(arguments.get("memcached_expire_time", 0))

    def statistics(self) -> dict[str, dict[str, str]]:
        """Return memcached's counters by server; empty for one that does not answer."""
        return self._client.statistics()

    def key_mangler(self, key: str) -> str:
        """Replace keys that memcached cannot carry by a digest; for regions without a mangler."""
        return key if is_plain_key(key) else sha1_mangle_key(key)

    def get_serialized(self, key: str) -> SerializedReturnType:
        """Return the value, or ``NO_VALUE``."""
        value = self._client.get(key)
        return NO_VALUE if value is None else value

    def get_serialized_multi(self, keys: Iterable[str]) -> Sequence[SerializedReturnType]:
        """Return the values in the order of ``keys``, in one round trip per server."""
        wanted = list(keys)
        found = self._client.get_multi(wanted)
        return [found.get(key, NO_VALUE) for key in wanted]

    def set_serialized(self, key: str, value: bytes) -> None:
        """Store for ``memcached_expire_time``."""
        self._client.set(key, value, self._ttl)

    def set_serialized_multi(self, mapping: Mapping[str, bytes]) -> None:
        """Store all for ``memcached_expire_time``, or raise."""
        self._client.set_multi(mapping, self._ttl)

    def delete(self, key: str) -> None:
        """Delete the value, if there is one."""
        self._client.delete(key)

    def delete_multi(self, keys: Iterable[str]) -> None:
        """Delete the values that exist."""
        for key in keys:
            self._client.delete(key)


register_backend(MEMCACHED, __name__, "MemcachedBackend")  # type: ignore[no-untyped-call]  # dogpile's own
