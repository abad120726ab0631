"""Cache tags of ranges of weeks, which depend on "no premiere in this range" in a few tags.

The page of an empty week links to the nearest premieres before and after it. It goes stale if a
premiere is added in between, and decades may be in between. So weeks are grouped in eights, these
groups in eights, and so on. A premiere invalidates the one group of each size that contains it. A
few groups cover any range of weeks exactly.
"""

from collections.abc import Iterator
from datetime import date
from enum import StrEnum
from typing import Final

from moziweb.cache import tag

_BASE: Final = 8
_LEVELS: Final = 7
"""8^7 weeks are more than ``datetime.date`` can represent."""


class SpanKind(StrEnum):
    """The kinds of range tags: premieres of which only the year is known have their own."""

    DATED = "span"
    YEAR_ONLY = "yearspan"


def week_range_tags_of(day: date, kind: SpanKind = SpanKind.DATED) -> tuple[str, ...]:
    """The tags of the groups that contain ``day``, one of each size."""
    number = _week_number(day)
    return tuple(tag(kind, level, number // _BASE**level) for level in range(_LEVELS))


def week_range_tags_between(
    first: date, last: date, kind: SpanKind = SpanKind.DATED
) -> Iterator[str]:
    """The tags of groups that exactly cover the weeks from ``first`` to ``last``, both included."""
    low, high = _week_number(first), _week_number(last) + 1
    for level in range(_LEVELS):
        while low % _BASE and low < high:
            yield tag(kind, level, low)
            low += 1
        while high % _BASE and low < high:
            high -= 1
            yield tag(kind, level, high)
        low, high = low // _BASE, high // _BASE
    if low < high:
        yield tag(kind, _LEVELS, low)


def _week_number(day: date) -> int:
    """The number of the week from Thursday to Wednesday, counted from that of ``date.min``."""
    return (day.toordinal() + 3) // 7
