"""The invalidation protocol, on all three stores; its races are in test_races.py."""

from collections.abc import Callable, Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moziweb.cache.errors import PublishError, StoreError, StoreUnreachableError
from moziweb.cache.protocol.dependencies import DependencyGroup
from moziweb.cache.protocol.stamps import (
    CLOCK,
    StampStore,
    is_valid,
    tags_to_resolve,
)
from moziweb.cache.protocol.store import AtomicStore
from moziweb.cache.stores.memory import MemoryAtomicStore

TTL = 3600.0
EPOCH = 7 << 32


@pytest.fixture
def stamps(store: AtomicStore) -> StampStore:
    """Stamps on one of the three stores."""
    return StampStore(store, TTL)


def entry(stamps: StampStore, *tags: str) -> tuple[DependencyGroup, ...]:
    """Dependencies of a render of now, with its tags resolved as a reader does."""
    clock = stamps.read_clock()
    stamps.resolve(tags)
    return (DependencyGroup(clock, tags),)


def holds(stamps: StampStore, dependencies: tuple[DependencyGroup, ...]) -> bool:
    """Whether an entry is valid for a reader."""
    clock = stamps.read_clock()
    return is_valid(
        dependencies, stamps.get_multi([t for d in dependencies for t in d.tags]), clock
    )


def test_clock_starts_and_does_not_move(stamps: StampStore) -> None:
    first = stamps.clock()
    assert first is not None
    assert first & 0xFFFFFFFF == 1
    assert stamps.clock() == first


def test_all_processes_share_one_clock(open_store: Callable[[], AtomicStore]) -> None:
    assert StampStore(open_store(), TTL).clock() == StampStore(open_store(), TTL).clock()


def test_publish_steps_the_clock_twice(stamps: StampStore) -> None:
    before = stamps.read_clock()
    stamps.publish(["movie:1"])
    assert stamps.read_clock() == before + 2


def test_entry_is_valid_until_one_of_its_tags_is_published(stamps: StampStore) -> None:
    made = entry(stamps, "movie:1", "list:movies")
    assert holds(stamps, made)
    stamps.publish(["movie:2"])
    assert holds(stamps, made)
    stamps.publish(["list:movies"])
    assert not holds(stamps, made)


def test_invalidated_entry_stays_invalid(stamps: StampStore) -> None:
    made = entry(stamps, "movie:1")
    stamps.publish(["movie:1"])
    stamps.resolve(["movie:1"])
    assert not holds(stamps, made)
    again = entry(stamps, "movie:1")
    assert holds(stamps, again)
    assert not holds(stamps, made)


def test_new_entry_is_valid_after_invalidation(stamps: StampStore) -> None:
    """With ``stamp < snapshot_clock`` it would not be: resolver and render read the same clock."""
    for _ in range(5):
        stamps.publish(["movie:1"])
        stamps.resolve(["movie:1"])
        assert holds(stamps, entry(stamps, "movie:1"))


def test_stamps_never_go_backwards(open_store: Callable[[], AtomicStore]) -> None:
    """A slow writer that steps, waits and then writes leaves a tombstone, not its old number."""
    one, other = StampStore(open_store(), TTL), StampStore(open_store(), TTL)
    slow = open_store()
    one.read_clock()
    slow.incr(CLOCK)
    other.publish(["movie:1"])
    made = entry(other, "movie:1")
    slow.set_multi({"tag:movie:1": b"~"}, TTL)
    slow.incr(CLOCK)
    assert not holds(one, made)
    one.resolve(["movie:1"])
    assert not holds(one, made)


def test_resolve_does_not_change_numbers(stamps: StampStore) -> None:
    made = entry(stamps, "movie:1")
    number = stamps.get_multi(["movie:1"])
    stamps.publish(["movie:2"])
    stamps.resolve(["movie:1"])
    assert stamps.get_multi(["movie:1"]) == number
    assert holds(stamps, made)


def test_failed_swap_keeps_tombstone_of_writer(open_store: Callable[[], AtomicStore]) -> None:
    class Interrupted(Wrapped):
        def cas(self, name: str, value: bytes, token: int, ttl: float = 0) -> bool:
            StampStore(self.inner, TTL).publish(["movie:1"])
            return self.inner.cas(name, value, token, ttl)

    store = open_store()
    stamps = StampStore(Interrupted(store), TTL)
    stamps.resolve(["movie:1"])
    assert stamps.get_multi(["movie:1"]) == {}


def test_lost_stamp_invalidates_entry(store: AtomicStore) -> None:
    stamps = StampStore(store, TTL)
    made = entry(stamps, "movie:1")
    stamps.publish(())
    store.delete("tag:movie:1")
    assert not holds(stamps, made)
    stamps.resolve(["movie:1"])
    assert not holds(stamps, made)


def test_lost_clock_invalidates_everything(store: AtomicStore) -> None:
    stamps = StampStore(store, TTL)
    made, without_tags = entry(stamps, "movie:1"), entry(stamps)
    store.delete(CLOCK)
    assert not holds(stamps, made)
    assert not holds(stamps, without_tags)
    assert holds(stamps, entry(stamps, "movie:1"))


@pytest.mark.parametrize("name", [CLOCK, "tag:movie:1"])
@pytest.mark.parametrize(
    "value",
    [b"junk", b"-1", b"1 ", b"1e9", b"9" * 5000, b"%d" % (1 << 63), b"%d" % (1 << 64), b"\xd9\xa1"],
    ids=lambda value: value[:20],
)
def test_malformed_value_is_replaced(store: AtomicStore, name: str, value: bytes) -> None:
    stamps = StampStore(store, TTL)
    made = entry(stamps, "movie:1")
    store.set_multi({name: value})
    assert not holds(stamps, made)
    assert holds(stamps, entry(stamps, "movie:1"))
    store.set_multi({name: value})
    stamps.publish(["movie:1"])
    assert holds(stamps, entry(stamps, "movie:1"))
    assert stamps.read_clock() < 1 << 63


def test_new_epoch_invalidates_everything(stamps: StampStore) -> None:
    made, without_tags = entry(stamps, "movie:1"), entry(stamps)
    stamps.new_epoch()
    assert not holds(stamps, made)
    assert not holds(stamps, without_tags)
    assert holds(stamps, entry(stamps, "movie:1"))


def test_publish_without_tags_only_moves_clock(stamps: StampStore) -> None:
    made = entry(stamps, "movie:1")
    before = stamps.read_clock()
    stamps.publish(())
    assert stamps.read_clock() > before
    assert holds(stamps, made)


class Wrapped:
    """Forwards to a store; tests break one operation."""

    def __init__(self, inner: AtomicStore) -> None:
        self.inner = inner

    def get(self, name: str) -> bytes | None:
        return self.inner.get(name)

    def get_multi(self, names: Iterable[str]) -> dict[str, bytes]:
        return self.inner.get_multi(names)

    def gets(self, name: str) -> tuple[bytes, int] | None:
        return self.inner.gets(name)

    def cas(self, name: str, value: bytes, token: int, ttl: float = 0) -> bool:
        return self.inner.cas(name, value, token, ttl)

    def add(self, name: str, value: bytes, ttl: float = 0) -> bool:
        return self.inner.add(name, value, ttl)

    def set_multi(self, values: Mapping[str, bytes], ttl: float = 0) -> None:
        self.inner.set_multi(values, ttl)

    def incr(self, name: str) -> int | None:
        return self.inner.incr(name)

    def delete(self, name: str) -> None:
        self.inner.delete(name)


class Forgetful(Wrapped):
    """Loses the clock before some of the steps."""

    def __init__(self, inner: AtomicStore, losses: set[int]) -> None:
        super().__init__(inner)
        self.losses = losses
        self.steps = 0

    def incr(self, name: str) -> int | None:
        self.steps += 1
        if self.steps in self.losses:
            self.inner.delete(name)
        return self.inner.incr(name)


@pytest.mark.parametrize("losses", [{1}, {2}, {1, 2}, {2, 4}])
def test_publish_starts_clock_that_was_lost(losses: set[int]) -> None:
    inner = MemoryAtomicStore()
    plain = StampStore(inner, TTL)
    made = entry(plain, "movie:1")
    StampStore(Forgetful(inner, losses), TTL).publish(["movie:1"])
    assert plain.get_multi(["movie:1"]) == {}
    assert not holds(plain, made)


def test_publish_fails_if_clock_is_always_lost() -> None:
    with pytest.raises(PublishError):
        StampStore(Forgetful(MemoryAtomicStore(), set(range(100))), TTL).publish(["movie:1"])


@pytest.mark.parametrize("broken", ["get", "incr", "set_multi"])
def test_publish_fails_if_a_step_is_not_acknowledged(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StoreUnreachableError("gone")

    store = Wrapped(MemoryAtomicStore())
    monkeypatch.setattr(store, broken, fail)
    with pytest.raises(PublishError):
        StampStore(store, TTL).publish(["movie:1"])


def test_clock_is_none_without_store(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Wrapped(MemoryAtomicStore())
    monkeypatch.setattr(store, "get", lambda _: None)
    stamps = StampStore(store, TTL)
    assert stamps.clock() is None
    with pytest.raises(StoreError):
        stamps.read_clock()


@pytest.mark.parametrize(
    ("snapshot_clock", "stamp", "clock", "expected"),
    [
        (EPOCH + 5, EPOCH + 5, EPOCH + 5, True),
        (EPOCH + 5, EPOCH + 4, EPOCH + 9, True),
        (EPOCH + 5, EPOCH + 6, EPOCH + 9, False),
        (EPOCH + 9, EPOCH + 5, EPOCH + 8, False),
        (EPOCH + 5, None, EPOCH + 9, False),
        (5, 4, EPOCH + 9, False),
        (EPOCH + 5, 4, EPOCH + 9, False),
        ((8 << 32) + 5, EPOCH + 4, (8 << 32) + 9, False),
    ],
)
def test_is_valid(snapshot_clock: int, stamp: int | None, clock: int, *, expected: bool) -> None:
    stamps = {} if stamp is None else {"a:1": stamp}
    assert is_valid([DependencyGroup(snapshot_clock, ("a:1",))], stamps, clock) is expected


def test_one_invalid_dependency_makes_entry_invalid() -> None:
    groups = [DependencyGroup(EPOCH + 5, ("a:1", "b:1")), DependencyGroup(EPOCH + 7, ("c:1",))]
    stamps = {"a:1": EPOCH + 1, "b:1": EPOCH + 5, "c:1": EPOCH + 7}
    assert is_valid(groups, stamps, EPOCH + 7)
    assert not is_valid(groups, {**stamps, "b:1": EPOCH + 6}, EPOCH + 7)
    assert not is_valid(groups, {**stamps, "c:1": EPOCH + 8}, EPOCH + 8)


def test_tags_to_resolve_have_no_number_of_the_epoch() -> None:
    stamps = {"a:1": EPOCH + 1, "b:1": 3}
    assert tags_to_resolve(["a:1", "b:1", "c:1"], stamps, EPOCH + 9) == ["b:1", "c:1"]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=6), st.integers(0, 9))
def test_is_valid_compares_every_dependency(pairs: list[tuple[int, int]], clock: int) -> None:
    groups = [
        DependencyGroup(EPOCH + snapshot_clock, (f"a:{n}",))
        for n, (snapshot_clock, _) in enumerate(pairs)
    ]
    stamps = {f"a:{n}": EPOCH + stamp for n, (_, stamp) in enumerate(pairs)}
    expected = all(stamp <= snapshot_clock <= clock for snapshot_clock, stamp in pairs)
    assert is_valid(groups, stamps, EPOCH + clock) is expected


def test_read_raw_distinguishes_tombstones_numbers_and_missing_stamps(stamps: StampStore) -> None:
    entry(stamps, "movie:1", "movie:2")
    stamps.publish(["movie:2"])
    found = stamps.read_raw(["movie:1", "movie:2", "movie:3"])
    assert found == {"movie:1": stamps.get_multi(["movie:1"])["movie:1"], "movie:2": None}
