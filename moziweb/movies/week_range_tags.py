"""Spans of weeks as tags: "no premiere between here and there" in a handful of names.

An empty week links the nearest premieres before and after it. What would change that is a premiere
in between, and there may be decades of weeks in between. So weeks are grouped by eights, eights of
those again, and so on: a premiere concerns the one group of each size that it falls in, and any
stretch of weeks is covered exactly by a few groups of the sizes that fit.
"""

from collections.abc import Iterator
from datetime import date
from typing import Final

from moziweb.cache import tag

_BASE: Final = 8
_LEVELS: Final = 7
"""Eight to the seventh weeks are more than there are dates."""


def spans_of(day: date) -> tuple[str, ...]:
    """The tags of a day: one group of weeks of each size."""
    number = _week_number(day)
    return tuple(_span(level, number // _BASE**level) for level in range(_LEVELS))


def spans_between(first: date, last: date) -> Iterator[str]:
    """Tags of groups that cover the weeks from that of ``first`` to that of ``last``, exactly."""
    low, high = _week_number(first), _week_number(last) + 1
    for level in range(_LEVELS):
        while low % _BASE and low < high:
            yield _span(level, low)
            low += 1
        while high % _BASE and low < high:
            high -= 1
            yield _span(level, high)
        low, high = low // _BASE, high // _BASE
    if low < high:
        yield _span(_LEVELS, low)


def _week_number(day: date) -> int:
    """Weeks from Thursday to Wednesday, counted from the first there is."""
    return (day.toordinal() + 3) // 7


def _span(level: int, number: int) -> str:
    return tag("span", level, number)
