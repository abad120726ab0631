"""A dogpile backend on a ring of memcached servers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dogpile.cache.api import NO_VALUE, BytesBackend, SerializedReturnType
from dogpile.cache.util import sha1_mangle_key

from .memcached_client import Credentials, MemcachedClient, is_plain_key
from .memory import require_bytes


class MemcachedBackend(BytesBackend):
    """A dogpile backend on a ring of memcached servers. Raises ``StoreError``.

    Arguments, with dogpile's names: ``url``, one ``host:port`` or several; ``username`` and
    ``password`` for SASL; ``behaviors`` of ``MemcachedClient``; ``memcached_expire_time``, in
    seconds, which must exceed the region's ``expiration_time``, or there would be no stale entry to
    serve.
    """

    serializer = staticmethod(require_bytes)
    deserializer = staticmethod(bytes)

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        url = arguments["url"]
        servers = [url] if isinstance(url, str) else list(url)
        self._client = MemcachedClient(
            servers,
            behaviors_extra=arguments.get("behaviors"),
            credentials=Credentials(arguments.get("username", ""), arguments.get("password", "")),
        )
        self._ttl = float(arguments.get("memcached_expire_time", 0))

    def statistics(self) -> dict[str, dict[str, str]]:
        """Return memcached's counters by server; empty for one that does not answer."""
        return self._client.statistics()

    def check(self) -> None:
        """Raise ``StoreUnreachableError`` unless every server answers a new connection."""
        self._client.check()

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
