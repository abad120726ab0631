"""In-process counters per region: served, rendered, stored. The manager's dashboard shows them.

Unlike the Prometheus metrics they are always on. They are a few hundred numbers, and counting a hit
takes a fraction of a microsecond.
"""

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from ..events import CacheEvents
from .rendering import CacheStatus

MINUTES: Final = 60
"""Number of minutes for which the served entries are kept."""

SLOWEST: Final = 10
"""Number of slow renders that are kept per region."""

_HITS: Final = frozenset({CacheStatus.HIT, CacheStatus.L1, CacheStatus.STALE})


@dataclass(frozen=True, slots=True)
class SlowRender:
    """A render of ``key`` that took ``seconds`` and ended ``at`` (Unix time)."""

    seconds: float
    at: float
    key: str


@dataclass(slots=True)
class RegionCounts:
    """The counters of a region. Sizes are in bytes, times in seconds."""

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
        """The number of reads."""
        return sum(self.served.values())

    @property
    def hit_ratio(self) -> float | None:
        """The share of reads that were served from the cache; None without reads."""
        return hit_ratio_of(self.served)


def hit_ratio_of(served: dict[str, int]) -> float | None:
    """Return the share of hits of the reads by status; None without reads."""
    requests = sum(served.values())
    return sum(served.get(status, 0) for status in _HITS) / requests if requests else None


class InProcessCounters(CacheEvents):
    """Counts events. Thread-safe."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        """``now`` is Unix time."""
        self._now = now
        self._lock = threading.Lock()
        self._regions: dict[str, RegionCounts] = defaultdict(RegionCounts)
        self._totals: dict[tuple[str, str], list[int]] = {}
        self._totals_before: dict[tuple[str, str], int] = {}
        self._minute = int(now() // 60)
        self._minute_end = 60.0 * (self._minute + 1)
        self._past_minutes: deque[tuple[int, dict[tuple[str, str], int]]] = deque(maxlen=MINUTES)
        self.since = now()
        """The start of counting (Unix time)."""

    def served(self, region: str, status: str) -> None:
        """See ``CacheEvents``.

        Called for every hit, so it takes no lock: if two threads count at the same moment, one
        count may be lost.
        """
        if self._now() >= self._minute_end:
            self._start_minute()
        total = self._totals.get((region, status))
        if total is None:
            with self._lock:
                total = self._totals.setdefault((region, status), [0])
        total[0] += 1

    def _start_minute(self) -> None:
        """Keep the counts of the minute that has ended."""
        with self._lock:
            minute = int(self._now() // 60)
            if minute == self._minute:
                return  # another thread did it
            self._past_minutes.append((self._minute, self._current_minute()))
            self._totals_before = {key: total[0] for key, total in self._totals.items()}
            self._minute, self._minute_end = minute, 60.0 * (minute + 1)

    def _current_minute(self) -> dict[tuple[str, str], int]:
        """Return the counts of the current minute."""
        return {
            key: total[0] - self._totals_before.get(key, 0) for key, total in self._totals.items()
        }

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
        """Return a copy of the counters of a region."""
        with self._lock:
            served = {
                str(status): total[0]
                for (name, status), total in self._totals.items()
                if name == region
            }
            return replace(self._regions[region], served=served)

    def served_totals(self) -> dict[tuple[str, str], int]:
        """Return the number of served entries by region and status."""
        with self._lock:
            return {(name, str(status)): total[0] for (name, status), total in self._totals.items()}

    def served_by_minute(self, region: str) -> list[tuple[float, dict[str, int]]]:
        """Return the start (Unix time) and the counts by status of each of the last minutes."""
        if self._now() >= self._minute_end:
            self._start_minute()
        with self._lock:
            by_minute = dict([*self._past_minutes, (self._minute, self._current_minute())])
            last = self._minute
        return [
            (60.0 * minute, _of_region(by_minute.get(minute, {}), region))
            for minute in range(last - MINUTES + 1, last + 1)
        ]


def _of_region(counts: dict[tuple[str, str], int], region: str) -> dict[str, int]:
    return {
        str(status): count for (name, status), count in counts.items() if name == region and count
    }


def _with(slowest: tuple[SlowRender, ...], slow: SlowRender) -> tuple[SlowRender, ...]:
    """Return the slowest renders, ``slow`` included, each key once."""
    by_key = {each.key: each for each in (*slowest, slow)}
    by_key[slow.key] = max(
        (each for each in (*slowest, slow) if each.key == slow.key), key=lambda each: each.seconds
    )
    ordered = sorted(by_key.values(), key=lambda each: each.seconds, reverse=True)
    return tuple(ordered[:SLOWEST])
