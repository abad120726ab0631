"""Selects the lead premiere of a movie, which its page shows at the top. No clock, no query.

Future premieres rank before past ones, cinemas before festivals and streaming, and all others
before cancelled ones. A premiere in cinemas of the last weeks ranks just after a future one there.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from enum import IntEnum
from typing import Final

from .calendar import month_of, week_of
from .models import DatePrecision, Premiere
from .queries import RUNNING

WEEKS_IN_CINEMAS: Final = 3
"""The number of weeks after its premiere week that a movie counts as still in cinemas."""


class _Rank(IntEnum):
    """Ranks of premieres, the leading one first."""

    COMES_TO_CINEMAS = 0
    IS_IN_CINEMAS = 1
    COMES_ELSEWHERE = 2
    WAS_IN_CINEMAS = 3
    WAS_ELSEWHERE = 4
    CANCELLED = 5


_AHEAD: Final = frozenset({_Rank.COMES_TO_CINEMAS, _Rank.COMES_ELSEWHERE})


def lead_premiere_of(premieres: Iterable[Premiere], today: date) -> Premiere | None:
    """The lead premiere on ``today``, or None for a movie without premieres."""
    return min(premieres, key=lambda each: _sort_key(each, today), default=None)


def lead_premiere_until(premieres: Iterable[Premiere], today: date) -> date | None:
    """The first day after ``today`` with another lead premiere, or None if there is none."""
    all_ = tuple(premieres)
    lead = lead_premiere_of(all_, today)
    days = sorted({day for each in all_ for day in _rank_changes(each) if day > today})
    return next((day for day in days if lead_premiere_of(all_, day) is not lead), None)


def last_day(premiere: Premiere) -> date:
    """The latest possible day of a premiere, given the precision of its date."""
    match premiere.precision:
        case DatePrecision.DAY:
            return premiere.date
        case DatePrecision.MONTH:
            return month_of(premiere.date).end
        case DatePrecision.YEAR:
            return date(premiere.date.year, 12, 31)


def _sort_key(premiere: Premiere, today: date) -> tuple[int, int, int]:
    """Rank, then future premieres by date and past ones by date descending."""
    rank = _rank(premiere, today)
    day = last_day(premiere).toordinal()
    return rank, day if rank in _AHEAD else -day, premiere.id


def _rank(premiere: Premiere, today: date) -> _Rank:
    if premiere.cancelled_at is not None:
        return _Rank.CANCELLED
    is_ahead = last_day(premiere) >= today
    if premiere.kind not in RUNNING:
        return _Rank.COMES_ELSEWHERE if is_ahead else _Rank.WAS_ELSEWHERE
    if is_ahead:
        return _Rank.COMES_TO_CINEMAS
    runs = today < _leaves_cinemas(premiere)
    return _Rank.IS_IN_CINEMAS if runs else _Rank.WAS_IN_CINEMAS


def _leaves_cinemas(premiere: Premiere) -> date:
    """The first day on which the movie no longer counts as still in cinemas."""
    return week_of(last_day(premiere)).shifted(WEEKS_IN_CINEMAS + 1).start


def _rank_changes(premiere: Premiere) -> tuple[date, date]:
    """The days on which the rank changes."""
    return last_day(premiere) + timedelta(days=1), _leaves_cinemas(premiere)
