"""Geometry of SVG graphs over time: stacked areas or a line, with ticks and marks.

Areas are in a drawing that is stretched to the available width, in units of ``WIDTH`` and
``HEIGHT``. Texts are around it, at percentages of the width.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from babel.dates import format_skeleton

from moziweb.movies.calendar import BUDAPEST
from moziweb.timings import Part

WIDTH: Final = 1000
HEIGHT: Final = 100
LABEL_PERCENT: Final = 6
"""The width of a label on a telephone, in percent of the graph."""

_ROUND: Final = (1, 2, 2.5, 5, 10)
"""Factors of powers of ten that the top of a graph may be."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A text at ``percent`` of the width."""

    percent: float
    text: str


@dataclass(frozen=True, slots=True)
class GraphMark:
    """A vertical line at ``percent`` of the width."""

    percent: float
    is_deploy: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """What graphs of one period share: the number of slots, ticks and marks.

    ``labels`` have the numbers of the marks in the list below the graphs.
    """

    count: int
    ticks: tuple[Tick, ...]
    marks: tuple[GraphMark, ...]
    labels: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class Band:
    """One part of a stacked graph: a polygon, and the mean time in milliseconds."""

    part: Part
    points: str
    average: float


@dataclass(frozen=True, slots=True)
class TimeGraph:
    """A graph; ``lines`` are the lines between gaps, empty for a stacked one."""

    frame: Frame
    top: float
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TimeSlots:
    """Equal slots of time; ``first`` and ``step`` are in slots and minutes since 1970."""

    first: int
    count: int
    step: int

    def start(self, number: int) -> datetime:
        """The begin of a slot, in UTC."""
        return datetime.fromtimestamp(60 * self.step * (self.first + number), UTC)

    def frame(self, period: str, locale: str, marks: Sequence[tuple[datetime, bool]]) -> Frame:
        """The frame of graphs; ``marks`` are moments, and whether each is a deploy."""
        placed = tuple(GraphMark(self._percent(at), is_deploy) for at, is_deploy in marks)
        return Frame(self.count, self._ticks(period, locale), placed, _numbered(placed))

    def _percent(self, at: datetime) -> float:
        share = (at - self.start(0)) / timedelta(minutes=self.step * self.count)
        return round(100 * min(1.0, max(0.0, share)), 2)

    def _ticks(self, period: str, locale: str) -> tuple[Tick, ...]:
        """A tick at the first slot of each quarter of an hour, six hours or day."""
        ticks, before = [], None
        for number in range(self.count):
            local = self.start(number).astimezone(BUDAPEST)
            key = {
                "hour": (local.hour, local.minute // 15),
                "day": (local.date(), local.hour // 6),
            }.get(period, (local.date(),))
            if before not in (None, key):
                text = (
                    format_skeleton("MMMd", local, locale=locale)
                    if period == "week"
                    else f"{local:%H:%M}"
                )
                ticks.append(Tick(round(100 * number / self.count, 2), text))
            before = key
        return tuple(ticks)


def _numbered(marks: Sequence[GraphMark]) -> tuple[Tick, ...]:
    """The numbers of the marks, from 1 on; ``2–4`` for marks that are close together."""
    groups: list[list[int]] = []
    for number, mark in enumerate(marks, start=1):
        if groups and mark.percent - marks[groups[-1][0] - 1].percent < LABEL_PERCENT:
            groups[-1].append(number)
        else:
            groups.append([number])
    return tuple(
        Tick(
            marks[group[0] - 1].percent,
            f"{group[0]}–{group[-1]}" if len(group) > 1 else f"{group[0]}",
        )
        for group in groups
    )


def stacked_graph(
    frame: Frame, series: Mapping[Part, Sequence[float]], averages: Mapping[Part, float]
) -> tuple[TimeGraph, tuple[Band, ...]]:
    """The areas of the series, each on top of those before it."""
    sums = [sum(values) for values in zip(*series.values(), strict=True)]
    top = round_top(max(sums, default=0.0))
    lower, bands = [0.0] * frame.count, []
    for part, values in series.items():
        upper = [below + value for below, value in zip(lower, values, strict=True)]
        edge = [*_edge(upper, top), *reversed(_edge(lower, top))]
        bands.append(Band(part, " ".join(edge), averages[part]))
        lower = upper
    return TimeGraph(frame, top), tuple(bands)


def line_graph(frame: Frame, values: Sequence[float | None], top: float) -> TimeGraph:
    """Lines through the values, with gaps for None."""
    lines: list[list[str]] = [[]]
    width = WIDTH / frame.count
    for number, value in enumerate(values):
        if value is None:
            lines.append([])
            continue
        y = _y(value, top)
        lines[-1] += [f"{number * width:.1f},{y}", f"{(number + 1) * width:.1f},{y}"]
    return TimeGraph(frame, top, tuple(" ".join(line) for line in lines if line))


def round_top(value: float) -> float:
    """The smallest round number that is not below ``value``; at least 1.

    >>> round_top(0.2), round_top(23), round_top(260)
    (1.0, 25.0, 500.0)
    """
    if value <= 1:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in _ROUND if factor * power >= value)


def _edge(values: Sequence[float], top: float) -> list[str]:
    """The points of a step line: a value is level across its slot."""
    width = WIDTH / max(1, len(values))
    points = []
    for number, value in enumerate(values):
        y = _y(value, top)
        points += [f"{number * width:.1f},{y}", f"{(number + 1) * width:.1f},{y}"]
    return points


def _y(value: float, top: float) -> str:
    return f"{HEIGHT - HEIGHT * min(value, top) / top:.2f}"
