"""Checks every read against the outbox.

A row of the outbox is a write, with the time at which its publish was complete (the row is marked
after that). A page requested later must show the write. A page marked as stale may lack it for the
``grace`` of its region; while stamps or data are down for ``stale_if_error``, and for the life of
its entry if no request has found that to be outdated. But not longer.

A page may also show a write that is not published yet. So it is compared with each state of a movie
from the last one that was published, with all before it, until the end of the read. If a page shows
the movie in all of these states, or in none, it must or must not be on it.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.soak.pages import Page, facts_of
from tests.soak.states import MovieState


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
    facts: Mapping[int, str] = field(default_factory=dict)
    """Of the premieres on it, if the page has them (``pages.facts_of``)."""

    @property
    def is_page(self) -> bool:
        """Whether it is what a healthy site answers: "not found" for a movie without a page."""
        return self.status == 200 or (self.status == 404 and self.path.startswith("/movie/"))

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


@dataclass(frozen=True, slots=True)
class Write:
    """A row of the outbox; Unix times, ``published`` infinity for a row without a mark."""

    row: int
    changes: Mapping[str, Any]
    created: float
    published: float


@dataclass
class History:
    """The states of a movie, in the order of their commits."""

    first: MovieState
    writes: dict[int, Write] = field(default_factory=dict)
    _is_sorted: bool = False
    _states: list[MovieState] = field(default_factory=list)
    _created: list[float] = field(default_factory=list)
    _complete: list[float] = field(default_factory=list)

    def note(self, write: Write) -> None:
        """Add a write, or its mark. Any order is allowed."""
        self.writes[write.row] = write
        self._is_sorted = False

    def states(self, moment: float, end: float) -> Sequence[MovieState]:
        """The states that a read may see if writes published at ``moment`` must be in it.

        ``end`` is the end of the read. All writes that were committed until then must be known.
        """
        if not self._is_sorted:
            self._sort()
        last = bisect_right(self._created, end)
        return self._states[min(bisect_right(self._complete, moment), last) : last + 1]

    def _sort(self) -> None:
        state, complete = self.first, 0.0
        self._states, self._created, self._complete = [state], [], []
        for row in sorted(self.writes):
            write = self.writes[row]
            state = state.changed(write.changes)
            complete = max(complete, write.published)
            self._states.append(state)
            self._created.append(write.created)
            self._complete.append(complete)
        self._is_sorted = True


STORED: Final = frozenset({"hit", "l1"})
"""How a page was served that a store had, and that was valid."""

_LATEST: Final = 20


@dataclass
class Verdict:
    """Counts, and the stale reads."""

    grace: float
    """Seconds for which a page marked as stale may be outdated."""
    outage_grace: float
    """The same while stamps or data are down, if its entry was valid so long before."""
    outage_life: float
    """The same otherwise: the life of an entry that nobody has found to be outdated."""
    reads: int = 0
    checks: int = 0
    """Movies that were compared: the versions of those on a page, and which ones are on it."""
    decided: int = 0
    """Those that had to be on a page, or not to be on it."""
    said_stale: int = 0
    in_grace: int = 0
    """Those of ``said_stale`` that no outage excuses."""
    caches: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    stale: list[str] = field(default_factory=list)
    _valid: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """By path, the ends and begins of the latest reads that found a valid entry."""

    def judge(
        self,
        reads: Iterable[Seen],
        published: Published,
        histories: Mapping[int, History],
        wanted: Mapping[str, Page],
        outages: Sequence[Outage] = (),
    ) -> None:
        """Check reads; ``wanted`` are the pages by path, ``histories`` by movie.

        ``outages`` are those of the stamps and the data.
        """
        for seen in sorted(reads, key=lambda each: each.at):
            if not seen.is_answered:
                continue
            self.reads += 1
            self.caches[seen.cache or "none"] += 1
            self.statuses[seen.status] += 1
            if seen.is_page:
                self._judge(seen, published, histories, wanted[seen.path], outages)
            if seen.cache in STORED:
                latest = self._valid.setdefault(seen.path, [])
                self._valid[seen.path] = [*latest, (seen.at + seen.took, seen.at)][-_LATEST:]

    def _judge(
        self,
        seen: Seen,
        published: Published,
        histories: Mapping[int, History],
        page: Page,
        outages: Sequence[Outage],
    ) -> None:
        excused = any(outage.excuses(seen) for outage in outages)
        lenient = page.is_silent or seen.cache == "stale"
        moment = seen.at
        if lenient:
            moment = self._oldest(seen) if excused else seen.at - self.grace
        end = seen.at + seen.took
        for movie, history in histories.items():
            self.checks += 1
            states = history.states(moment, end)
            self.decided += _is_expected(page, movie, states) is not None
            wrong = _wrong(seen, page, movie, states, published.by(movie, moment))
            if wrong:
                self.stale.append(
                    f"{seen.path} ({seen.cache}) at {seen.at:.3f}: movie {movie} {wrong}"
                    f"; {seen.at - moment:.1f} s were allowed{_last(outages, seen)}"
                )
            elif lenient and _wrong(
                seen, page, movie, history.states(seen.at, end), published.by(movie, seen.at)
            ):
                self.said_stale += 1
                self.in_grace += not excused

    def _oldest(self, seen: Seen) -> float:
        """The time of the oldest state that a page may have in an outage."""
        valid = [begun for over, begun in self._valid.get(seen.path, ()) if over <= seen.at]
        latest = max(valid, default=0.0)
        return max(seen.at - self.outage_life, min(latest, seen.at - self.outage_grace))


def _is_expected(page: Page, movie: int, states: Sequence[MovieState]) -> bool | None:
    """Whether a page must show a movie, or must not; None if it may or may not."""
    found = {page.shows(movie, state) for state in states}
    return found.pop() if len(found) == 1 else None


def _wrong(seen: Seen, page: Page, movie: int, states: Sequence[MovieState], version: int) -> str:
    """What a page shows of a movie that it does not show in any of ``states``, or "".

    ``version`` is the one that its title must have at least.
    """
    is_shown, expected = movie in seen.shown, _is_expected(page, movie, states)
    if is_shown and seen.shown[movie] < version:
        return f"shows {seen.shown[movie]}, although {version} was published"
    if expected is not None and is_shown is not expected:
        return f"{'is missing' if expected else 'is still there'}, {states[0]}"
    if (
        page.has_facts
        and is_shown
        and seen.facts.get(movie) not in {facts_of(state) for state in states}
    ):
        return f"shows {seen.facts.get(movie)}, {states[0]}"
    return ""


def _last(outages: Sequence[Outage], seen: Seen) -> str:
    """How long after the last outage a read began, for its message."""
    over = {seen.at - each.over: each.name for each in outages if each.begun <= seen.at}
    return f"; {min(over):.1f} s after an outage of {over[min(over)]}" if over else ""
