"""Reads from the memory of the process alone."""

from collections.abc import Mapping

import pytest

from moziweb.cache.protocol.entry import Entry
from moziweb.cache.regions.region import TaggedRegion
from tests.cache.regions.bench import Bench


def read_local(region: TaggedRegion, key: str) -> Entry | None:
    """The valid entry in the local cache, as the event loop of the server reads it."""
    copy = region.local.find(key)
    if copy is None:
        return None
    clock = region.local.clock()
    region.local.revalidate({key: copy}, clock)
    return region.local.get(key, copy, clock)


def test_copy_validated_during_delete_is_not_served_after_it(bench: Bench) -> None:
    """The validation succeeds, at a clock that the stamp after the tombstone may be equal to.

    The copy is of another process; a third process resolves the tag of the copies at that time.
    """
    for key in "ab":
        bench.read(key)
    bench.read("a")
    ours = bench.region
    assert read_local(ours, "a") is not None
    bench.use_other_process()
    steps = bench.atomic_store.incr

    def interrupted(name: str) -> int | None:
        number = steps(name)
        bench.atomic_store.incr = steps  # type: ignore[method-assign]
        assert read_local(ours, "a") is not None  # after the first step
        return number

    def resolved(values: Mapping[str, bytes], ttl: float = 0) -> None:
        set_multi(values, ttl)
        bench.atomic_store.set_multi = set_multi  # type: ignore[method-assign]
        assert bench.region.get_valid("b") is not None  # before the second step
        bench.stamps.resolve(["copies:pages"])
        assert bench.stamps.get_multi(["copies:pages"])

    set_multi = bench.atomic_store.set_multi
    bench.atomic_store.incr = interrupted  # type: ignore[method-assign]
    bench.atomic_store.set_multi = resolved  # type: ignore[method-assign]
    bench.region.delete("a")
    assert bench.atomic_store.incr == steps
    assert bench.atomic_store.set_multi == set_multi
    assert read_local(ours, "a") is None
    assert ours.get_valid("a") is None


def test_copy_is_read_without_the_store_of_entries(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        bench.read()
    bench.stamps.publish(["movie:2"])
    monkeypatch.setattr(bench.backend, "get_serialized_multi", None)
    assert read_local(bench.region, "a") is not None
    assert read_local(bench.region, "b") is None


def test_clock_that_cannot_be_read_gives_no_entry(bench: Bench) -> None:
    for _ in range(2):
        bench.read()
    copy = bench.region.local.find("a")
    assert copy is not None
    bench.region.local.revalidate({"a": copy}, None)
    assert bench.region.local.get("a", copy, None) is None


def test_copy_ends_with_its_entry(bench: Bench) -> None:
    for _ in range(2):
        bench.read()
    copy = bench.region.local.find("a")
    assert copy is not None
    bench.now = copy.entry.expires
    assert bench.region.local.get("a", copy, bench.region.local.clock()) is None


def test_read_copy_counts_as_a_hit(bench: Bench) -> None:
    for _ in range(2):
        bench.read()
    bench.recorded.events.clear()
    assert read_local(bench.region, "a") is not None
    assert bench.recorded.events == [("served", "l1")]
