"""What a process counts of its cache for whoever looks at it: served, rendered, stored, by region.

Unlike the metrics for Prometheus it is always at work, so that a console has something to show; it
keeps a few hundred numbers, and counting a hit takes a fraction of a microsecond.
"""

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from ..events import CacheEvents
from .rendering import Status

MINUTES: Final = 60
"""How far back what was served is known by the minute."""

SLOWEST: Final = 10
"""Renders that are remembered, of each region."""

_HITS: Final = frozenset({Status.HIT, Status.L1, Status.STALE})


@dataclass(frozen=True, slots=True)
class SlowRender:
    """A render: of which key, how many seconds it took, and when it ended (Unix time)."""

    seconds: float
    at: float
    key: str


@dataclass(slots=True)
class RegionCounts:
    """What has been counted of a region. Sizes are in bytes, times in seconds."""

    served: dict[str, int] = field(default_factory=dict)
    renders: int = 0
    rendered: int = 0
    render_seconds: float = 0.0
    stored: int = 0
    stored_bytes: int = 0
    largest: int = 0
    slowest: tuple[SlowRender, ...] = ()

    @property
    def requests(self) -> int:
        """How often something was asked for."""
        return sum(self.served.values())

    @property
    def hit_ratio(self) -> float | None:
        """The share of what was served from the cache; None where nothing was asked for."""
        return hit_ratio_of(self.served)


def hit_ratio_of(served: dict[str, int]) -> float | None:
    """The share of hits among what was served, by status."""
    asked = sum(served.values())
    return sum(served.get(status, 0) for status in _HITS) / asked if asked else None


class InProcessCounters(CacheEvents):
    """Counts. Threads share it."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        """``now`` is Unix time."""
        self._now = now
        self._lock = threading.Lock()
        self._regions: dict[str, RegionCounts] = defaultdict(RegionCounts)
        self._totals: dict[tuple[str, str], list[int]] = {}
        self._before: dict[tuple[str, str], int] = {}
        self._minute = int(now() // 60)
        self._ends = 60.0 * (self._minute + 1)
        self._past: deque[tuple[int, dict[tuple[str, str], int]]] = deque(maxlen=MINUTES)
        self.since = now()
        """When counting began (Unix time)."""

    def served(self, region: str, status: str) -> None:
        """See ``CacheEvents``.

        On the path of every hit, so no lock is taken: should two threads ever count at the very
        same moment, one of some thousands is lost.
        """
        if self._now() >= self._ends:
            self._start_minute()
        total = self._totals.get((region, status))
        if total is None:
            with self._lock:
                total = self._totals.setdefault((region, status), [0])
        total[0] += 1

    def _start_minute(self) -> None:
        """A minute is over: keep what was served in it."""
        with self._lock:
            minute = int(self._now() // 60)
            if minute == self._minute:
                return  # another thread was quicker
            self._past.append((self._minute, self._present()))
            self._before = {key: total[0] for key, total in self._totals.items()}
            self._minute, self._ends = minute, 60.0 * (minute + 1)

    def _present(self) -> dict[tuple[str, str], int]:
        """What has been served since the minute began."""
        return {key: total[0] - self._before.get(key, 0) for key, total in self._totals.items()}

    def rendered(self, region: str, seconds: float, keys: Sequence[str]) -> None:
        """See ``CacheEvents``."""
        with self._lock:
            counted = self._regions[region]
            counted.renders += 1
            counted.rendered += len(keys)
            counted.render_seconds += seconds
            if keys:
                counted.slowest = _with(counted.slowest, SlowRender(seconds, self._now(), keys[0]))

    def stored(self, region: str, size: int) -> None:
        """See ``CacheEvents``."""
        with self._lock:
            counted = self._regions[region]
            counted.stored += 1
            counted.stored_bytes += size
            counted.largest = max(counted.largest, size)

    def counts_of(self, region: str) -> RegionCounts:
        """A copy of what has been counted of a region."""
        with self._lock:
            served = {
                str(status): total[0]
                for (name, status), total in self._totals.items()
                if name == region
            }
            return replace(self._regions[region], served=served)

    def served_by_minute(self, region: str) -> list[tuple[float, dict[str, int]]]:
        """What was served in each of the last minutes, by status: its start (Unix time) first."""
        if self._now() >= self._ends:
            self._start_minute()
        with self._lock:
            known = dict([*self._past, (self._minute, self._present())])
            last = self._minute
        return [
            (60.0 * minute, _of_region(known.get(minute, {}), region))
            for minute in range(last - MINUTES + 1, last + 1)
        ]


def _of_region(counts: dict[tuple[str, str], int], region: str) -> dict[str, int]:
    return {
        str(status): count for (name, status), count in counts.items() if name == region and count
    }


def _with(slowest: tuple[SlowRender, ...], slow: SlowRender) -> tuple[SlowRender, ...]:
    """The slowest renders with another one among them, each key once."""
    by_key = {each.key: each for each in (*slowest, slow)}
    by_key[slow.key] = max(
        (each for each in (*slowest, slow) if each.key == slow.key), key=lambda each: each.seconds
    )
    ordered = sorted(by_key.values(), key=lambda each: each.seconds, reverse=True)
    return tuple(ordered[:SLOWEST])
