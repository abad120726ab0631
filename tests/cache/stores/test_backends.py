"""Our dogpile backends, with and without our proxies, under dogpile's published test suites."""

import json
import time
from functools import partial
from typing import Any, ClassVar

import pytest
from dogpile.cache import CacheRegion, make_region
from dogpile.cache.api import NO_VALUE, CacheMutex
from dogpile.testing.fixtures import (
    _GenericBackendTestSuite,
    _GenericMutexTestSuite,
    _GenericSerializerTestSuite,
)

from moziweb.cache.events import CacheEvents
from moziweb.cache.protocol.dependencies import DependencyGroup
from moziweb.cache.protocol.entry import Entry, Kind, decode, encode
from moziweb.cache.protocol.leases import LeaseOptions, Leases
from moziweb.cache.protocol.stamps import StampStore
from moziweb.cache.regions.config import from_settings
from moziweb.cache.stores import MEMCACHED
from moziweb.cache.stores.dogpile_adapter import (
    FailSafeBackend,
    TaggedBackend,
    frame,
    split_frame,
)
from moziweb.cache.stores.memcached_client import MemcachedClient
from moziweb.cache.stores.memory import (
    MEMORY,
    VALUE_OVERHEAD_BYTES,
    MemoryAtomicStore,
    MemoryBackend,
)
from tests.services.memcached import MemcachedServer

WRAPPED = StampStore(MemoryAtomicStore(), 3600)


def as_entry(value: object, stamps: StampStore = WRAPPED) -> bytes:
    """Encode a value as an entry with a tag."""
    stamps.resolve(["movie:1"])
    group = DependencyGroup(stamps.read_clock(), ("movie:1",))
    return encode(Entry(Kind.FRAGMENT, json.dumps(value).encode(), (group,), 0.0, 1e12))


def from_entry(data: bytes) -> Any:
    """Return the value of an entry."""
    return json.loads(decode(data).payload)


JSON: dict[str, Any] = {
    "serializer": lambda value: json.dumps(value).encode(),
    "deserializer": json.loads,
}
PLAIN_KEYS: dict[str, Any] = {**JSON, "key_mangler": lambda key: key.replace(" ", "_")}
AS_ENTRIES: dict[str, Any] = {"serializer": as_entry, "deserializer": from_entry}
PLAIN_KEYS_AS_ENTRIES = {**PLAIN_KEYS, **AS_ENTRIES}
IN_MEMORY: dict[str, Any] = {"arguments": {"max_bytes": 1_000_000}}
ON_SERVER: dict[str, Any] = {"arguments": {}}


class MutexFromLeases:
    """Gives a backend without proxy the mutex of our proxy, for dogpile's mutex tests."""

    leases: ClassVar[Leases]

    def _backend(self) -> Any:
        backend = super()._backend()  # type: ignore[misc]  # dogpile's fixture
        return FailSafeBackend("suite", self.leases, CacheEvents()).wrap(backend)


class NoThreads:
    """Skips dogpile's slow tests of threads; the regions on memcached run them."""

    test_threaded_dogpile = None
    test_threaded_get_multi = None


class OnServer:
    """Uses a real memcached, empty before each test."""

    @pytest.fixture(autouse=True)
    def _server(self, memcached_server: MemcachedServer) -> None:
        memcached_server.flush()
        ON_SERVER["arguments"]["url"] = memcached_server.address

    @classmethod
    def setup_class(cls) -> None:
        """Skip dogpile's search for a server; a fixture starts it."""


class TestMemory(NoThreads, _GenericSerializerTestSuite, _GenericBackendTestSuite):
    """``moziweb.memory`` without proxies."""

    backend = MEMORY
    region_args = JSON
    config_args = IN_MEMORY


class TestMemcached(NoThreads, OnServer, _GenericSerializerTestSuite, _GenericBackendTestSuite):
    """``moziweb.memcached`` without proxies."""

    backend = MEMCACHED
    region_args = PLAIN_KEYS
    config_args = ON_SERVER


class Wrapped(MutexFromLeases):
    """Regions with both of our proxies, whose values are entries with tags.

    Their backend alone is tested with the first: to the second, bytes that are no entry are none.
    """

    def _region(self, *args: Any, **kwargs: Any) -> Any:
        region: Any = super()._region(*args, **kwargs)  # type: ignore[misc]  # dogpile's fixture
        region.wrap(FailSafeBackend("suite", self.leases, CacheEvents()))
        region.wrap(TaggedBackend(WRAPPED, grace=5, now=time.time))
        return region


class TestWrappedMemory(
    NoThreads,
    Wrapped,
    _GenericSerializerTestSuite,
    _GenericBackendTestSuite,
    _GenericMutexTestSuite,
):
    """Our regions in the process's memory."""

    backend = MEMORY
    leases = Leases(MemoryAtomicStore(), LeaseOptions(ttl=60, wait=60, poll=0.002))
    region_args = AS_ENTRIES
    config_args = IN_MEMORY


class TestWrappedMemcached(
    OnServer, Wrapped, _GenericSerializerTestSuite, _GenericBackendTestSuite, _GenericMutexTestSuite
):
    """Our regions on memcached, with their leases."""

    backend = MEMCACHED
    region_args = PLAIN_KEYS_AS_ENTRIES
    config_args = ON_SERVER

    @pytest.fixture(autouse=True)
    def _leases(self, _server: None, memcached_server: MemcachedServer) -> None:
        store = MemcachedClient([memcached_server.address], prefix="suite:")
        type(self).leases = Leases(store, LeaseOptions(ttl=60, wait=60, poll=0.002))


class FromSettings:
    """Regions as the ini file makes them, but for what the tests store in them.

    Tests want lives of a quarter of a second, which no ini file may ask for.
    """

    settings: ClassVar[dict[str, str]]

    def _region(
        self, backend: None = None, region_args: Any = None, config_args: Any = None
    ) -> CacheRegion:
        cache = from_settings({"cache.regions": "suite", **self.settings})
        region = cache.dogpile["suite"]
        given = {"deserializer": from_entry, **(region_args or {})}
        region.serializer = partial(as_entry, stamps=cache.stamps)
        region.deserializer = given["deserializer"]
        region.expiration_time = (config_args or {}).get("expiration_time")
        return region

    def _backend(self) -> Any:
        """The backend with the first proxy, as above."""
        return self._region().backend.proxied

    def test_uses_serializer(self) -> None:
        """dogpile's test, with mangled keys."""
        region: Any = self._region()
        region.set("k", {"foo": ["bar", 1, False, None]})
        raw = region.backend.get_serialized(region.key_mangler("k"))
        assert split_frame(raw)[1] == region.serializer({"foo": ["bar", 1, False, None]})
        assert region.get("k") == {"foo": ["bar", 1, False, None]}


class TestMemoryFromSettings(
    NoThreads, FromSettings, _GenericSerializerTestSuite, _GenericBackendTestSuite,
    _GenericMutexTestSuite,
):  # fmt: skip
    """The embedded default."""

    backend = MEMORY
    config_args = IN_MEMORY
    settings: ClassVar = {"cache.suite.backend": "moziweb.memory"}


class TestMemcachedFromSettings(
    NoThreads, FromSettings, OnServer, _GenericSerializerTestSuite, _GenericBackendTestSuite,
    _GenericMutexTestSuite,
):  # fmt: skip
    """As in production."""

    backend = MEMCACHED
    config_args = ON_SERVER
    settings: ClassVar = {"cache.suite.backend": "dogpile.cache.pylibmc"}

    @pytest.fixture(autouse=True)
    def _url(self, _server: None, memcached_server: MemcachedServer) -> None:
        self.settings["cache.suite.arguments.url"] = memcached_server.address
        self.settings["cache.stamps.url"] = f"memcached://{memcached_server.address}"


def test_memory_evicts_least_recently_used() -> None:
    backend = MemoryBackend({"max_bytes": 4 * (VALUE_OVERHEAD_BYTES + 101)})
    for name in "abcd":
        backend.set_serialized(name, b"x" * 100)
    assert backend.used_bytes == 4 * (VALUE_OVERHEAD_BYTES + 101)
    backend.get_serialized("a")
    backend.set_serialized("e", b"x" * 100)
    assert backend.get_serialized_multi("abcde").count(NO_VALUE) == 1
    assert backend.get_serialized("b") is NO_VALUE
    assert backend.used_bytes == 4 * (VALUE_OVERHEAD_BYTES + 101)


def test_memory_does_not_keep_too_big_value_nor_its_predecessor() -> None:
    backend = MemoryBackend({"max_bytes": 1000})
    backend.set_serialized("a", b"old")
    backend.set_serialized("a", b"x" * 1000)
    assert backend.get_serialized("a") is NO_VALUE
    assert backend.used_bytes == 0


def test_memory_counts_replaced_and_deleted_values() -> None:
    backend = MemoryBackend({})
    backend.set_serialized_multi({"a": b"1", "b": b"22"})
    backend.set_serialized("a", b"333")
    backend.delete_multi(["b", "c"])
    assert backend.used_bytes == VALUE_OVERHEAD_BYTES + 4
    backend.delete("a")
    assert backend.used_bytes == 0


@pytest.mark.parametrize("backend", [MEMORY])
def test_only_bytes_are_stored_without_serializer(backend: str) -> None:
    region = make_region().configure(backend)
    region.set("a", b"bytes")
    assert region.get("a") == b"bytes"
    with pytest.raises(TypeError, match="stores bytes"):
        region.set("a", {"not": "bytes"})


def test_memcached_mangles_unsafe_keys(memcached_server: MemcachedServer) -> None:
    region = make_region().configure(MEMCACHED, arguments={"url": memcached_server.address})
    for key in ("plain", "with a space", "x" * 5000, "é\r\nset x 0 0 1"):
        region.set(key, key.encode())
        assert region.get(key) == key.encode()
    assert region.actual_backend.get_serialized("plain") != NO_VALUE


class Counter(CacheEvents):
    """Counts failures."""

    def __init__(self) -> None:
        self.failures: list[str] = []

    def store_failed(self, region: str, operation: str) -> None:
        self.failures.append(f"{region} {operation}")


class TestFailSafe:
    """A failing store is a miss."""

    class Broken(MemoryBackend):
        """Raises in every method."""

        def get_serialized_multi(self, keys: Any) -> Any:
            raise OSError("gone")

        def set_serialized_multi(self, mapping: Any) -> None:
            raise OSError("gone")

        def delete_multi(self, keys: Any) -> None:
            raise OSError("gone")

    @pytest.fixture
    def counter(self) -> Counter:
        return Counter()

    @pytest.fixture
    def fail_safe(self, counter: Counter) -> FailSafeBackend:
        leases = Leases(MemoryAtomicStore(), LeaseOptions())
        return FailSafeBackend("pages", leases, counter).wrap(self.Broken({}))

    def test_failed_reads_are_misses(self, fail_safe: FailSafeBackend, counter: Counter) -> None:
        assert fail_safe.get_serialized("a") is NO_VALUE
        assert fail_safe.get_serialized_multi(iter(["a", "b"])) == [NO_VALUE, NO_VALUE]
        assert counter.failures == ["pages get"] * 2

    def test_failed_writes_are_counted(self, fail_safe: FailSafeBackend, counter: Counter) -> None:
        fail_safe.set_serialized("a", b"1")
        fail_safe.delete("a")
        fail_safe.delete_multi(["a"])
        assert fail_safe.store({"a": b"1"}) is False
        assert fail_safe.remove(["a"]) is False
        assert counter.failures == ["pages set", "pages delete", "pages delete", "pages set",
                                    "pages delete"]  # fmt: skip

    def test_mutexes_are_leases(self, fail_safe: FailSafeBackend) -> None:
        assert isinstance(fail_safe.get_mutex("a"), CacheMutex)
        assert fail_safe.has_lock_timeout()


class TestTagged:
    """dogpile's own functions on a tagged region."""

    @pytest.fixture
    def stamps(self) -> StampStore:
        return StampStore(MemoryAtomicStore(), 3600)

    @pytest.fixture(params=[5.0, 0.0], ids=["soft", "strict"])
    def region(self, request: pytest.FixtureRequest, stamps: StampStore) -> Any:
        leases = Leases(MemoryAtomicStore(), LeaseOptions(wait=5, poll=0.001))
        return make_region(serializer=encode, deserializer=decode).configure(
            MEMORY,
            expiration_time=3600,
            wrap=[
                TaggedBackend(stamps, grace=request.param, now=time.time),
                FailSafeBackend("pages", leases, CacheEvents()),
            ],
        )

    def make(self, stamps: StampStore, payload: bytes, life: float = 100) -> Entry:
        group = DependencyGroup(stamps.read_clock(), ("movie:1",))
        now = time.time()
        return Entry(Kind.PAGE, payload, (group,), now, now + life)

    def test_entry_is_created_again_after_publish(self, region: Any, stamps: StampStore) -> None:
        stamps.resolve(["movie:1"])
        payloads = iter([b"1", b"2", b"3"])

        def read() -> bytes:
            entry: Entry = region.get_or_create("a", lambda: self.make(stamps, next(payloads)))
            return entry.payload

        assert [read(), read()] == [b"1", b"1"]
        stamps.publish(["movie:1"])
        assert region.get("a") is NO_VALUE
        assert [read(), read()] == [b"2", b"2"]
        stamps.publish(["movie:2"])
        assert read() == b"2"

    def test_expired_entry_is_a_miss(self, region: Any, stamps: StampStore) -> None:
        stamps.resolve(["movie:1"])
        region.set("a", self.make(stamps, b"1", life=-1))
        assert region.get("a") is NO_VALUE

    def test_soft_mode_serves_old_value_while_one_caller_creates(
        self, region: Any, stamps: StampStore
    ) -> None:
        stamps.resolve(["movie:1"])
        region.set("a", self.make(stamps, b"old"))
        stamps.publish(["movie:1"])
        mutex = region.backend.get_mutex("a")
        assert mutex.acquire(wait=False)
        if region.backend._grace:
            assert region.get_or_create("a", lambda: self.make(stamps, b"new")).payload == b"old"
        mutex.release()
        assert region.get_or_create("a", lambda: self.make(stamps, b"new")).payload == b"new"

    @pytest.mark.parametrize("seconds", [4.0, 6.0])
    def test_old_value_is_served_within_grace_only(
        self, stamps: StampStore, monkeypatch: pytest.MonkeyPatch, seconds: float
    ) -> None:
        backend = make_region(serializer=encode, deserializer=decode).configure(
            MEMORY,
            expiration_time=3600,
            wrap=[TaggedBackend(stamps, grace=5, now=time.time)],
        ).backend  # fmt: skip
        stamps.resolve(["movie:1"])
        backend.set_serialized("a", frame(encode(self.make(stamps, b"old")), time.time()))
        stamps.publish(["movie:1"])
        later = time.monotonic() + seconds
        monkeypatch.setattr(stamps, "_monotonic", lambda: later)
        monkeypatch.setattr(stamps.log, "_monotonic", lambda: later)
        assert (backend.get_serialized("a") is NO_VALUE) is (seconds > 5)

    @pytest.mark.parametrize(
        "junk", [b"", b"junk", b"{}|x", b'{"ct": 1, "v": 2}|junk', b'["ct"]|x', b"\xff|\xff",
                 b'{"ct": "x", "v": 2}|x'],
    )  # fmt: skip
    def test_corrupt_value_is_a_miss(self, region: Any, junk: bytes, stamps: StampStore) -> None:
        region.actual_backend.set_serialized("a", junk)
        assert region.get("a") is NO_VALUE
        entry = region.get_or_create("a", lambda: self.make(stamps, b"new"))
        assert entry.payload == b"new"

    def test_every_read_is_a_miss_without_clock(
        self, region: Any, stamps: StampStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        region.set("a", self.make(stamps, b"1"))
        monkeypatch.setattr(stamps, "clock", lambda: None)
        assert region.get("a") is NO_VALUE

    def test_frame_has_dogpile_format(self, region: Any, stamps: StampStore) -> None:
        entry = self.make(stamps, b"a|b|c")
        region.set("a", entry)
        raw = region.actual_backend.get_serialized("a")
        metadata, payload = split_frame(raw)
        assert json.loads(metadata)["v"] == 2
        assert decode(payload) == entry
