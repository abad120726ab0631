"""View models of the performance page: transaction time by part, throughput and Apdex.

Summed over all processes, from the rows that each of them writes every minute.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from moziweb.cache.invalidation.outbox import Outbox
from moziweb.i18n import _
from moziweb.ops.models import PerformanceMinute
from moziweb.timings import Part

from .time_graphs import Band, TimeGraph, TimeSlots, line_graph, round_top, stacked_graph

ROUTES_SHOWN: Final = 12
MARKS_SHOWN: Final = 20
"""The latest deploys and purges are marked; a week may have more."""


class GraphPeriod(StrEnum):
    """The period that the graphs show."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"


PERIODS: Final = {
    GraphPeriod.HOUR: (60, 1),
    GraphPeriod.DAY: (24 * 60, 15),
    GraphPeriod.WEEK: (7 * 24 * 60, 120),
}
"""Length and step of each period, in minutes."""

PERIOD_NAMES: Final = {
    GraphPeriod.HOUR: _("An hour"),
    GraphPeriod.DAY: _("A day"),
    GraphPeriod.WEEK: _("A week"),
}

STACKED: Final = (
    Part.RENDER, Part.IMAGES, Part.STORAGE, Part.DATABASE, Part.CACHE, Part.QUEUE,
)  # fmt: skip
"""The parts from the bottom of the graph to its top."""

PART_NAMES: Final = {
    Part.QUEUE: _("Request queueing"),
    Part.CACHE: _("Cache"),
    Part.DATABASE: _("Database"),
    Part.STORAGE: _("Our file store"),
    Part.IMAGES: _("Making posters"),
    Part.RENDER: _("Rendering"),
}


@dataclass(slots=True)
class Measured:
    """Sums over some minutes; ``seconds`` by part."""

    minutes: int
    requests: int = 0
    errors: int = 0
    satisfied: int = 0
    tolerated: int = 0
    queries: int = 0
    seconds: dict[Part, float] = field(default_factory=lambda: dict.fromkeys(Part, 0.0))

    @property
    def per_minute(self) -> float:
        """Requests per minute."""
        return self.requests / self.minutes

    @property
    def apdex(self) -> float | None:
        """The Apdex; None without requests."""
        return (self.satisfied + self.tolerated / 2) / self.requests if self.requests else None

    @property
    def error_ratio(self) -> float:
        """The share of requests that were answered with 5xx."""
        return self.errors / self.requests if self.requests else 0.0

    @property
    def queries_each(self) -> float:
        """Database queries per request."""
        return self.queries / self.requests if self.requests else 0.0

    def milliseconds(self, part: Part) -> float:
        """The mean time of a request in one part."""
        return 1000 * self.seconds[part] / self.requests if self.requests else 0.0

    @property
    def total(self) -> float:
        """The mean time of a request in milliseconds."""
        return sum(self.milliseconds(part) for part in Part)


@dataclass(frozen=True, slots=True)
class Mark:
    """A deploy of the release ``text``, or a purge with the reason ``text``."""

    at: datetime
    is_deploy: bool
    text: str


@dataclass(frozen=True, slots=True)
class RouteTime:
    """The requests of a route; ``share`` is that of the time of all routes."""

    name: str
    requests: int
    errors: int
    milliseconds: float
    share: float


@dataclass(frozen=True, slots=True)
class Performance:
    """The values of the page. ``rows`` are the slots with requests, the latest first."""

    period: GraphPeriod
    whole: Measured
    bands: tuple[Band, ...]
    time: TimeGraph
    throughput: TimeGraph
    apdex: TimeGraph
    rows: tuple[tuple[datetime, Measured], ...]
    marks: tuple[Mark, ...]
    routes: tuple[RouteTime, ...]
    processes: int


def performance(
    session: Session, now: datetime, period: GraphPeriod, outbox: Outbox | None, locale: str
) -> Performance:
    """The performance until the last full minute. At most four queries."""
    length, step = PERIODS[period]
    end = int(now.timestamp() // 60)
    slots = TimeSlots(first=(end - 1) // step - length // step + 1, count=length // step, step=step)
    measured = _measured(session, slots, end)
    marks = _marks(session, slots, outbox)
    places = [(mark.at, mark.is_deploy) for mark in marks]
    values = list(measured.values())
    whole = _sum(values, slots, end)
    bands = {part: [each.milliseconds(part) for each in values] for part in STACKED}
    frame = slots.frame(period, locale, places)
    averages = {part: whole.milliseconds(part) for part in STACKED}
    stacked, drawn = stacked_graph(frame, bands, averages)
    routes, processes = _routes(session, slots, period)
    return Performance(
        period=period,
        whole=whole,
        bands=drawn,
        time=stacked,
        throughput=line_graph(
            frame,
            [each.per_minute for each in values],
            round_top(max((each.per_minute for each in values), default=0.0)),
        ),
        apdex=line_graph(frame, [each.apdex for each in values], 1.0),
        rows=tuple(
            (slots.start(number), each)
            for number, each in reversed(list(enumerate(values)))
            if each.requests
        ),
        marks=marks,
        routes=routes,
        processes=processes,
    )


_SUMMED: Final = ("requests", "errors", "satisfied", "tolerated", "queries")


def _measured(session: Session, slots: TimeSlots, end: int) -> Mapping[int, Measured]:
    """The sums by slot. One query."""
    slot = (PerformanceMinute.minute // slots.step).label("slot")
    sums = [func.sum(getattr(PerformanceMinute, name)).label(name) for name in _SUMMED]
    parts = [func.sum(getattr(PerformanceMinute, part.value)).label(part.value) for part in Part]
    query = (
        select(slot, *sums, *parts)
        .where(PerformanceMinute.minute >= slots.first * slots.step)
        .group_by(slot)
    )
    found = {
        number: Measured(minutes=max(1, min(slots.step, end - number * slots.step)))
        for number in range(slots.first, slots.first + slots.count)
    }
    for row in session.execute(query).mappings():
        measured = found.get(int(row["slot"]))
        if measured is not None:
            for name in _SUMMED:
                setattr(measured, name, int(row[name]))
            measured.seconds = {part: float(row[part.value]) for part in Part}
    return found


def _sum(values: Sequence[Measured], slots: TimeSlots, end: int) -> Measured:
    """The sums of all slots, from the first one with requests on."""
    first = next((number for number, each in enumerate(values) if each.requests), 0)
    whole = Measured(minutes=end - (slots.first + first) * slots.step)
    for each in values:
        for name in _SUMMED:
            setattr(whole, name, getattr(whole, name) + getattr(each, name))
        for part in Part:
            whole.seconds[part] += each.seconds[part]
    return whole


def _marks(session: Session, slots: TimeSlots, outbox: Outbox | None) -> tuple[Mark, ...]:
    """The latest deploys and purges, the oldest first. Two queries."""
    since = slots.start(0)
    marks = _deploys(session, since)
    if outbox is not None:
        purges = outbox.purges(session.connection(), since=since.timestamp(), limit=MARKS_SHOWN)
        marks += [Mark(datetime.fromtimestamp(at, UTC), False, text) for at, text in purges]
    return tuple(sorted(marks, key=lambda mark: mark.at)[-MARKS_SHOWN:])


def _deploys(session: Session, since: datetime) -> list[Mark]:
    """The starts of processes whose release no process had in the minute before.

    Two releases may run beside each other for long. Reads the rows since then, and those of the
    minute before.
    """
    start, first = int(since.timestamp() // 60), func.min(PerformanceMinute.minute)
    is_before = PerformanceMinute.minute < start
    latest = select(func.max(PerformanceMinute.minute)).where(is_before).scalar_subquery()
    query = (
        select(first, func.max(PerformanceMinute.minute), PerformanceMinute.release)
        .where(PerformanceMinute.minute >= func.coalesce(latest, start))
        .group_by(PerformanceMinute.process, PerformanceMinute.release)
        .order_by(first)
    )
    marks = []
    last_minutes: dict[str, int] = {}
    rows = session.execute(query).all()
    for minute, last, release in rows:
        # What the earliest minute has may have been started at any time before.
        if minute > rows[0][0]:
            latest_before = min(minute - 1, max(last_minutes.values()))
            if last_minutes.get(release, -1) < latest_before:
                marks.append(Mark(datetime.fromtimestamp(60 * minute, UTC), True, release))
        last_minutes[release] = max(last, last_minutes.get(release, last))
    return marks


def _routes(
    session: Session, slots: TimeSlots, period: GraphPeriod
) -> tuple[tuple[RouteTime, ...], int]:
    """The routes that took the most time, and the number of processes. One query.

    Of a week, those of its last day.
    """
    since = slots.first * slots.step
    if period is GraphPeriod.WEEK:
        since = (slots.first + slots.count) * slots.step - PERIODS[GraphPeriod.DAY][0]
    query = select(PerformanceMinute.process, PerformanceMinute.routes).where(
        PerformanceMinute.minute >= since
    )
    sums: dict[str, list[float]] = defaultdict(lambda: [0, 0, 0.0])
    processes = set()
    for process, routes in session.execute(query):
        processes.add(process)
        for route, counted in routes.items():
            for place, value in enumerate(counted):
                sums[route][place] += value
    whole = sum(seconds for _requests, _errors, seconds in sums.values()) or 1.0
    found = [_route(name, each, whole) for name, each in sums.items()]
    found.sort(key=lambda route: route.share, reverse=True)
    return tuple(found[:ROUTES_SHOWN]), len(processes)


def _route(name: str, counted: Sequence[Any], whole: float) -> RouteTime:
    requests, errors, seconds = counted
    milliseconds = 1000 * seconds / requests if requests else 0.0
    return RouteTime(name, int(requests), int(errors), milliseconds, seconds / whole)
