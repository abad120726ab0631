"""Checks every read against the outbox.

A row of the outbox is a write, with the time at which its publish was complete (the row is marked
after that). A page requested later must show the write. A page marked as stale may lack it for the
``grace`` of its region, or for ``stale_if_error`` while stamps or data are down, but not longer.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Seen:
    """A read: its time (Unix), how the page was served, and the versions on it."""

    at: float
    path: str
    status: int
    cache: str
    shown: Mapping[int, int]
    took: float = 0.0
    """Seconds until the answer."""
    port: int = 0
    """The port of the web process."""

    @property
    def is_answered(self) -> bool:
        """Whether there was any answer."""
        return self.status > 0


HEALING = 1.0
"""Seconds after the end of an outage in which its effects are still excused."""


@dataclass(frozen=True)
class Outage:
    """A server that was frozen or dead; Unix times. ``port`` is that of a web process."""

    name: str
    begun: float
    over: float
    port: int = 0

    def excuses(self, seen: Seen) -> bool:
        """Whether the outage, or the time after it, overlaps a read."""
        return seen.at <= self.over + HEALING and seen.at + seen.took >= self.begun

    def silences(self, seen: Seen) -> bool:
        """Whether it hit the process that a read was sent to."""
        return self.port == seen.port and self.excuses(seen)


@dataclass
class Published:
    """The newest published version of each movie at any time."""

    times: dict[int, list[float]] = field(default_factory=dict)
    versions: dict[int, list[int]] = field(default_factory=dict)
    known: set[int] = field(default_factory=set)
    rows: dict[int, list[tuple[float, int]]] = field(default_factory=dict)

    def add(self, row: int, movie: int, version: int, at: float) -> None:
        """Add a published row of the outbox. Repeats and any order are allowed."""
        if row in self.known:
            return
        self.known.add(row)
        rows = self.rows.setdefault(movie, [])
        rows.append((at, version))
        rows.sort()
        newest = 0
        self.times[movie] = [moment for moment, _ in rows]
        self.versions[movie] = [newest := max(newest, each) for _, each in rows]

    def by(self, movie: int, moment: float) -> int:
        """The newest version whose publish was complete at ``moment``, or 0."""
        place = bisect_right(self.times.get(movie, []), moment)
        return self.versions[movie][place - 1] if place else 0


@dataclass
class Verdict:
    """Counts, and the stale reads."""

    grace: float
    """Seconds for which a page marked as stale may be outdated."""
    outage_grace: float
    """The same while stamps or data are down."""
    reads: int = 0
    checks: int = 0
    said_stale: int = 0
    in_grace: int = 0
    """Those of ``said_stale`` that no outage excuses."""
    caches: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    stale: list[str] = field(default_factory=list)

    def judge(
        self,
        reads: Iterable[Seen],
        published: Published,
        wanted: Mapping[str, Sequence[int]],
        outages: Sequence[Outage] = (),
    ) -> None:
        """Check reads; ``wanted`` are the movies that a page must show.

        ``outages`` are those of the stamps and the data.
        """
        for seen in reads:
            if not seen.is_answered:
                continue
            self.reads += 1
            self.caches[seen.cache or "none"] += 1
            self.statuses[seen.status] += 1
            if seen.status == 200:
                self._judge(seen, published, wanted.get(seen.path, ()), outages)

    def _judge(
        self,
        seen: Seen,
        published: Published,
        wanted: Sequence[int],
        outages: Sequence[Outage],
    ) -> None:
        excused = any(outage.excuses(seen) for outage in outages)
        lenient = seen.cache == "stale"
        grace = self.outage_grace if excused else self.grace
        moment = seen.at - grace if lenient else seen.at
        for movie in {*wanted, *seen.shown}:
            self.checks += 1
            needed, shown = published.by(movie, moment), seen.shown.get(movie, 0)
            if shown < needed:
                self.stale.append(
                    f"{seen.path} ({seen.cache}) at {seen.at:.3f}: movie {movie} shows {shown},"
                    f" although {needed} was published{_last(outages, seen)}"
                )
            elif lenient and shown < published.by(movie, seen.at):
                self.said_stale += 1
                self.in_grace += not excused


def _last(outages: Sequence[Outage], seen: Seen) -> str:
    """How long after the last outage a read began, for its message."""
    over = {seen.at - each.over: each.name for each in outages if each.begun <= seen.at}
    return f"; {min(over):.1f} s after an outage of {over[min(over)]}" if over else ""
