"""Weeks, months and years of the premiere calendar: pure functions, no clock.

A premiere week runs from Thursday to Wednesday, because Hungarian cinemas change their programme on
Thursdays. Its name is the ISO 8601 week of its Thursday. ISO weeks are numbered by their Thursday
too, so the mapping between names and Thursdays is one to one.
"""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Self, TypeVar
from zoneinfo import ZoneInfo

BUDAPEST = ZoneInfo("Europe/Budapest")

# The first public film screening was in 1895; no premiere is announced for a year after 2200.
FIRST_YEAR = 1895
LAST_YEAR = 2200

_THURSDAY = 3  # date.weekday()
_WEEK_NAME = re.compile(r"([0-9]{4})-W([0-9]{2})")
_MONTH_NAME = re.compile(r"([0-9]{4})-([0-9]{2})")
_YEAR_NAME = re.compile(r"[0-9]{4}")


class Period(ABC):
    """A week, month or year. ``start`` and ``end`` are its first and last day, both included."""

    __slots__ = ()

    @property
    @abstractmethod
    def name(self) -> str:
        """The name in URLs."""

    @property
    @abstractmethod
    def start(self) -> date:
        """The first day."""

    @property
    @abstractmethod
    def end(self) -> date:
        """The last day."""

    @abstractmethod
    def shifted(self, number: int) -> Self:
        """The period ``number`` periods later, or earlier if negative."""

    @property
    def previous(self) -> Self:
        """The period before."""
        return self.shifted(-1)

    @property
    def next(self) -> Self:
        """The period after."""
        return self.shifted(1)

    def __contains__(self, day: date) -> bool:
        return self.start <= day <= self.end


AnyPeriod = TypeVar("AnyPeriod", bound=Period)


@dataclass(frozen=True, slots=True, order=True)
class Week(Period):
    """A premiere week, identified by its Thursday. Raises ``ValueError`` for any other day."""

    thursday: date

    def __post_init__(self) -> None:
        if self.thursday.weekday() != _THURSDAY:
            raise ValueError(f"a premiere week begins on a Thursday, not on {self.thursday:%A}")

    @classmethod
    def parse(cls, name: str) -> Self:
        """Parse a name such as ``2026-W34``.

        Raises ``ValueError`` for other spellings, weeks that do not exist (``2027-W53``) and years
        outside the calendar.
        """
        if (match := _WEEK_NAME.fullmatch(name)) is None:
            raise ValueError(f"not a week: {name!r}")
        thursday = date.fromisocalendar(int(match[1]), int(match[2]), _THURSDAY + 1)
        return _checked(cls(thursday))

    @property
    def name(self) -> str:
        """``2026-W34``."""
        year, number, _ = self.thursday.isocalendar()
        return f"{year:04}-W{number:02}"

    @property
    def start(self) -> date:
        """Its Thursday."""
        return self.thursday

    @property
    def end(self) -> date:
        """Its Wednesday."""
        return self.thursday + timedelta(days=6)

    def shifted(self, number: int) -> Self:
        """The week ``number`` weeks later, or earlier if negative."""
        return type(self)(self.thursday + timedelta(weeks=number))


@dataclass(frozen=True, slots=True, order=True)
class Month(Period):
    """A calendar month. Raises ``ValueError`` if ``number`` is not 1 to 12."""

    year: int
    number: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= 12:
            raise ValueError(f"a month is numbered 1 to 12, not {self.number}")

    @classmethod
    def parse(cls, name: str) -> Self:
        """Parse a name such as ``2026-08``.

        Raises ``ValueError`` for other spellings, months that do not exist and years outside the
        calendar.
        """
        if (match := _MONTH_NAME.fullmatch(name)) is None:
            raise ValueError(f"not a month: {name!r}")
        return _checked(cls(int(match[1]), int(match[2])))

    @property
    def name(self) -> str:
        """``2026-08``."""
        return f"{self.year:04}-{self.number:02}"

    @property
    def start(self) -> date:
        """Its first day."""
        return date(self.year, self.number, 1)

    @property
    def end(self) -> date:
        """Its last day."""
        return self.next.start - timedelta(days=1)

    def shifted(self, number: int) -> Self:
        """The month ``number`` months later, or earlier if negative."""
        year, index = divmod(self.year * 12 + self.number - 1 + number, 12)
        return type(self)(year, index + 1)


@dataclass(frozen=True, slots=True, order=True)
class Year(Period):
    """A calendar year."""

    number: int

    @classmethod
    def parse(cls, name: str) -> Self:
        """Parse a name such as ``2026``.

        Raises ``ValueError`` for other spellings and years outside the calendar.
        """
        if not _YEAR_NAME.fullmatch(name) or int(name) < FIRST_YEAR:
            raise ValueError(f"not a year: {name!r}")
        return _checked(cls(int(name)))

    @property
    def name(self) -> str:
        """``2026``."""
        return f"{self.number:04}"

    @property
    def start(self) -> date:
        """Its first of January."""
        return date(self.number, 1, 1)

    @property
    def end(self) -> date:
        """Its last day."""
        return date(self.number, 12, 31)

    def shifted(self, number: int) -> Self:
        """The year ``number`` years later, or earlier if negative."""
        return type(self)(self.number + number)


def week_of(day: date) -> Week:
    """The premiere week that contains ``day``."""
    return Week(day - timedelta(days=(day.weekday() - _THURSDAY) % 7))


def month_of(day: date) -> Month:
    """The month that contains ``day``."""
    return Month(day.year, day.month)


def year_of(day: date) -> Year:
    """The year that contains ``day``."""
    return Year(day.year)


def in_bounds(period: Period) -> bool:
    """Whether the calendar has a page for a period; a week is in the year of its Thursday."""
    return FIRST_YEAR <= period.start.year <= LAST_YEAR


def parse_day(text: str) -> date:
    """Parse an ISO date (``2026-08-13``). Raises ``ValueError`` outside the calendar."""
    day = date.fromisoformat(text)
    # Check the year first: the week of ``date.min`` or ``date.max`` would overflow.
    if not (FIRST_YEAR <= day.year <= LAST_YEAR and in_bounds(week_of(day))):
        raise ValueError(f"outside the calendar: {day}")
    return day


def budapest_today(now: datetime) -> date:
    """The date in Hungary at ``now``, an aware datetime. Raises ``ValueError`` for a naive one."""
    if now.tzinfo is None:
        raise ValueError("a naive datetime has no date in Budapest; give it a time zone")
    return now.astimezone(BUDAPEST).date()


def _checked(period: AnyPeriod) -> AnyPeriod:
    if not in_bounds(period):
        raise ValueError(f"{period.name}: the calendar has the years {FIRST_YEAR} to {LAST_YEAR}")
    return period
