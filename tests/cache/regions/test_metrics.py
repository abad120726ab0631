"""In-process counters, and several listeners as one."""

import inspect
from collections.abc import Callable
from typing import Any

from moziweb.cache import CacheEvents, CompositeEvents, InProcessCounters
from moziweb.cache.regions.metrics import MINUTES, SLOWEST


class ManualClock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.at = 6_000_000.0

    def __call__(self) -> float:
        return self.at


def test_counts_by_region_and_status() -> None:
    counters = InProcessCounters()
    for status in ("hit", "l1", "stale", "miss", "bypass"):
        counters.served("pages", status)
    counters.served("fragments", "miss")
    assert counters.counts_of("pages").requests == 5
    assert counters.counts_of("pages").hit_ratio == 3 / 5
    assert counters.counts_of("fragments").hit_ratio == 0
    assert counters.counts_of("feeds").hit_ratio is None


def test_last_hour_is_kept_by_minute() -> None:
    clock = ManualClock()
    counters = InProcessCounters(clock)
    for _ in range(3 * MINUTES):
        counters.served("pages", "hit")
        clock.at += 60
    counters.served("feeds", "miss")
    minutes = counters.served_by_minute("pages")
    assert len(minutes) == MINUTES
    assert [counts for _start, counts in minutes] == [{"hit": 1}] * (MINUTES - 1) + [{}]
    assert minutes[-1][0] == clock.at
    assert len(counters._past_minutes) <= MINUTES
    assert counters.counts_of("pages").served == {"hit": 3 * MINUTES}


def test_slowest_renders_have_each_key_once() -> None:
    counters = InProcessCounters(ManualClock())
    for number in range(30):
        counters.rendered("pages", number / 10, [f"k{number}"])
    counters.rendered("pages", 9.0, ["k3", "k4"])
    counters.rendered("pages", 0.1, ["k3"])
    counters.rendered("pages", 0.1, [])
    counts = counters.counts_of("pages")
    assert (counts.renders, counts.rendered) == (33, 33)
    assert [(each.key, each.seconds) for each in counts.slowest[:2]] == [("k3", 9.0), ("k29", 2.9)]
    assert len(counts.slowest) == SLOWEST


def test_sizes_of_stored_entries() -> None:
    counters = InProcessCounters()
    counters.stored("pages", 100)
    counters.stored("pages", 300)
    counts = counters.counts_of("pages")
    assert (counts.stored, counts.stored_bytes, counts.largest) == (2, 400, 300)


class Listener(CacheEvents):
    """Records every event; the methods are added below."""

    def __init__(self) -> None:
        self.recorded: list[tuple[str, tuple[Any, ...]]] = []


EVENTS = [name for name in vars(CacheEvents) if not name.startswith("_")]


def recording(name: str) -> Callable[..., None]:
    """A method that records an event."""
    return lambda listener, *arguments: listener.recorded.append((name, arguments))


for event in EVENTS:
    setattr(Listener, event, recording(event))


def test_composite_forwards_every_event() -> None:
    listeners = Listener(), Listener()
    both = CompositeEvents(listeners[0], CacheEvents(), listeners[1])
    for name in EVENTS:
        method = getattr(CacheEvents(), name)
        getattr(both, name)(*(("x",) for _ in inspect.signature(method).parameters))
    assert [name for name, _ in listeners[0].recorded] == EVENTS
    assert listeners[0].recorded == listeners[1].recorded
