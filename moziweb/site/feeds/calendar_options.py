"""Options of calendars in their URLs: the range of days, and reminders.

``past=30`` and ``future=90`` are numbers of days, counted from today. ``remind=1d`` adds a reminder
to each event: at nine o'clock in the morning, so many days before the premiere.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Self

from moziweb.cache.http.routes import TimeWindow
from moziweb.movies.calendar import week_of
from moziweb.request import Request

from ..page_cache.validity import until_midnight, until_week_end
from ..presenters.filter_values import PARAMETERS
from ..query_parameters import refuse_value

FUTURE: Final = "future"
PAST: Final = "past"
REMIND: Final = "remind"

OPTIONS: Final = (FUTURE, PAST, REMIND)
CALENDAR_PARAMETERS: Final = tuple(sorted((*PARAMETERS, *OPTIONS)))
"""The parameters of a calendar of premieres, in their canonical order."""

WEEKS_BACK: Final = 4
"""Past weeks in a calendar, so that a premiere does not disappear on the day that it opens."""

MAX_RANGE_DAYS: Final = 730
MAX_REMIND_DAYS: Final = 14

_REMIND_AT: Final = timedelta(hours=9)
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,2}")


@dataclass(frozen=True, slots=True)
class CalendarOptions:
    """Numbers of days; None where a parameter is not given."""

    future: int | None = None
    past: int | None = None
    remind: int | None = None

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> Self:
        """The options of the parameters of a URL. Raises ``HTTPNotFound`` for an invalid value."""
        return cls(future=_days(given, FUTURE), past=_days(given, PAST), remind=_days_before(given))

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters of a URL, in their canonical order."""
        values = {
            FUTURE: self.future,
            PAST: self.past,
            REMIND: None if self.remind is None else f"{self.remind}d",
        }
        return {name: str(value) for name, value in values.items() if value is not None}

    @property
    def alarm(self) -> timedelta | None:
        """The time of the reminder, from the start of the day of a premiere."""
        return None if self.remind is None else _REMIND_AT - timedelta(days=self.remind)

    def first_day(self, today: date) -> date:
        """The first day of the calendar."""
        if self.past is None:
            return week_of(today).shifted(-WEEKS_BACK).start
        return today - timedelta(days=self.past)

    def last_day(self, today: date) -> date | None:
        """The last day of the calendar, None for no end."""
        return None if self.future is None else today + timedelta(days=self.future)


def calendar_window(request: Request) -> TimeWindow:
    """The time in which a calendar stays the same: a day if it has a range of days, else a week."""
    is_range = FUTURE in request.GET or PAST in request.GET
    return until_midnight(request) if is_range else until_week_end(request)


def _days(given: Mapping[str, str], name: str) -> int | None:
    text = given.get(name)
    if text is None:
        return None
    if not _NUMBER.fullmatch(text) or int(text) > MAX_RANGE_DAYS:
        raise refuse_value(name, text)
    return int(text)


def _days_before(given: Mapping[str, str]) -> int | None:
    text = given.get(REMIND)
    if text is None:
        return None
    number = text.removesuffix("d")
    if number == text or not _NUMBER.fullmatch(number) or int(number) > MAX_REMIND_DAYS:
        raise refuse_value(REMIND, text)
    return int(number)
