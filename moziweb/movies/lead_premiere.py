"""The premiere that a film's page leads with: arithmetic over its premieres, no clock, no query.

What is ahead comes before what is past, cinemas before festivals and services, and what takes place
before what was cancelled. A film that opened in the last weeks is still on, and its opening counts
for more than anything but another one in cinemas.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from enum import IntEnum
from typing import Final

from .calendar import month_of, week_of
from .models import DatePrecision, Premiere
from .queries import RUNNING

WEEKS_IN_CINEMAS: Final = 3
"""How long a film is said to be still in cinemas."""


class _Rank(IntEnum):
    """What leads before what."""

    COMES_TO_CINEMAS = 0
    IS_IN_CINEMAS = 1
    COMES_ELSEWHERE = 2
    WAS_IN_CINEMAS = 3
    WAS_ELSEWHERE = 4
    CANCELLED = 5


_AHEAD: Final = frozenset({_Rank.COMES_TO_CINEMAS, _Rank.COMES_ELSEWHERE})


def lead_premiere_of(premieres: Iterable[Premiere], today: date) -> Premiere | None:
    """The premiere to lead with on ``today``; None for a film without any."""
    return min(premieres, key=lambda each: _place(each, today), default=None)


def lead_premiere_until(premieres: Iterable[Premiere], today: date) -> date | None:
    """The first day after ``today`` on which another one leads; None: that will not change."""
    known = tuple(premieres)
    opening = lead_premiere_of(known, today)
    turns = sorted({turn for each in known for turn in _turns(each) if turn > today})
    return next((turn for turn in turns if lead_premiere_of(known, turn) is not opening), None)


def last_day(premiere: Premiere) -> date:
    """The last day that its date can mean."""
    match premiere.precision:
        case DatePrecision.DAY:
            return premiere.date
        case DatePrecision.MONTH:
            return month_of(premiere.date).end
        case DatePrecision.YEAR:
            return date(premiere.date.year, 12, 31)


def _place(premiere: Premiere, today: date) -> tuple[int, int, int]:
    """Its rank; what is ahead the earliest first, what is past the latest first."""
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
    """The first day on which it is no longer among what is still in cinemas."""
    return week_of(last_day(premiere)).shifted(WEEKS_IN_CINEMAS + 1).start


def _turns(premiere: Premiere) -> tuple[date, date]:
    """The days on which its rank changes."""
    return last_day(premiere) + timedelta(days=1), _leaves_cinemas(premiere)
