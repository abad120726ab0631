"""Signatures of entries."""

from typing import Any, Protocol

import pytest

from moziweb.cache import (
    Cache,
    CacheEvents,
    ConfigurationError,
    RenderContext,
    Rendered,
    from_settings,
)
from moziweb.cache.protocol.entry import encode
from moziweb.cache.stores.dogpile_adapter import frame
from moziweb.cache.stores.memcached_client import MemcachedClient
from tests.cache.clock_source import ClockSource
from tests.services.memcached import MemcachedServer

SECRET = "a secret of thirty-two characters"
OTHER = "another secret, of another process"


class OpenCache(Protocol):
    """Opens the cache of a process with a signing key, "" for none."""

    def __call__(self, key: str, events: CacheEvents | None = None) -> Cache: ...


class CorruptEvents(CacheEvents):
    """Counts corrupt values."""

    corrupt_values = 0

    def corrupt(self, region: str) -> None:
        self.corrupt_values += 1


@pytest.fixture
def open_cache(memcached_server: MemcachedServer) -> OpenCache:
    """The caches of processes on an empty server."""
    memcached_server.flush()
    address = f"memcached://{memcached_server.address}"

    def opened(key: str, events: CacheEvents | None = None) -> Cache:
        return from_settings(
            {
                "cache.regions": "pages",
                "cache.stamps.url": address,
                "cache.signing_key": key,
                "cache.pages.backend": "dogpile.cache.pylibmc",
                "cache.pages.arguments.url": memcached_server.address,
                "cache.pages.l1_bytes": "0",
            },
            observer=events,
        )

    return opened


def shown(cache: Cache, name: str, text: bytes) -> bytes:
    """Read the page ``name``, rendered as ``text`` if it is not cached."""

    def render(context: RenderContext) -> Rendered:
        context.depend(f"page:{name}")
        return Rendered(text)

    key = cache.keys["pages"].key(name)
    region = cache.regions["pages"]
    return region.get_or_render(key, render, source=ClockSource(cache.stamps)).entry.payload


@pytest.mark.parametrize(
    ("writer", "reader", "is_hit"),
    [
        (SECRET, SECRET, True),
        (SECRET, OTHER, False),
        ("", SECRET, False),
    ],
)
def test_entry_is_read_with_its_key_only(
    open_cache: OpenCache, writer: str, reader: str, is_hit: bool
) -> None:
    assert shown(open_cache(writer), "a", b"one") == b"one"
    assert (shown(open_cache(reader), "a", b"two") == b"one") is is_hit


def test_entry_of_another_url_is_a_miss(
    open_cache: OpenCache, memcached_server: MemcachedServer
) -> None:
    events = CorruptEvents()
    cache = open_cache(SECRET, events)
    client = MemcachedClient([memcached_server.address])
    keys = [cache.keys["pages"].key(name) for name in "ab"]
    shown(cache, "a", b"a")
    value = client.get(keys[0])
    assert value is not None
    client.set(keys[1], value)
    assert shown(cache, "b", b"b") == b"b"
    assert (shown(cache, "a", b"again"), shown(cache, "b", b"again")) == (b"a", b"b")
    assert events.corrupt_values == 2, "found, and found again under the lease"


def test_every_changed_byte_is_detected(
    open_cache: OpenCache, memcached_server: MemcachedServer
) -> None:
    cache = open_cache(SECRET)
    client = MemcachedClient([memcached_server.address])
    shown(cache, "a", b"a")
    key = cache.keys["pages"].key("a")
    value = client.get(key)
    assert value is not None
    for at in (*range(40), len(value) - 1):
        changed = bytearray(value)
        changed[at] ^= 1
        client.set(key, bytes(changed))
        assert cache.regions["pages"].stored([key]) == {}
    for size in range(0, len(value), 7):
        client.set(key, value[:size] or b"x")
        assert cache.regions["pages"].stored([key]) == {}


def test_entry_of_an_attacker_with_a_valid_checksum_is_a_miss(
    open_cache: OpenCache, memcached_server: MemcachedServer
) -> None:
    cache = open_cache(SECRET)
    key = cache.keys["pages"].key("a")
    shown(cache, "a", b"a")
    entry = cache.regions["pages"].stored([key])[key]
    forged = frame(encode(entry), entry.created)
    for value in (forged, b"\0" * 32 + forged):
        MemcachedClient([memcached_server.address]).set(key, value)
        assert shown(cache, "a", b"rendered") == b"rendered"


def test_functions_of_dogpile_sign_too(open_cache: OpenCache) -> None:
    cache = open_cache(SECRET)
    shown(cache, "a", b"a")
    entry = next(iter(cache.regions["pages"].stored([cache.keys["pages"].key("a")]).values()))
    ours: Any = cache.dogpile["pages"]
    theirs: Any = open_cache(OTHER).dogpile["pages"]
    ours.set_multi({"x": entry})
    ours.set("y", entry)
    for key in "xy":
        assert ours.get(key).payload == ours.get_multi([key])[0].payload == b"a"
        assert not theirs.get(key)
        assert not theirs.get_multi([key])[0]


def test_short_key_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigurationError, match=r"cache\.signing_key") as raised:
        from_settings({"cache.signing_key": "hunter2"})
    assert "hunter2" not in str(raised.value)


def test_entries_in_the_memory_of_the_process_are_not_signed() -> None:
    cache = from_settings({"cache.regions": "pages", "cache.signing_key": SECRET})
    shown(cache, "a", b"a")
    (value,) = cache.dogpile["pages"].actual_backend._values.values()
    assert value.startswith(b"{")
