"""In-process counters of requests: time by part, queries, errors and Apdex, by route.

A transaction is one request, answered by the application or from the cache in front of it. All
counters only grow; readers compare two moments.
"""

import threading
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from moziweb.cache import CacheEvents
from moziweb.timings import Part, Timings

REQUEST_SECONDS: Final = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
)  # fmt: skip
"""From a page in the process's memory to a poster that is made during the request."""

UNROUTED: Final = "none"
"""Name of the route of requests that no route matched."""

PROBES: Final = frozenset({"heartbeat", "lbheartbeat", "metrics"})
"""Routes whose requests are no transactions of visitors: their Apdex would hide that of others."""

TOLERATED: Final = 4
"""Apdex: a request is tolerated until this multiple of the threshold."""

_SERVER_ERROR: Final = "5"


@dataclass(slots=True)
class TransactionCounts:
    """Counters of the requests of a route with one status. Times are in seconds.

    ``buckets`` are those of ``REQUEST_SECONDS`` and one for longer times; like ``answering`` they
    are without the time in the queue. ``from_cache`` and ``queued`` are of hits, ``by_part`` of all
    other requests.
    """

    buckets: list[int] = field(default_factory=lambda: [0] * (len(REQUEST_SECONDS) + 1))
    satisfied: int = 0
    tolerated: int = 0
    queries: int = 0
    from_cache: float = 0.0
    queued: float = 0.0
    by_part: dict[Part, float] = field(default_factory=lambda: dict.fromkeys(Part, 0.0))

    @property
    def seconds(self) -> dict[Part, float]:
        """The time of all requests by part."""
        found = dict(self.by_part)
        found[Part.CACHE] += self.from_cache
        found[Part.QUEUE] += self.queued
        return found

    @property
    def answering(self) -> float:
        """The time of all requests without the queue."""
        return self.from_cache + sum(self.by_part.values()) - self.by_part[Part.QUEUE]

    @property
    def requests(self) -> int:
        """The number of requests."""
        return sum(self.buckets)


class TransactionCounters(CacheEvents):
    """Counts transactions. Thread-safe."""

    def __init__(self, apdex_seconds: float) -> None:
        """``apdex_seconds`` is the T of Apdex."""
        self.apdex_seconds = apdex_seconds
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str], TransactionCounts] = {}

    def answered(self, route: str, status: str, seconds: float, queued: float) -> None:
        """See ``CacheEvents``. Called for every hit, so it does little."""
        counts = self._counts.get((route, status)) or self._new(route, status)
        with self._lock:
            counts.buckets[bisect_left(REQUEST_SECONDS, seconds)] += 1
            counts.from_cache += seconds
            if queued:
                counts.queued += queued
                seconds += queued
            if seconds <= self.apdex_seconds:
                counts.satisfied += 1
            elif seconds <= TOLERATED * self.apdex_seconds:
                counts.tolerated += 1

    def add(self, route: str, status: str, timings: Timings) -> None:
        """Count a request that the application has answered."""
        total = timings.total()
        answering = total - timings.seconds[Part.QUEUE]
        counts = self._counts.get((route, status)) or self._new(route, status)
        with self._lock:
            counts.buckets[bisect_left(REQUEST_SECONDS, answering)] += 1
            counts.queries += timings.queries
            for part, seconds in timings.seconds.items():
                counts.by_part[part] += seconds
            if not status.startswith(_SERVER_ERROR):
                counts.satisfied += total <= self.apdex_seconds
                counts.tolerated += self.apdex_seconds < total <= TOLERATED * self.apdex_seconds

    def _new(self, route: str, status: str) -> TransactionCounts:
        with self._lock:
            return self._counts.setdefault((route, status), TransactionCounts())

    def counts(self) -> Iterator[tuple[str, str, TransactionCounts]]:
        """Route, status and counters; the counters are still being counted."""
        with self._lock:
            counted = list(self._counts.items())
        for (route, status), counts in counted:
            yield route, status, counts

    def totals(self) -> "Totals":
        """The sums over all transactions of visitors."""
        found = Totals()
        for route, status, counts in self.counts():
            if route not in PROBES:
                found.include(route, status, counts)
        return found


@dataclass(slots=True)
class Totals:
    """Sums of ``TransactionCounts``; ``routes`` has requests, errors and seconds by route."""

    requests: int = 0
    errors: int = 0
    satisfied: int = 0
    tolerated: int = 0
    queries: int = 0
    seconds: dict[Part, float] = field(default_factory=lambda: dict.fromkeys(Part, 0.0))
    routes: dict[str, tuple[int, int, float]] = field(default_factory=dict)

    def include(self, route: str, status: str, counts: TransactionCounts) -> None:
        """Add the counters of a route with one status."""
        requests = counts.requests
        errors = requests if status.startswith(_SERVER_ERROR) else 0
        by_part = counts.seconds
        spent = sum(by_part.values())
        self.requests += requests
        self.errors += errors
        self.satisfied += counts.satisfied
        self.tolerated += counts.tolerated
        self.queries += counts.queries
        for part, seconds in by_part.items():
            self.seconds[part] += seconds
        before = self.routes.get(route, (0, 0, 0.0))
        self.routes[route] = (before[0] + requests, before[1] + errors, before[2] + spent)

    def since(self, before: "Totals") -> "Totals":
        """What was counted after ``before``."""
        return Totals(
            self.requests - before.requests,
            self.errors - before.errors,
            self.satisfied - before.satisfied,
            self.tolerated - before.tolerated,
            self.queries - before.queries,
            {part: seconds - before.seconds[part] for part, seconds in self.seconds.items()},
            _new_routes(self.routes, before.routes),
        )


def _new_routes(
    routes: Mapping[str, tuple[int, int, float]], before: Mapping[str, tuple[int, int, float]]
) -> dict[str, tuple[int, int, float]]:
    found = {}
    for route, (requests, errors, seconds) in routes.items():
        earlier = before.get(route, (0, 0, 0.0))
        if requests > earlier[0]:
            found[route] = (requests - earlier[0], errors - earlier[1], seconds - earlier[2])
    return found
