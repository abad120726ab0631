"""What stands between dogpile and a backend: failures become misses, and tags are honoured.

``FailSafeBackend`` is always there. A store that does not answer is a miss and a counter, never an
error page; locks are leases (``lease.py``).

``TaggedBackend`` makes a region safe for those who use it through dogpile's own calls
(``get_or_create``, ``cache_on_arguments``) rather than through ``TaggedRegion``. Its hook is
``get_serialized``, the one place of dogpile where key, metadata and payload are all visible. An
entry that is no longer true is returned with the same bytes and an ancient time of creation: to
dogpile it is expired, so one caller makes it anew and the others get the old one meanwhile."""

import json
import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dogpile.cache.api import (
    NO_VALUE,
    CacheMutex,
    CantDeserializeException,
    SerializedReturnType,
)
from dogpile.cache.proxy import ProxyBackend
from dogpile.cache.region import value_version

from ..errors import EntryCorruptError, StoreError, StoreUnreachableError
from ..events import CacheEvents
from ..protocol.dependencies import tags_of
from ..protocol.entry import Entry, decode
from ..protocol.leases import Leases
from ..protocol.stamps import StampStore, is_valid, tags_to_resolve

log = logging.getLogger(__name__)

EXPIRED_AT: Final = 1.0
"""A time of creation before any expiry; 0 would mean to dogpile that there is no value."""

_PROBES: Final = 16
"""Keys that a check asks for: with four servers, one is passed over once in a hundred times."""


class FailSafeBackend(ProxyBackend):
    """A backend whose failures are misses, and whose mutexes are leases."""

    def __init__(self, name: str, leases: Leases, observer: CacheEvents) -> None:
        self._name = name
        self._leases = leases
        self._observer = observer

    def has_lock_timeout(self) -> bool:
        """Yes: a lease ends with its life."""
        return True

    def get_mutex(self, key: str) -> CacheMutex:
        """The lease on ``key``."""
        return LeaseMutex(self._leases, key)

    def get_serialized(self, key: str) -> SerializedReturnType:
        """The value; ``NO_VALUE`` too when the store fails."""
        return self.get_serialized_multi([key])[0]

    def get_serialized_multi(self, keys: Iterable[str]) -> Sequence[SerializedReturnType]:
        """The values in the order of ``keys``; all missing when the store fails."""
        wanted = list(keys)
        try:
            return self.proxied.get_serialized_multi(wanted)
        except Exception as error:
            self._failed("get", error)
            return [NO_VALUE] * len(wanted)

    def set_serialized(self, key: str, value: bytes) -> None:
        """Store, if the store answers."""
        self.store({key: value})

    def set_serialized_multi(self, mapping: Mapping[str, bytes]) -> None:
        """Store all, if the store answers."""
        self.store(mapping)

    def delete(self, key: str) -> None:
        """Remove, if the store answers."""
        self.remove([key])

    def delete_multi(self, keys: Iterable[str]) -> None:
        """Remove all, if the store answers."""
        self.remove(keys)

    def store(self, mapping: Mapping[str, bytes]) -> bool:
        """Store all; whether that was acknowledged."""
        return self._attempt("set", lambda: self.proxied.set_serialized_multi(mapping))

    def remove(self, keys: Iterable[str]) -> bool:
        """Remove all; whether that was acknowledged."""
        return self._attempt("delete", lambda: self.proxied.delete_multi(keys))

    def check(self) -> None:
        """Ask for keys that lie on each server of a ring; ``StoreError`` where one is away.

        One at a time: libmemcached's ``get_multi`` passes over a server that is down in silence.
        """
        for number in range(_PROBES):
            try:
                self.proxied.get_serialized(f"{self._name}:probe:{number}")
            except Exception as error:
                raise StoreUnreachableError(f"entries of {self._name}: {error}") from error

    def _attempt(self, operation: str, action: Callable[[], None]) -> bool:
        try:
            action()
        except Exception as error:
            self._failed(operation, error)
            return False
        return True

    def _failed(self, operation: str, error: Exception) -> None:
        log.debug("cache region %s: %s failed: %s", self._name, operation, error)
        self._observer.store_failed(self._name, operation)


class TaggedBackend(ProxyBackend):
    """A backend that knows which entries are no longer true, for dogpile's own calls.

    With ``soft`` an outdated entry is aged, which needs a region with an ``expiration_time``;
    without, it is as good as missing, and dogpile lets everyone wait for the new one.
    """

    def __init__(self, stamps: StampStore, *, soft: bool, now: Callable[[], float]) -> None:
        self._stamps = stamps
        self._soft = soft
        self._now = now

    def has_lock_timeout(self) -> bool:
        """As the backend below."""
        return self.proxied.has_lock_timeout()

    def get_serialized(self, key: str) -> SerializedReturnType:
        """The value, aged if it is no longer true, ``NO_VALUE`` if it is no entry."""
        return self.get_serialized_multi([key])[0]

    def get_serialized_multi(self, keys: Iterable[str]) -> Sequence[SerializedReturnType]:
        """The values in the order of ``keys``, each as ``get_serialized`` returns it."""
        g = self._stamps.clock()
        values = self.proxied.get_serialized_multi(keys)
        if g is None:
            return [NO_VALUE] * len(values)
        framed = [_Framed.read(value) for value in values]
        stamps = self._stamps_of([each.entry for each in framed if each is not None], g)
        return [self._validated(each, stamps, g) for each in framed]

    def _stamps_of(self, entries: Sequence[Entry], g: int) -> Mapping[str, int]:
        """The stamps of all entries. What has no number gets one, for the next render's sake."""
        tags = {tag for entry in entries for tag in tags_of(entry.dependencies)}
        try:
            stamps = self._stamps.get_multi(tags)
            self._stamps.resolve(tags_to_resolve(tags, stamps, g))
        except StoreError:
            return {}
        return stamps

    def _validated(
        self, framed: "_Framed | None", stamps: Mapping[str, int], g: int
    ) -> SerializedReturnType:
        if framed is None:
            return NO_VALUE
        entry = framed.entry
        if self._now() < entry.expires and is_valid(entry.dependencies, stamps, g):
            return framed.value
        return framed.as_expired() if self._soft else NO_VALUE


@dataclass(frozen=True, slots=True)
class _Framed:
    """A value as dogpile serializes it: its own metadata as JSON, a bar, and our entry."""

    value: bytes
    metadata: Mapping[str, Any]
    payload: bytes
    entry: Entry

    @classmethod
    def read(cls, value: SerializedReturnType) -> "_Framed | None":
        """None for no value, and for one that dogpile or we could make no sense of."""
        if not isinstance(value, bytes):
            return None
        head, payload = split_frame(value)
        try:
            metadata = json.loads(head)
            float(metadata["ct"]), int(metadata["v"])
            return cls(value, metadata, payload, decode(payload))
        except (EntryCorruptError, ValueError, KeyError, TypeError):
            return None

    def as_expired(self) -> bytes:
        """The same, created long ago."""
        head = json.dumps({**self.metadata, "ct": EXPIRED_AT}).encode("ascii")
        return b"%b|%b" % (head, self.payload)


def split_frame(value: bytes) -> tuple[bytes, bytes]:
    """dogpile's metadata and the payload of a serialized value."""
    metadata, _, payload = value.partition(b"|")
    return metadata, payload


def entry_or_cant(payload: bytes) -> Entry:
    """The deserializer of a tagged region: what is no entry is a miss to dogpile."""
    try:
        return decode(payload)
    except EntryCorruptError as error:
        raise CantDeserializeException from error


DEFAULT_MAX_BYTES: Final = 1_000_000
"""memcached refuses values over 1 MiB, and drops what stood under the key before."""


class EntryStore:
    """The entries of one region, by their keys.

    ``max_bytes`` caps an encoded entry; one that is longer is not sent at all.
    """

    def __init__(
        self,
        name: str,
        backend: FailSafeBackend,
        observer: CacheEvents,
        max_bytes: int = DEFAULT_MAX_BYTES,
    ) -> None:
        self._name = name
        self._backend = backend
        self._observer = observer
        self._max_bytes = max_bytes

    def get_multi(self, keys: Iterable[str]) -> dict[str, Entry]:
        """The entries that are there; a failing store has none, and a corrupt entry is none."""
        wanted = list(keys)
        values = self._backend.get_serialized_multi(wanted)
        found = ((key, self._entry(value)) for key, value in zip(wanted, values, strict=True))
        return {key: entry for key, entry in found if entry is not None}

    def check(self) -> None:
        """``StoreError`` unless the store answers."""
        self._backend.check()

    def fits(self, encoded: bytes) -> bool:
        """Whether an encoded entry is within the cap."""
        return len(encoded) <= self._max_bytes

    def store(self, encoded: Mapping[str, bytes], created: float) -> bool:
        """Store encoded entries; whether that was acknowledged."""
        head = json.dumps({"ct": created, "v": value_version}).encode("ascii")
        framed = {key: b"%b|%b" % (head, data) for key, data in encoded.items()}
        return self._backend.store(framed)

    def remove(self, keys: Iterable[str]) -> bool:
        """Remove entries; whether that was acknowledged."""
        return self._backend.remove(keys)

    def _entry(self, value: object) -> Entry | None:
        if not isinstance(value, bytes):
            return None
        try:
            return decode(split_frame(value)[1])
        except EntryCorruptError:
            self._observer.corrupt(self._name)
            return None


class LeaseMutex(CacheMutex):
    """A lease as dogpile's mutex.

    dogpile keeps one mutex per key and process, for all threads, and may release it from another
    thread than the one that took it (an ``async_creation_runner`` does). So tokens are kept by
    thread: a release gives back the thread's own lease or, if it has none, the oldest.
    """

    def __init__(self, leases: Leases, key: str) -> None:
        self._leases = leases
        self._key = key
        self._lock = threading.Lock()
        self._tokens: dict[int, bytes] = {}

    def acquire(self, wait: bool = True) -> bool:
        """Take the lease, with ``wait`` until its deadline. Whether it was taken."""
        token = self._leases.wait(self._key) if wait else self._leases.try_acquire(self._key)
        if token is None:
            return False
        with self._lock:
            self._tokens[threading.get_ident()] = token
        return True

    def release(self) -> None:
        """Give the lease back; nothing happens where none is held, for a wait may have failed."""
        with self._lock:
            thread = threading.get_ident()
            owner = thread if thread in self._tokens else next(iter(self._tokens), None)
            token = self._tokens.pop(owner) if owner is not None else None
        if token is not None:
            self._leases.release(self._key, token)

    def locked(self) -> bool:
        """Whether anyone, in any process, holds the lease."""
        return self._leases.is_locked(self._key)
