"""What a process counts of its cache, and several observers in the place of one."""

import inspect
from typing import Any

from moziweb.cache import CacheEvents, CompositeEvents, InProcessCounters
from moziweb.cache.regions.metrics import MINUTES, SLOWEST


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = 6_000_000.0

    def __call__(self) -> float:
        return self.at


def test_counts_by_region_and_status() -> None:
    tally = InProcessCounters()
    for status in ("hit", "l1", "stale", "miss", "bypass"):
        tally.served("pages", status)
    tally.served("fragments", "miss")
    assert tally.counts_of("pages").requests == 5
    assert tally.counts_of("pages").hit_ratio == 3 / 5
    assert tally.counts_of("fragments").hit_ratio == 0
    assert tally.counts_of("feeds").hit_ratio is None


def test_last_hour_is_kept_by_minute() -> None:
    clock = Hand()
    tally = InProcessCounters(clock)
    for _ in range(3 * MINUTES):
        tally.served("pages", "hit")
        clock.at += 60
    tally.served("feeds", "miss")
    minutes = tally.served_by_minute("pages")
    assert len(minutes) == MINUTES
    assert [counts for _start, counts in minutes] == [{"hit": 1}] * (MINUTES - 1) + [{}]
    assert minutes[-1][0] == clock.at
    assert len(tally._past_minutes) <= MINUTES
    assert tally.counts_of("pages").served == {"hit": 3 * MINUTES}


def test_slowest_renders_have_each_key_once() -> None:
    tally = InProcessCounters(Hand())
    for number in range(30):
        tally.rendered("pages", number / 10, [f"k{number}"])
    tally.rendered("pages", 9.0, ["k3", "k4"])
    tally.rendered("pages", 0.1, ["k3"])
    tally.rendered("pages", 0.1, [])
    counted = tally.counts_of("pages")
    assert (counted.renders, counted.rendered) == (33, 33)
    assert [(each.key, each.seconds) for each in counted.slowest[:2]] == [("k3", 9.0), ("k29", 2.9)]
    assert len(counted.slowest) == SLOWEST


def test_sizes_of_stored_entries() -> None:
    tally = InProcessCounters()
    tally.stored("pages", 100)
    tally.stored("pages", 300)
    counted = tally.counts_of("pages")
    assert (counted.stored, counted.stored_bytes, counted.largest) == (2, 400, 300)


def test_composite_forwards_every_event() -> None:
    class Ear(CacheEvents):
        def __init__(self) -> None:
            self.recorded: list[tuple[str, tuple[Any, ...]]] = []

        def __getattribute__(self, name: str) -> Any:
            if name.startswith("_") or name == "recorded":
                return super().__getattribute__(name)
            return lambda *told: self.recorded.append((name, told))

    ears = Ear(), Ear()
    both = CompositeEvents(*ears)
    names = [name for name in vars(CacheEvents) if not name.startswith("_")]
    for name in names:
        method = getattr(both, name)
        method(*(("x",) for _ in inspect.signature(method).parameters))
    assert [name for name, _told in ears[0].recorded] == names
    assert ears[0].recorded == ears[1].recorded
