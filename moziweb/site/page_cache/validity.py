"""Time windows in which a page with relative dates ("today", "this week") stays valid."""

from datetime import date, datetime, time, timedelta

from moziweb.cache.http.routes import TimeWindow
from moziweb.movies.calendar import BUDAPEST, budapest_today, week_of
from moziweb.request import Request
from moziweb.services import services_of


def until_midnight(request: Request) -> TimeWindow:
    """The current day in Hungary, for pages that depend on today's date.

    It ends at midnight in Budapest. A page that was cached on Wednesday must not show Wednesday's
    week as "this week" on Thursday.
    """
    return day_window(services_of(request.registry).clock())


def until_week_end(request: Request) -> TimeWindow:
    """The current premiere week, for pages that are the same from Thursday to Wednesday."""
    week = week_of(budapest_today(services_of(request.registry).clock()))
    return TimeWindow(week.name, midnight_timestamp(week.next.start))


def day_window(now: datetime) -> TimeWindow:
    """The day in Hungary at ``now``, an aware datetime."""
    today = budapest_today(now)
    return TimeWindow(today.isoformat(), midnight_timestamp(today + timedelta(days=1)))


def midnight_timestamp(day: date) -> float:
    """The start of ``day`` in Budapest as Unix time."""
    return midnight(day).timestamp()


def midnight(day: date) -> datetime:
    """The start of ``day`` in Budapest."""
    return datetime.combine(day, time(), BUDAPEST)
