"""A dogpile proxy that signs entries, for memcached that others can write to.

Without it, anyone who can write to the store can replace pages: decoding only refuses what is not
an entry. A signature covers the key, so that a page cannot be moved to another URL.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from dogpile.cache.api import NO_VALUE, SerializedReturnType
from dogpile.cache.proxy import ProxyBackend

from ..events import CacheEvents

_DIGEST: Final = hashlib.sha256
_LENGTH: Final = _DIGEST().digest_size


class SignedBackend(ProxyBackend):
    """Puts an HMAC before each value; a value without the right one counts as missing."""

    def __init__(self, name: str, secret: str, observer: CacheEvents) -> None:
        """``name`` is that of the region, for the event of a wrong signature."""
        self._name = name
        self._keyed = hmac.new(secret.encode(), digestmod=_DIGEST)
        self._observer = observer

    def get_serialized(self, key: str) -> SerializedReturnType:
        """Return the value; ``NO_VALUE`` if there is none or its signature is wrong."""
        return self._verified(key, self.proxied.get_serialized(key))

    def get_serialized_multi(self, keys: Iterable[str]) -> Sequence[SerializedReturnType]:
        """Return the values in the order of ``keys``, each as ``get_serialized`` does."""
        wanted = list(keys)
        values = self.proxied.get_serialized_multi(wanted)
        return [self._verified(key, value) for key, value in zip(wanted, values, strict=True)]

    def set_serialized(self, key: str, value: bytes) -> None:
        """Store the signed value."""
        self.proxied.set_serialized(key, self._signed(key, value))

    def set_serialized_multi(self, mapping: Mapping[str, bytes]) -> None:
        """Store all, signed."""
        signed = {key: self._signed(key, value) for key, value in mapping.items()}
        self.proxied.set_serialized_multi(signed)

    def _signed(self, key: str, value: bytes) -> bytes:
        return self._signature(key, value) + value

    def _verified(self, key: str, stored: SerializedReturnType) -> SerializedReturnType:
        if not isinstance(stored, bytes):
            return NO_VALUE
        value = stored[_LENGTH:]
        if hmac.compare_digest(stored[:_LENGTH], self._signature(key, value)):
            return value
        self._observer.corrupt(self._name)
        return NO_VALUE

    def _signature(self, key: str, value: bytes) -> bytes:
        code = self._keyed.copy()
        code.update(b"%d:%b" % (len(key), key.encode()))
        code.update(value)
        return code.digest()
