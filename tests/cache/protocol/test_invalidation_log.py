"""The invalidation log: its records, on all three stores."""

from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moziweb.cache.errors import StoreUnreachableError
from moziweb.cache.protocol.invalidation_log import (
    MANY,
    MAX_BYTES,
    RING,
    begin_record,
    record_name,
    tags_of_record,
    tags_record,
)
from moziweb.cache.protocol.stamps import StampStore
from moziweb.cache.protocol.store import AtomicStore

TTL = 3600.0

names = st.from_regex(r"[a-z]{1,5}:[A-Za-z0-9._~-]{1,20}", fullmatch=True)


def records_of(store: AtomicStore, *numbers: int) -> list[tuple[str, ...] | None]:
    """The tags of the records of these numbers."""
    found = store.get_multi([record_name(number) for number in numbers])
    return [tags_of_record(found[record_name(number)], number) for number in numbers]


@given(st.lists(names, max_size=20), st.integers(1, 1 << 62))
def test_record_has_its_tags_and_its_number(tags: list[str], number: int) -> None:
    record = tags_record(number, tags)
    assert tags_of_record(record, number) == tuple(tags)
    for other in (number + 1, number + RING, number + (1 << 32), number * 10):
        with pytest.raises(LookupError):
            tags_of_record(record, other)


def test_first_record_has_no_tags() -> None:
    assert tags_of_record(begin_record(7), 7) == ()
    with pytest.raises(LookupError):
        tags_of_record(begin_record(7), 70)


def test_publish_of_very_many_tags_is_recorded_without_them() -> None:
    tags = [f"movie:{number}" for number in range(2000)]
    assert tags_of_record(tags_record(7, tags), 7) is MANY
    longest = ["m:" + "1" * (MAX_BYTES - len(b"7 tags\n") - 2)]
    assert tags_of_record(tags_record(7, longest), 7) == tuple(longest)
    assert tags_of_record(tags_record(7, [longest[0] + "1"]), 7) is MANY


@pytest.mark.parametrize("tag", ["movie:1\nmovie:2", "movie:é", "\udc80", ""])
def test_names_that_a_record_cannot_hold_are_never_left_out(tag: str) -> None:
    assert tags_of_record(tags_record(7, ["movie:3", tag]), 7) in (MANY, ("movie:3", tag))


@pytest.mark.parametrize(
    "record",
    [b"", b"junk", b"7", b"7 ", b"7 end", b"77 begin", b" 7 begin", b"07 begin", b"7 tags\n\xff"],
)
def test_other_bytes_are_no_record(record: bytes) -> None:
    with pytest.raises(LookupError):
        tags_of_record(record, 7)


def test_publish_records_both_of_its_numbers(store: AtomicStore) -> None:
    stamps = StampStore(store, TTL)
    before = stamps.read_clock()
    stamps.publish(["movie:1", "week:2026-W34"])
    stamps.publish([])
    numbers = range(before + 1, before + 5)
    assert records_of(store, *numbers) == [(), ("movie:1", "week:2026-W34"), (), ()]


def test_invalidation_of_copies_is_recorded(store: AtomicStore) -> None:
    stamps = StampStore(store, TTL)
    stamps.invalidate_local_copies("pages")
    assert records_of(store, stamps.read_clock()) == [("copies:pages",)]


def test_log_has_a_bounded_number_of_records(store: AtomicStore) -> None:
    stamps = StampStore(store, TTL)
    before = stamps.read_clock()
    for number in range(RING // 2 + 3):
        stamps.publish([f"movie:{number}"])
    ring = store.get_multi([record_name(number) for number in range(RING)])
    assert len(ring) == RING
    last = stamps.read_clock()
    assert records_of(store, last) == [(f"movie:{RING // 2 + 2}",)]
    with pytest.raises(LookupError):
        records_of(store, before + 2)
    assert record_name(before + 2) in store.get_multi([record_name(before + 2)])


def test_publish_is_complete_without_its_last_record(
    open_store: Callable[[], AtomicStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store()
    stamps, written = StampStore(store, TTL), []
    original = store.set_multi

    def set_multi(values: Mapping[str, bytes], ttl: float = 0) -> None:
        written.append(values)
        if len(written) == 2:
            raise StoreUnreachableError("gone")
        original(values, ttl)

    monkeypatch.setattr(store, "set_multi", set_multi)
    before = stamps.read_clock()
    stamps.publish(["movie:1"])
    other = StampStore(open_store(), TTL)
    assert other.read_clock() == before + 2
    assert other.read_raw(["movie:1"]) == {"movie:1": None}
    assert record_name(before + 2) not in store.get_multi([record_name(before + 2)])
    assert len(written) == 2


def test_first_record_is_written_with_the_tombstones(
    store: AtomicStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamps, written = StampStore(store, TTL), []
    original = store.set_multi

    def set_multi(values: Mapping[str, bytes], ttl: float = 0) -> None:
        written.append(list(values))
        original(values, ttl)

    monkeypatch.setattr(store, "set_multi", set_multi)
    first = stamps.read_clock() + 1
    stamps.publish(["movie:1"])
    assert written == [[record_name(first), "tag:movie:1"], [record_name(first + 1)]]
