"""Adapter between dogpile.cache and a backend: failures become misses, tags are validated.

``FailSafeBackend`` wraps every backend. If the store does not answer, the result is a miss and an
event, never an error page. Locks are leases (``protocol/leases.py``).

``TaggedBackend`` validates entries for callers of dogpile's own functions (``get_or_create``,
``cache_on_arguments``), which bypass ``TaggedRegion``. It overrides ``get_serialized``, the only
hook of dogpile that sees key, metadata and payload. An outdated entry is returned with the same
bytes and a creation time in the past: to dogpile it is expired, so one caller creates a new value
and the others get the old one until then.
"""

import json
import logging
import math
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dogpile.cache.api import NO_VALUE, CacheMutex, CantDeserializeException, SerializedReturnType
from dogpile.cache.proxy import ProxyBackend
from dogpile.cache.region import value_version

from ..errors import EntryCorruptError, StoreError, StoreUnreachableError
from ..events import CacheEvents
from ..protocol.entry import Entry, decode
from ..protocol.leases import Leases
from ..protocol.stamps import StampStore, is_valid, tags_to_resolve

log = logging.getLogger(__name__)

EXPIRED_AT: Final = 1.0
"""A creation time that is always expired; dogpile reads 0 as "no value"."""

_PROBES: Final = 16
"""Keys that a check reads: with four servers, one is missed once in a hundred checks."""


class FailSafeBackend(ProxyBackend):
    """A backend whose failures are misses, and whose mutexes are leases."""

    def __init__(self, name: str, leases: Leases, observer: CacheEvents) -> None:
        self._name = name
        self._leases = leases
        self._observer = observer

    def has_lock_timeout(self) -> bool:
        """Return True: a lease has a TTL."""
        return True

    def get_mutex(self, key: str) -> CacheMutex:
        """Return the lease on ``key``."""
        return LeaseMutex(self._leases, key)

    def get_serialized(self, key: str) -> SerializedReturnType:
        """Return the value; ``NO_VALUE`` if there is none or the store fails."""
        return self.get_serialized_multi([key])[0]

    def get_serialized_multi(self, keys: Iterable[str]) -> Sequence[SerializedReturnType]:
        """Return the values in the order of ``keys``; all missing if the store fails."""
        wanted = list(keys)
        try:
            return self.proxied.get_serialized_multi(wanted)
        except Exception as error:
            self._failed("get", error)
            return [NO_VALUE] * len(wanted)

    def set_serialized(self, key: str, value: bytes) -> None:
        """Store the value; a failure is only reported as an event."""
        self.store({key: value})

    def set_serialized_multi(self, mapping: Mapping[str, bytes]) -> None:
        """Store all; a failure is only reported as an event."""
        self.store(mapping)

    def delete(self, key: str) -> None:
        """Delete the value; a failure is only reported as an event."""
        self.remove([key])

    def delete_multi(self, keys: Iterable[str]) -> None:
        """Delete all; a failure is only reported as an event."""
        self.remove(keys)

    def store(self, mapping: Mapping[str, bytes]) -> bool:
        """Store all; return whether that was acknowledged."""
        return self._attempt("set", lambda: self.proxied.set_serialized_multi(mapping))

    def remove(self, keys: Iterable[str]) -> bool:
        """Delete all; return whether that was acknowledged."""
        return self._attempt("delete", lambda: self.proxied.delete_multi(keys))

    def check(self) -> None:
        """Raise ``StoreError`` unless every server of a ring answers.

        Other backends than ours have no check of their own, so keys are read.
        """
        try:
            backend = self.proxied
            while isinstance(backend, ProxyBackend):
                backend = backend.proxied
            own_check: Callable[[], None] | None = getattr(backend, "check", None)
            if own_check is not None:  # that of memcached
                own_check()
                return
            for number in range(_PROBES):
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
    """Validates the entries of a backend, for dogpile's own functions.

    An outdated entry that was valid within ``grace`` is returned as expired, which needs a region
    with an ``expiration_time``. Otherwise it is a miss, and dogpile lets all callers wait for the
    new value.
    """

    def __init__(self, stamps: StampStore, *, grace: float, now: Callable[[], float]) -> None:
        self._stamps = stamps
        self._grace = grace
        self._now = now

    def has_lock_timeout(self) -> bool:
        """Return the answer of the wrapped backend."""
        return self.proxied.has_lock_timeout()

    def get_serialized(self, key: str) -> SerializedReturnType:
        """Return the value, as expired if it is outdated; ``NO_VALUE`` if it is not an entry."""
        return self.get_serialized_multi([key])[0]

    def get_serialized_multi(self, keys: Iterable[str]) -> Sequence[SerializedReturnType]:
        """Return the values in the order of ``keys``, each as ``get_serialized`` does."""
        clock = self._stamps.clock()
        values = self.proxied.get_serialized_multi(keys)
        if clock is None:
            return [NO_VALUE] * len(values)
        framed = [_Framed.read(value) for value in values]
        self._stamps.log.catch_up(clock)
        stamps = self._stamps_of([each.entry for each in framed if each is not None], clock)
        return [self._validated(each, stamps, clock) for each in framed]

    def _stamps_of(self, entries: Sequence[Entry], clock: int) -> Mapping[str, int]:
        """Return the stamps of all entries; resolve the tags without a number."""
        tags = {tag for entry in entries for tag in entry.tags}
        try:
            stamps = self._stamps.get_multi(tags)
            self._stamps.resolve(tags_to_resolve(tags, stamps, clock))
        except StoreError:
            return {}
        return stamps

    def _validated(
        self, framed: "_Framed | None", stamps: Mapping[str, int], clock: int
    ) -> SerializedReturnType:
        if framed is None:
            return NO_VALUE
        entry = framed.entry
        now = self._now()
        if now < entry.expires and is_valid(entry.dependencies, stamps, clock):
            return framed.as_serialized(expired=False)
        if (
            self._grace <= 0
            or now - entry.expires > self._grace
            or not self._stamps.was_valid(entry.dependencies, stamps, clock, self._grace)
        ):
            return NO_VALUE
        return framed.as_serialized(expired=True)


@dataclass(frozen=True, slots=True)
class _Framed:
    """A value as dogpile serializes it: its metadata as JSON, a bar, and our entry.

    Only the creation time of the metadata is used, which is that of the value to dogpile.
    """

    payload: bytes
    entry: Entry
    created: float

    @classmethod
    def read(cls, value: SerializedReturnType) -> "_Framed | None":
        """Parse a value; None if there is none or it is malformed."""
        if not isinstance(value, bytes):
            return None
        head, payload = split_frame(value)
        try:
            metadata = json.loads(head)
            created, version = metadata["ct"], metadata["v"]
            entry = decode(payload)
        except (EntryCorruptError, ValueError, KeyError, TypeError, RecursionError):
            return None
        if version != value_version or not isinstance(created, int | float):
            return None
        return cls(payload, entry, created) if math.isfinite(created) else None

    def as_serialized(self, *, expired: bool) -> bytes:
        """Return the value as dogpile reads it; ``expired`` sets its creation time in the past."""
        return frame(self.payload, EXPIRED_AT if expired else self.created)


def frame(payload: bytes, created: float) -> bytes:
    """Return a payload with dogpile's metadata before it."""
    head = json.dumps({"ct": created, "v": value_version}).encode("ascii")
    return b"%b|%b" % (head, payload)


def split_frame(value: bytes) -> tuple[bytes, bytes]:
    """Split a serialized value into dogpile's metadata and the payload."""
    metadata, _, payload = value.partition(b"|")
    return metadata, payload


def deserialize_entry(payload: bytes) -> Entry:
    """The deserializer of a tagged region: bytes that are not an entry are a miss to dogpile."""
    try:
        return decode(payload)
    except EntryCorruptError as error:
        raise CantDeserializeException from error


DEFAULT_MAX_ENTRY_BYTES: Final = 1_000_000
"""memcached refuses values over 1 MiB, and deletes the previous value of the key."""


@dataclass(frozen=True, slots=True)
class EntryStore:
    """The stored entries of one region. A longer encoded entry than ``max_bytes`` is not stored."""

    name: str
    backend: FailSafeBackend
    observer: CacheEvents
    max_bytes: int = DEFAULT_MAX_ENTRY_BYTES

    def get_multi(self, keys: Iterable[str]) -> dict[str, Entry]:
        """Return the entries that exist. Corrupt ones are left out, and all if the store fails."""
        wanted = list(keys)
        values = self.backend.get_serialized_multi(wanted)
        found = ((key, self._entry(value)) for key, value in zip(wanted, values, strict=True))
        return {key: entry for key, entry in found if entry is not None}

    def store(self, encoded: Mapping[str, bytes], created: float) -> bool:
        """Store encoded entries; return whether that was acknowledged."""
        return self.backend.store({key: frame(data, created) for key, data in encoded.items()})

    def _entry(self, value: object) -> Entry | None:
        if not isinstance(value, bytes):
            return None
        try:
            return decode(split_frame(value)[1])
        except EntryCorruptError:
            self.observer.corrupt(self.name)
            return None


class LeaseMutex(CacheMutex):
    """A lease as dogpile's mutex.

    dogpile keeps one mutex per key and process, for all threads, and may release it in another
    thread than the one that acquired it (an ``async_creation_runner`` does). So tokens are kept by
    thread: a release is of the thread's own lease or, if it has none, of the oldest.
    """

    def __init__(self, leases: Leases, key: str) -> None:
        self._leases = leases
        self._key = key
        self._lock = threading.Lock()
        self._tokens: dict[int, bytes] = {}

    def acquire(self, wait: bool = True) -> bool:
        """Take the lease, with ``wait`` until the deadline; return whether it was taken."""
        token = self._leases.wait(self._key) if wait else self._leases.try_acquire(self._key)
        if token is None:
            return False
        with self._lock:
            self._tokens[threading.get_ident()] = token
        return True

    def release(self) -> None:
        """Release the lease, if one is held: ``acquire`` may have failed."""
        with self._lock:
            thread = threading.get_ident()
            owner = thread if thread in self._tokens else next(iter(self._tokens), None)
            token = self._tokens.pop(owner) if owner is not None else None
        if token is not None:
            self._leases.release(self._key, token)

    def locked(self) -> bool:
        """Return whether the lease is taken, in any process."""
        return self._leases.is_locked(self._key)
