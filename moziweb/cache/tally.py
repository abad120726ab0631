"""What a process counts of its cache for whoever looks at it: served, rendered, stored, by region.

Unlike the metrics for Prometheus it is always at work, so that a console has something to show; it
keeps a few hundred numbers, and counting a hit takes a fraction of a microsecond.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from .observer import Observer
from .rendering import Status

MINUTES: Final = 60
"""How far back what was served is known by the minute."""

SLOWEST: Final = 10
"""Renders that are remembered, of each region."""

_HITS: Final = frozenset({Status.HIT, Status.L1, Status.STALE})


@dataclass(frozen=True, slots=True)
class Slow:
    """A render: of which key, how many seconds it took, and when it ended (Unix time)."""

    seconds: float
    at: float
    key: str


@dataclass(slots=True)
class Counted:
    """What has been counted of a region. Sizes are in bytes, times in seconds."""

    served: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    renders: int = 0
    rendered: int = 0
    render_seconds: float = 0.0
    stored: int = 0
    stored_bytes: int = 0
    largest: int = 0
    slowest: tuple[Slow, ...] = ()

    @property
    def asked(self) -> int:
        """How often something was asked for."""
        return sum(self.served.values())

    @property
    def ratio(self) -> float | None:
        """The share of what was served from the cache; None where nothing was asked for."""
        return ratio_of(self.served)


def ratio_of(served: dict[str, int]) -> float | None:
    """The share of hits among what was served, by status."""
    asked = sum(served.values())
    return sum(served.get(status, 0) for status in _HITS) / asked if asked else None


class Tally(Observer):
    """Counts. Threads share it."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        """``now`` is Unix time."""
        self._now = now
        self._lock = threading.Lock()
        self._regions: dict[str, Counted] = defaultdict(Counted)
        self._minutes: dict[int, dict[tuple[str, str], int]] = {}
        self.since = now()
        """When counting began (Unix time)."""

    def served(self, region: str, status: str) -> None:
        """See ``Observer``. On the path of every hit."""
        minute = int(self._now() // 60)
        with self._lock:
            self._regions[region].served[status] += 1
            counts = self._minutes.get(minute)
            if counts is None:
                counts = self._minute(minute)
            counts[region, status] += 1

    def _minute(self, minute: int) -> dict[tuple[str, str], int]:
        """The counts of a minute that has just begun; the oldest go."""
        for old in [each for each in self._minutes if each <= minute - MINUTES]:
            del self._minutes[old]
        counts: dict[tuple[str, str], int] = defaultdict(int)
        self._minutes[minute] = counts
        return counts

    def rendered(self, region: str, seconds: float, keys: Sequence[str]) -> None:
        """See ``Observer``."""
        with self._lock:
            counted = self._regions[region]
            counted.renders += 1
            counted.rendered += len(keys)
            counted.render_seconds += seconds
            if keys:
                counted.slowest = _with(counted.slowest, Slow(seconds, self._now(), keys[0]))

    def stored(self, region: str, size: int) -> None:
        """See ``Observer``."""
        with self._lock:
            counted = self._regions[region]
            counted.stored += 1
            counted.stored_bytes += size
            counted.largest = max(counted.largest, size)

    def of(self, region: str) -> Counted:
        """A copy of what has been counted of a region."""
        with self._lock:
            counted = self._regions.get(region, Counted())
            return Counted(
                dict(counted.served), counted.renders, counted.rendered, counted.render_seconds,
                counted.stored, counted.stored_bytes, counted.largest, counted.slowest,
            )  # fmt: skip

    def minutes(self, region: str) -> list[tuple[float, dict[str, int]]]:
        """What was served in each of the last minutes, by status: its start (Unix time) first."""
        last = int(self._now() // 60)
        with self._lock:
            return [
                (
                    minute * 60.0,
                    {
                        status: count
                        for (name, status), count in self._minutes.get(minute, {}).items()
                        if name == region
                    },
                )
                for minute in range(last - MINUTES + 1, last + 1)
            ]


def _with(slowest: tuple[Slow, ...], slow: Slow) -> tuple[Slow, ...]:
    """The slowest renders with another one among them, each key once."""
    by_key = {each.key: each for each in (*slowest, slow)}
    by_key[slow.key] = max(
        (each for each in (*slowest, slow) if each.key == slow.key), key=lambda each: each.seconds
    )
    ordered = sorted(by_key.values(), key=lambda each: each.seconds, reverse=True)
    return tuple(ordered[:SLOWEST])
