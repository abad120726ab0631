"""Validation of stored entries and of local copies."""

from collections.abc import Iterable

import pytest

from moziweb.cache.errors import StoreUnreachableError
from moziweb.cache.protocol.invalidation_log import LogCheck
from moziweb.cache.regions.rendering import CacheStatus
from moziweb.cache.regions.validation import (
    confirm_copies,
    fetch_and_validate,
    revalidate_copies,
    was_published,
)
from tests.cache.regions.bench import LIFE, Bench


def test_publish_of_other_tag_causes_validation_only(bench: Bench) -> None:
    for _ in range(3):
        bench.read()
    bench.stamps.publish(["movie:2"])
    bench.lose_log()
    assert [bench.read().status for _ in range(2)] == ["hit", "l1"]
    assert bench.renders == 1


def refuse_stamps(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail the test if a stamp is read."""

    def fail(tags: Iterable[str]) -> dict[str, int]:
        raise AssertionError(f"stamps of {list(tags)} were read")

    monkeypatch.setattr(bench.stamps, "get_multi", fail)


def test_publish_of_other_tag_costs_neither_stamps_nor_a_fetch(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        bench.read()
    refuse_stamps(bench, monkeypatch)
    monkeypatch.setattr(bench.backend, "get_serialized_multi", None)
    for number in range(2, 9):
        bench.stamps.publish([f"movie:{number}"])
        assert bench.read().status is CacheStatus.L1


def test_fetched_entry_is_valid_by_the_log_since_its_snapshot(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it has a stamp does not matter: another process may have evicted or lost it."""
    bench.read()
    bench.stamps.publish(["movie:2"])
    bench.atomic_store.delete("tag:movie:1")
    refuse_stamps(bench, monkeypatch)
    assert bench.read().status is CacheStatus.HIT
    assert bench.stamps.log.counts().checks == {LogCheck.CONFIRMED: 1}


def test_entry_from_before_the_log_is_validated_by_its_stamps(bench: Bench) -> None:
    bench.read()
    bench.stamps.publish(["movie:2"])
    bench.use_other_process()
    assert bench.read().status is CacheStatus.HIT
    assert bench.stamps.log.counts().checks == {LogCheck.BEFORE_START: 1}
    bench.stamps.publish(["movie:2"])
    assert bench.read().status is CacheStatus.L1
    assert bench.stamps.log.counts().checks == {LogCheck.BEFORE_START: 1, LogCheck.CONFIRMED: 1}


def test_log_is_a_question_and_the_stamps_are_the_answer(bench: Bench) -> None:
    """Published twice, with a render in between: the second publish is of the first write."""
    bench.read()
    bench.stamps.publish(["movie:1"])
    assert bench.read().status is CacheStatus.MISS
    assert bench.read().status is CacheStatus.HIT
    bench.stamps.publish(["movie:1"])
    assert bench.read().status is CacheStatus.MISS
    assert bench.renders == 3


def test_expired_entry_is_not_valid_by_the_log(bench: Bench) -> None:
    for _ in range(2):
        bench.read()
    bench.stamps.publish(["movie:2"])
    bench.now += LIFE
    assert bench.read().status is CacheStatus.MISS


def test_copies_of_a_region_are_outdated_in_the_log_after_a_delete(bench: Bench) -> None:
    for name in "ab":
        for _ in range(2):
            bench.read(name, render=bench.render(f"movie:{name}"))
    ours, parts = bench.region, bench.parts
    copy = ours.local.find("a")
    assert copy is not None
    bench.use_other_process()
    bench.region.delete("a")
    clock = clock_of(bench)
    assert confirm_copies(parts, {"a": copy}, clock) == {"a": copy}
    assert was_published(parts, copy)
    revalidate_copies(parts, {"a": copy}, clock)
    assert ours.local.find("a") is None


def test_entry_expires(bench: Bench) -> None:
    bench.read()
    bench.now += LIFE - 0.1
    assert bench.read().status is CacheStatus.HIT
    bench.now += 0.1
    assert bench.read().status is CacheStatus.MISS


@pytest.mark.parametrize("junk", [b"", b"junk", b"{}|junk", b'{"ct":1,"v":2}|MZ\x01\x03junk'])
def test_corrupt_entry_is_a_miss_and_is_replaced(bench: Bench, junk: bytes) -> None:
    bench.backend.set_serialized("a", junk)
    assert bench.read().status is CacheStatus.MISS
    assert ("corrupt",) in bench.recorded.events
    assert bench.read().status is CacheStatus.HIT


def clock_of(bench: Bench) -> int:
    clock = bench.stamps.clock()
    assert clock is not None
    return clock


def test_fetched_entries_are_valid_outdated_or_missing(bench: Bench) -> None:
    for name in "ab":
        bench.read(name, render=bench.render(f"movie:{name}"))
    bench.use_other_process()
    bench.stamps.publish(["movie:b"])
    result = fetch_and_validate(bench.parts, ["a", "b", "c"], clock_of(bench))
    assert (set(result.valid), set(result.outdated)) == ({"a"}, {"b"})
    assert bench.region.local.find("a") is not None
    assert bench.region.local.find("b") is None


def test_entry_with_a_tag_without_a_stamp_is_outdated_until_it_is_resolved(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the log does not confirm it."""
    bench.read()
    bench.atomic_store.delete("tag:movie:1")
    bench.use_other_process()
    monkeypatch.setattr(bench.stamps.log, "confirms", lambda *_: False)
    result = fetch_and_validate(bench.parts, ["a"], clock_of(bench))
    assert result.outdated.keys() == {"a"}
    assert result.unresolved_tags == {"movie:1"}
    bench.parts.resolve(result.unresolved_tags)
    assert fetch_and_validate(bench.parts, ["a"], clock_of(bench)).valid.keys() == {"a"}


def test_no_copy_is_kept_without_keep_copies(bench: Bench) -> None:
    bench.read()
    bench.use_other_process()
    fetched = fetch_and_validate(bench.parts, ["a"], clock_of(bench), keep_copies=False)
    assert fetched.valid.keys() == {"a"}
    assert bench.region.local.find("a") is None


def test_outdated_copy_is_dropped_and_a_valid_one_gets_the_clock(bench: Bench) -> None:
    for name in "ab":
        for _ in range(2):
            bench.read(name, render=bench.render(f"movie:{name}"))
    copies = {name: copy for name in "ab" if (copy := bench.region.local.find(name))}
    assert len(copies) == 2
    bench.stamps.publish(["movie:b"])
    clock = clock_of(bench)
    revalidate_copies(bench.parts, copies, clock)
    assert copies["a"].validated_at == clock
    assert bench.region.local.find("b") is None


def test_copies_stay_as_they_are_if_the_stamps_cannot_be_read(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        bench.read()
    copy = bench.region.local.find("a")
    assert copy is not None
    before = copy.validated_at
    bench.stamps.publish(["movie:1"])
    bench.lose_log()

    def fail(*_: object) -> None:
        raise StoreUnreachableError("gone")

    clock = clock_of(bench)
    monkeypatch.setattr(bench.stamps, "get_multi", fail)
    revalidate_copies(bench.parts, {"a": copy}, clock)
    assert bench.region.local.find("a") is copy
    assert copy.validated_at == before
