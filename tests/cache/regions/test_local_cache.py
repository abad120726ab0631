"""The local cache: copies, each with the clock that it was valid at."""

from dataclasses import replace

from moziweb.cache.protocol.dependencies import DependencyGroup
from moziweb.cache.protocol.entry import Entry, Kind
from moziweb.cache.regions.local_cache import (
    COPY_OVERHEAD_BYTES,
    TAG_BYTES,
    Confirmation,
    LocalCache,
)


def entry(size: int = 100, expires: float = 50.0) -> Entry:
    """An entry that costs ``size`` bytes and the overhead."""
    return Entry(Kind.PAGE, b"x" * size, (), 0.0, expires)


EPOCH = 7 << 32
STAMPS = Confirmation.STAMPS


def test_copy_is_served_at_clocks_of_its_epoch_up_to_its_own() -> None:
    """Another request may have validated it since this one read the clock."""
    cache, kept = LocalCache(10_000), entry()
    cache.put("a", kept, clock=EPOCH + 5, now=1.0, by=STAMPS)
    assert cache.get("a", clock=EPOCH + 5, now=2.0) is kept
    assert cache.get("a", clock=EPOCH + 4, now=2.0) is kept
    assert cache.get("a", clock=EPOCH + 6, now=2.0) is None
    assert cache.get("a", clock=(6 << 32) + 5, now=2.0) is None
    assert cache.get("a", clock=(8 << 32) + 5, now=2.0) is None
    assert cache.get("b", clock=EPOCH + 5, now=2.0) is None


def test_copy_keeps_the_latest_clock_of_an_epoch() -> None:
    cache = LocalCache(10_000)
    cache.put("a", entry(), clock=EPOCH + 5, now=1.0, by=STAMPS)
    copy = cache.find("a")
    assert copy is not None
    for clock, expected in (
        (EPOCH + 7, EPOCH + 7),
        (EPOCH + 6, EPOCH + 7),
        ((6 << 32) + 1, (6 << 32) + 1),
    ):
        cache.mark_valid(copy, clock, Confirmation.LOG)
        assert copy.validated_at == expected
    assert copy.confirmed_by is Confirmation.LOG
    assert copy.fetched_at == EPOCH + 5


def test_copy_expires() -> None:
    cache = LocalCache(10_000)
    cache.put("a", entry(expires=50.0), clock=5, now=1.0, by=STAMPS)
    assert cache.get("a", clock=5, now=49.9) is not None
    assert cache.get("a", clock=5, now=50.0) is None


def test_least_recently_used_copies_are_evicted() -> None:
    cache = LocalCache(3 * (COPY_OVERHEAD_BYTES + 100))
    for name in "abc":
        cache.put(name, entry(), clock=5, now=1.0, by=STAMPS)
    cache.get("a", clock=5, now=1.0)
    cache.put("d", entry(), clock=5, now=1.0, by=STAMPS)
    assert [name for name in "abcd" if cache.get(name, clock=5, now=1.0)] == ["a", "c", "d"]
    assert cache.used_bytes == 3 * (COPY_OVERHEAD_BYTES + 100)


def test_exchanged_entry_is_counted_and_keeps_its_clock() -> None:
    cache, old, new = LocalCache(3_000), entry(), entry(300)
    cache.put("a", old, clock=5, now=1.0, by=STAMPS)
    cache.exchange("a", old, new)
    assert cache.get("a", clock=5, now=2.0) is new
    assert cache.used_bytes == COPY_OVERHEAD_BYTES + 300
    cache.exchange("a", old, entry(700))
    cache.exchange("b", old, new)
    assert cache.used_bytes == COPY_OVERHEAD_BYTES + 300
    cache.exchange("a", new, entry(3_000))
    assert (cache.find("a"), cache.used_bytes) == (None, 0)


def test_tags_of_a_copy_are_counted() -> None:
    """A set of 50 tags takes 2 KB, one of 380 takes 33 KB."""
    cache = LocalCache(10_000)
    tags = tuple(f"movie:{number}" for number in range(20))
    groups = DependencyGroup(1, tags[:8]), DependencyGroup(2, tags[8:])
    cache.put("a", replace(entry(), dependencies=groups), clock=5, now=1.0, by=STAMPS)
    assert cache.used_bytes == COPY_OVERHEAD_BYTES + 20 * TAG_BYTES + 100
    cache.discard("a")
    assert cache.used_bytes == 0


def test_replaced_copy_is_not_counted_twice() -> None:
    cache = LocalCache(10_000)
    for size in (100, 300, 200):
        cache.put("a", entry(size), clock=5, now=1.0, by=STAMPS)
    assert cache.used_bytes == COPY_OVERHEAD_BYTES + 200


def test_too_big_copy_removes_old_copy() -> None:
    cache = LocalCache(1000)
    cache.put("a", entry(100), clock=5, now=1.0, by=STAMPS)
    cache.put("a", entry(1000), clock=5, now=1.0, by=STAMPS)
    assert cache.get("a", clock=5, now=1.0) is None
    assert cache.used_bytes == 0


def test_size_zero_keeps_no_copy() -> None:
    cache = LocalCache(0)
    cache.put("a", entry(0), clock=5, now=1.0, by=STAMPS)
    assert cache.get("a", clock=5, now=1.0) is None


def test_last_valid_depends_on_last_hit() -> None:
    cache = LocalCache(10_000)
    cache.put("a", entry(), clock=5, now=10.0, by=STAMPS)
    cache.get("a", clock=5, now=20.0)
    cache.get("a", clock=6, now=30.0)
    assert cache.last_valid("a", since=20.0) is not None
    assert cache.last_valid("a", since=20.1) is None
    assert cache.last_valid("b", since=0.0) is None
