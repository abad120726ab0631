"""Geometry of SVG charts, and the rows of the tables beside them.

Drawings are stretched to the available space, so they contain no text; labels are HTML around them.
Units of the geometry are arbitrary.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

CHART_WIDTH: Final = 1000
CHART_HEIGHT: Final = 100

_BAR: Final = 0.78
"""Share of a slot's width that its bar takes."""


class Point(NamedTuple):
    """A value and its label; also a row of the chart's table."""

    label: str
    value: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle, from the top left corner of the drawing, and its point."""

    x: float
    y: float
    width: float
    height: float
    point: Point


@dataclass(frozen=True, slots=True)
class BarChart:
    """Bars side by side; ``top`` is the value of the full height."""

    bars: tuple[Bar, ...]
    top: float

    @property
    def points(self) -> tuple[Point, ...]:
        """The points of the bars."""
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
    """A line through points at equal distances. ``path`` is SVG's ``points`` attribute."""

    points: tuple[Point, ...]
    path: str
    top: float


def bar_chart(points: Sequence[Point], top: float | None = None) -> BarChart:
    """Returns a bar for each point; the full height is ``top``, or the largest value."""
    highest = _top(points, top)
    slot = CHART_WIDTH / max(1, len(points))
    bars = (_bar(number * slot, slot, point, highest) for number, point in enumerate(points))
    return BarChart(tuple(bars), highest)


def line_chart(points: Sequence[Point], top: float | None = None) -> LineChart:
    """Returns a line across the drawing; a single point is a level line."""
    highest = _top(points, top)
    drawn = [points[0], *points] if len(points) == 1 else points
    step = CHART_WIDTH / max(1, len(drawn) - 1)
    places = (
        f"{number * step:.1f},{CHART_HEIGHT - _height(point, highest):.1f}"
        for number, point in enumerate(drawn)
    )
    return LineChart(tuple(points), " ".join(places), highest)


def _bar(x: float, slot: float, point: Point, top: float) -> Bar:
    height = _height(point, top)
    if point.value > 0:
        height = max(height, 1.5)  # visible
    left = x + slot * (1 - _BAR) / 2
    return Bar(
        round(left, 1), round(CHART_HEIGHT - height, 1), round(slot * _BAR, 1), height, point
    )


def _height(point: Point, top: float) -> float:
    return round(CHART_HEIGHT * min(point.value, top) / top, 1)


def _top(points: Sequence[Point], top: float | None) -> float:
    """The value of the full height; never 0, since values are divided by it."""
    return top if top is not None else max([1.0, *(point.value for point in points)])
