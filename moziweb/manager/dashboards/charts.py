"""Charts as geometry: what the SVG of a console is drawn of, with the words for the table beside.

The drawing is stretched to the room that there is, so it holds no text: labels stand around it, in
the page. One unit is nothing that can be seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

WIDTH: Final = 1000
HEIGHT: Final = 100

_BAR: Final = 0.78
"""The share of its room that a bar takes; the rest sets it apart from the next."""


class Point(NamedTuple):
    """A value and its label; also a row of the chart's table."""

    label: str
    value: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle, from the top left corner of the drawing, and what it stands for."""

    x: float
    y: float
    width: float
    height: float
    point: Point


@dataclass(frozen=True, slots=True)
class BarChart:
    """Bars beside each other; ``top`` is the value that the whole height stands for."""

    bars: tuple[Bar, ...]
    top: float

    @property
    def points(self) -> tuple[Point, ...]:
        """The points of the bars, for a table."""
        return tuple(bar.point for bar in self.bars)

    def rows_with(self, part: "BarChart") -> list[tuple[str, float, float]]:
        """Rows of the table: label, value of ``part``, the rest; none for a value of 0."""
        return [
            (whole.label, share.value, whole.value - share.value)
            for whole, share in zip(self.points, part.points, strict=True)
            if whole.value
        ]


@dataclass(frozen=True, slots=True)
class LineChart:
    """A line through points, at equal distances. ``path`` is the text of SVG's ``points``."""

    points: tuple[Point, ...]
    path: str
    top: float


def bar_chart(points: Sequence[Point], top: float | None = None) -> BarChart:
    """A bar for each point, the tallest one ``top`` high, or as high as the drawing."""
    highest = _top(points, top)
    room = WIDTH / max(1, len(points))
    bars = (_bar(number * room, room, point, highest) for number, point in enumerate(points))
    return BarChart(tuple(bars), highest)


def line_chart(points: Sequence[Point], top: float | None = None) -> LineChart:
    """A line from the left edge to the right; one point alone is a level line."""
    highest = _top(points, top)
    drawn = [points[0], *points] if len(points) == 1 else points
    step = WIDTH / max(1, len(drawn) - 1)
    places = (
        f"{number * step:.1f},{HEIGHT - _height(point, highest):.1f}"
        for number, point in enumerate(drawn)
    )
    return LineChart(tuple(points), " ".join(places), highest)


def _bar(x: float, room: float, point: Point, top: float) -> Bar:
    height = _height(point, top)
    if point.value > 0:
        height = max(height, 1.5)  # something is not nothing
    left = x + room * (1 - _BAR) / 2
    return Bar(round(left, 1), round(HEIGHT - height, 1), round(room * _BAR, 1), height, point)


def _height(point: Point, top: float) -> float:
    return round(HEIGHT * min(point.value, top) / top, 1)


def _top(points: Sequence[Point], top: float | None) -> float:
    """The value at the upper edge: never 0, which nothing can be divided by."""
    return top if top is not None else max([1.0, *(point.value for point in points)])
