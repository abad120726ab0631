"""The invalidation log: its records, on all three stores, and what a process knows of them."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moziweb.cache.errors import StoreUnreachableError
from moziweb.cache.protocol import invalidation_log
from moziweb.cache.protocol.invalidation_log import (
    FETCHES,
    MANY,
    MAX_RECORD_BYTES,
    RING,
    InvalidationLog,
    LogCheck,
    LogReset,
    begin_record,
    record_name,
    tags_of_record,
    tags_record,
)
from moziweb.cache.protocol.stamps import StampStore
from moziweb.cache.protocol.store import AtomicStore
from tests.cache import log_fuzz

TTL = 3600.0
MANY_TAGS = ("a", *(f"movie:{number}" for number in range(30)))

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
    longest = ["m:" + "1" * (MAX_RECORD_BYTES - len(b"7 tags\n") - 2)]
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
    assert stamps.log_size() == (RING, sum(map(len, ring.values())))
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


EPOCH = 7 << 32


class Follower:
    """A log that is followed from number 100 of an epoch on, its records, and a manual time."""

    def __init__(self, **limits: int) -> None:
        self.now = 0.0
        self.records: dict[str, bytes] = {}
        self.fetched: list[list[str]] = []
        self.log = InvalidationLog(self.fetch, monotonic=lambda: self.now, **limits)
        self.log.catch_up(EPOCH + 100)

    def fetch(self, names: Iterable[str]) -> Mapping[str, bytes]:
        wanted = list(names)
        self.fetched.append(wanted)
        return {name: self.records[name] for name in wanted if name in self.records}

    def write(self, count: int, *tags: str) -> None:
        """Write the record of a number."""
        number = EPOCH + count
        self.records[record_name(number)] = tags_record(number, tags)

    def knows(self, tag: str, since: int, clock: int) -> bool:
        """Whether it confirms what shows a tag, after it has caught up."""
        self.log.catch_up(EPOCH + clock)
        return self.log.confirms([(EPOCH + since, (tag,))], EPOCH + clock)


def test_log_confirms_what_was_not_published() -> None:
    follower = Follower()
    follower.write(101)
    follower.write(102, "a:1", "b:1")
    assert follower.knows("c:1", 100, 102)
    assert not follower.knows("a:1", 100, 102)
    assert not follower.knows("a:1", 101, 102)
    assert follower.knows("a:1", 102, 102)
    assert follower.fetched == [[record_name(101), record_name(102)]]
    assert follower.log.counts().checks == {LogCheck.CONFIRMED: 2, LogCheck.PUBLISHED: 2}


def test_log_confirms_each_part_from_its_own_clock_on() -> None:
    follower = Follower()
    follower.write(101)
    follower.write(102, "a:1")
    follower.log.catch_up(EPOCH + 102)
    parts = [(EPOCH + 102, ["a:1"]), (EPOCH + 100, ["b:1"])]
    assert follower.log.confirms(parts, EPOCH + 102)
    assert not follower.log.confirms([*parts, (EPOCH + 101, ["a:1"])], EPOCH + 102)


@given(
    st.lists(st.lists(st.sampled_from("abcdef"), max_size=4) | st.just(MANY_TAGS), max_size=24),
    st.integers(98, 126),
    st.sets(st.sampled_from("abcdefg")),
    st.integers(98, 126),
)
def test_copies_are_confirmed_as_other_data_is(
    publishes: list[Sequence[str]], since: int, tags: set[str], clock: int
) -> None:
    follower = Follower()
    for number, published in enumerate(publishes, 101):
        follower.write(number, *published)
        if number % 5 == 0:
            follower.log.catch_up(EPOCH + number)
    follower.log.catch_up(EPOCH + 100 + len(publishes))
    confirmed = follower.log.confirms([(EPOCH + since, tags)], EPOCH + clock)
    before = follower.log.counts().checks
    assert follower.log.confirms_copy(frozenset(tags), EPOCH + since, EPOCH + clock) == confirmed
    assert follower.log.counts().checks == {each: 2 * count for each, count in before.items()}


def test_log_knows_nothing_about_the_time_before_it_and_after_the_last_record() -> None:
    follower = Follower()
    assert not follower.knows("a:1", 99, 100)
    follower.write(101)
    follower.log.catch_up(EPOCH + 101)
    assert not follower.log.confirms([(EPOCH + 100, ("a:1",))], EPOCH + 102)
    assert not follower.log.confirms([(EPOCH + 101, ("a:1",))], EPOCH + 100)
    assert follower.log.counts().checks == {LogCheck.BEFORE_START: 2, LogCheck.NOT_READ: 1}


def test_missing_record_is_expected_for_a_moment() -> None:
    """Its writer is between the step and the record."""
    follower = Follower()
    follower.write(102, "a:1")
    assert not follower.knows("b:1", 100, 102)
    follower.now = 0.19
    assert not follower.knows("b:1", 100, 102)
    follower.write(101)
    assert follower.knows("b:1", 100, 102)
    assert not follower.knows("a:1", 100, 102)
    assert not follower.log.counts().resets


def test_missing_record_is_read_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    follower = Follower()
    follower.fetched.clear()

    def fetch(names: Iterable[str]) -> Mapping[str, bytes]:
        if len(follower.fetched) == FETCHES - 1:  # its writer was slow
            follower.write(101, "a:1")
        return follower.fetch(names)

    monkeypatch.setattr(follower.log, "_fetch", fetch)
    assert follower.knows("b:1", 100, 101)
    assert follower.fetched == FETCHES * [[record_name(EPOCH + 101)]]


def test_record_that_stays_missing_is_read_once_by_later_hits() -> None:
    follower = Follower()
    follower.fetched.clear()
    for reads in (FETCHES, FETCHES + 1, FETCHES + 2):
        assert not follower.knows("b:1", 100, 102)
        assert len(follower.fetched) == reads
    follower.write(101)
    assert not follower.knows("b:1", 100, 102)
    assert len(follower.fetched) == FETCHES + 3, "both records were expected at the same time"


def test_store_that_fails_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    follower, reads = Follower(), 0

    def fetch(names: Iterable[str]) -> Mapping[str, bytes]:
        nonlocal reads
        reads += 1
        if reads > 1:
            raise StoreUnreachableError("gone")
        return {}

    monkeypatch.setattr(follower.log, "_fetch", fetch)
    assert not follower.knows("b:1", 100, 102)
    assert reads == 2


def test_missing_record_is_given_up_after_a_moment() -> None:
    follower = Follower()
    follower.write(102, "a:1")
    follower.knows("b:1", 100, 102)
    follower.now = 0.2
    assert not follower.knows("b:1", 100, 102)
    assert follower.knows("b:1", 101, 102)
    assert follower.log.counts().resets == {LogReset.MISSING: 1}


def test_records_that_are_missing_at_the_same_time_are_given_up_together() -> None:
    follower = Follower()
    follower.knows("b:1", 100, 104)
    follower.now = 0.2
    assert follower.knows("b:1", 104, 104)
    assert not follower.knows("b:1", 104, 106)  # these are expected
    assert not follower.knows("b:1", 103, 104)


def test_publish_without_tags_in_its_record_may_have_published_any_tag() -> None:
    follower = Follower()
    follower.write(101)
    follower.write(102, *(f"movie:{number}" for number in range(2000)))
    assert not follower.knows("b:1", 100, 102)
    assert follower.knows("b:1", 102, 102)
    assert follower.log.counts().resets == {LogReset.MANY: 1}


def test_process_that_is_far_behind_starts_again() -> None:
    follower = Follower(max_behind=5)
    assert not follower.knows("b:1", 100, 106)
    assert follower.knows("b:1", 106, 106)
    assert follower.fetched == []
    assert follower.log.counts().resets == {LogReset.BEHIND: 1}


@pytest.mark.parametrize("epoch", [6, 8])
def test_log_of_another_epoch_starts_again(epoch: int) -> None:
    follower = Follower()
    clock = (epoch << 32) + 1
    follower.log.catch_up(clock)
    assert follower.log.confirms([(clock, ("a:1",))], clock)
    assert not follower.log.confirms([(EPOCH + 100, ("a:1",))], clock)
    assert not follower.log.confirms([(EPOCH + 100, ("a:1",))], EPOCH + 100)
    assert follower.log.counts().resets == {LogReset.EPOCH: 1}


def test_log_remembers_a_bounded_number_of_tags() -> None:
    follower = Follower(max_tags=2)
    follower.write(101, "a:1", "b:1", "c:1")
    assert not follower.knows("d:1", 100, 101)
    assert follower.knows("a:1", 101, 101)
    assert follower.log.counts().resets == {LogReset.FULL: 1}


def test_store_that_does_not_answer_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> Mapping[str, bytes]:
        raise StoreUnreachableError("gone")

    follower = Follower()
    follower.write(101)
    with monkeypatch.context() as patch:
        patch.setattr(follower.log, "_fetch", fail)
        assert not follower.knows("a:1", 100, 101)
    assert follower.knows("a:1", 100, 101)


def test_published_tags_are_known_only_from_what_was_read() -> None:
    follower = Follower()
    follower.write(101, "a:1")
    follower.log.catch_up(EPOCH + 101)
    assert follower.log.has_published(["a:1", "b:1"], EPOCH + 100)
    assert not follower.log.has_published(["b:1"], EPOCH + 100)
    assert not follower.log.has_published(["a:1"], EPOCH + 101)
    assert not follower.log.has_published(["a:1"], EPOCH + 99)
    assert not follower.log.has_published(["a:1"], (6 << 32) + 100)
    assert not follower.log.has_published(["a:1"], (8 << 32) + 100)


class TestWasValid:
    """How long ago data has become outdated: ``grace``."""

    def read(self, follower: Follower, count: int, *, catch_up: bool = True) -> None:
        """Read the clock, and then the records."""
        follower.log.note_clock(EPOCH + count, follower.now)
        if catch_up:
            follower.log.catch_up(EPOCH + count)

    def was_valid(
        self, follower: Follower, since: int, within: float = 5, tag: str = "a:1"
    ) -> bool:
        return follower.log.was_valid([(EPOCH + since, (tag,))], within)

    def test_data_was_valid_until_the_last_look_before_the_publish(self) -> None:
        follower = Follower()
        follower.now = 10.0
        self.read(follower, 100)
        follower.now = 12.0
        follower.write(101)
        follower.write(102, "a:1")
        self.read(follower, 102)
        assert self.was_valid(follower, 100)
        assert self.was_valid(follower, 100, within=2)
        assert not self.was_valid(follower, 100, within=1.9)
        assert self.was_valid(follower, 100, within=1.9, tag="b:1")
        follower.now = 15.0
        self.read(follower, 102)
        assert self.was_valid(follower, 100)
        follower.now = 15.1
        self.read(follower, 102)
        assert not self.was_valid(follower, 100)
        assert self.was_valid(follower, 102)

    def test_publish_that_was_read_late_may_be_old(self) -> None:
        """Nothing was asked for a minute."""
        follower = Follower()
        self.read(follower, 100)
        follower.now = 60.0
        follower.write(101, "a:1")
        self.read(follower, 101)
        assert not self.was_valid(follower, 100)
        assert self.was_valid(follower, 100, tag="b:1")

    def test_nothing_is_known_while_the_clock_is_not_read(self) -> None:
        follower = Follower()
        assert not self.was_valid(follower, 100)
        self.read(follower, 100)
        assert self.was_valid(follower, 100)
        follower.now = 5.1
        assert not self.was_valid(follower, 100)

    def test_clock_whose_records_are_not_read_says_nothing(self) -> None:
        follower = Follower()
        self.read(follower, 100)
        follower.now = 5.1
        self.read(follower, 102)  # both records are missing, and expected
        assert not self.was_valid(follower, 100)
        follower.write(101)
        follower.write(102, "a:1")
        follower.log.catch_up(EPOCH + 102)
        assert not self.was_valid(follower, 100)
        assert self.was_valid(follower, 100, tag="b:1")

    def test_record_that_is_given_up_leaves_the_known_time(self) -> None:
        """A publish that is read after it may be old."""
        follower = Follower()
        self.read(follower, 100)
        follower.now = 5.5
        follower.write(102, "a:1")
        self.read(follower, 102)
        follower.now = 5.8
        follower.log.catch_up(EPOCH + 102)
        assert not self.was_valid(follower, 100, tag="b:1")
        assert not self.was_valid(follower, 101)
        assert self.was_valid(follower, 101, tag="b:1")

    def test_data_from_before_the_start_and_of_another_epoch_is_unknown(self) -> None:
        follower = Follower()
        self.read(follower, 100)
        assert not self.was_valid(follower, 99)
        assert not follower.log.was_valid([((8 << 32) + 200, ("a:1",))], 5)
        assert not follower.log.was_valid([((6 << 32) + 200, ("a:1",))], 5)
        assert self.was_valid(follower, 101)  # rendered after the last look

    def test_late_reader_of_an_old_epoch_makes_all_unknown(self) -> None:
        """It read the clock before the new epoch, and the records after it."""
        follower = Follower()
        self.read(follower, 100)
        new = (8 << 32) + 1
        follower.log.note_clock(new, follower.now)
        follower.log.catch_up(new)
        assert follower.log.was_valid([(new, ("a:1",))], 5)
        follower.log.catch_up(EPOCH + 100)
        assert not self.was_valid(follower, 100)

    def test_part_that_is_outdated_for_long_outdates_the_whole(self) -> None:
        follower = Follower()
        self.read(follower, 100)
        follower.now = 6.0
        follower.write(101, "a:1")
        self.read(follower, 101)
        whole = [(EPOCH + 101, ("b:1",)), (EPOCH + 100, ("a:1",))]
        assert not follower.log.was_valid(whole, 5)
        assert follower.log.was_valid(whole[:1], 5)


def test_thread_that_was_faster_is_not_read_again() -> None:
    """Another thread starts again at a later number, or catches up, during a fetch."""
    follower = Follower()
    for count in range(101, 105):
        follower.write(count, f"a:{count}")
    plain = follower.fetch

    def interrupted(names: Iterable[str]) -> Mapping[str, bytes]:
        found = plain(names)
        follower.log._fetch = plain
        follower.log.catch_up(EPOCH + 104)
        return found

    follower.log._fetch = interrupted
    follower.log.catch_up(EPOCH + 102)
    assert follower.knows("b:1", 100, 104)
    assert not follower.knows("a:104", 103, 104)
    assert len(follower.fetched) == 2


def test_stores_are_followed(open_store: Callable[[], AtomicStore]) -> None:
    """Each of the three; a record that memcached evicts is given up."""
    store = open_store()
    writer, now = StampStore(store, TTL), [0.0]
    log = InvalidationLog(open_store().get_multi, monotonic=lambda: now[0])
    since = writer.read_clock()
    log.catch_up(since)
    writer.publish(["a:1"])
    clock = writer.read_clock()
    log.catch_up(clock)
    assert log.confirms([(since, ("b:1",))], clock)
    assert not log.confirms([(since, ("a:1",))], clock)
    writer.publish(["c:1"])
    later = writer.read_clock()
    store.delete(record_name(later))
    log.catch_up(later)
    assert not log.confirms([(since, ("b:1",))], later)
    now[0] = 1.0
    log.catch_up(later)
    assert not log.confirms([(clock, ("c:1",))], later)
    assert log.confirms([(later, ("c:1",))], later)


@pytest.fixture
def small_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few and short records, so that they are overwritten and too long; few recent publishes."""
    monkeypatch.setattr(invalidation_log, "RING", log_fuzz.RING)
    monkeypatch.setattr(invalidation_log, "MAX_RECORD_BYTES", log_fuzz.MAX_BYTES)
    monkeypatch.setattr(invalidation_log, "_RECENT", log_fuzz.RECENT)


@pytest.mark.usefixtures("small_ring")
def test_no_order_of_operations_makes_an_answer_stale() -> None:
    stale, kinds = log_fuzz.search(range(250))
    assert stale == ""
    assert kinds["copy by log"] > 200
    assert kinds["entry by log"] > 500
    assert kinds["copy by stamps"] > 100
    assert kinds["entry in grace"] > 100


@pytest.mark.usefixtures("small_ring")
@pytest.mark.parametrize("name", log_fuzz.BROKEN_LINES)
def test_fuzz_finds_each_broken_line(name: str) -> None:
    stale, _ = log_fuzz.search(range(500), log_fuzz.broken(name))
    assert stale
