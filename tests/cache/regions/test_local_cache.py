"""The first level: copies good for as long as the clock stands still."""

from moziweb.cache.protocol.entry import Entry, Kind
from moziweb.cache.regions.local_cache import OVERHEAD, LocalCache


def entry(size: int = 100, expires: float = 50.0) -> Entry:
    """An entry that costs ``size`` bytes and the overhead."""
    return Entry(Kind.PAGE, b"x" * size, (), 0.0, expires)


def test_copy_is_served_at_its_own_clock_only() -> None:
    level, kept = LocalCache(10_000), entry()
    level.put("a", kept, clock=5, now=1.0)
    assert level.get("a", clock=5, now=2.0) is kept
    assert level.get("a", clock=6, now=2.0) is None
    assert level.get("a", clock=4, now=2.0) is None
    assert level.get("b", clock=5, now=2.0) is None


def test_copy_expires() -> None:
    level = LocalCache(10_000)
    level.put("a", entry(expires=50.0), clock=5, now=1.0)
    assert level.get("a", clock=5, now=49.9) is not None
    assert level.get("a", clock=5, now=50.0) is None


def test_least_recently_used_copies_are_evicted() -> None:
    level = LocalCache(3 * (OVERHEAD + 100))
    for name in "abc":
        level.put(name, entry(), clock=5, now=1.0)
    level.get("a", clock=5, now=1.0)
    level.put("d", entry(), clock=5, now=1.0)
    assert [name for name in "abcd" if level.get(name, clock=5, now=1.0)] == ["a", "c", "d"]
    assert level.used_bytes == 3 * (OVERHEAD + 100)


def test_replaced_copy_is_not_counted_twice() -> None:
    level = LocalCache(10_000)
    for size in (100, 300, 200):
        level.put("a", entry(size), clock=5, now=1.0)
    assert level.used_bytes == OVERHEAD + 200


def test_too_big_copy_removes_old_copy() -> None:
    level = LocalCache(1000)
    level.put("a", entry(100), clock=5, now=1.0)
    level.put("a", entry(1000), clock=5, now=1.0)
    assert level.get("a", clock=5, now=1.0) is None
    assert level.used_bytes == 0


def test_size_zero_keeps_no_copy() -> None:
    level = LocalCache(0)
    level.put("a", entry(0), clock=5, now=1.0)
    assert level.get("a", clock=5, now=1.0) is None


def test_last_valid_depends_on_last_hit() -> None:
    level = LocalCache(10_000)
    level.put("a", entry(), clock=5, now=10.0)
    level.get("a", clock=5, now=20.0)
    level.get("a", clock=6, now=30.0)
    assert level.last_valid("a", since=20.0) is not None
    assert level.last_valid("a", since=20.1) is None
    assert level.last_valid("b", since=0.0) is None
