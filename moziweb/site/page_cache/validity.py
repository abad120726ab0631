"""The part of the present that a page shows, for the cache: time is a dependency, too."""

from datetime import date, datetime, time, timedelta

from moziweb.cache.http.routes import TimeWindow
from moziweb.movies.calendar import BUDAPEST, budapest_today, week_of
from moziweb.request import Request


def until_midnight(request: Request) -> TimeWindow:
    """The day in Hungary, for pages of "this week", "today" and "not over yet".

    It ends with its midnight in Budapest, so a page that was cached on Wednesday does not call
    Wednesday's week this week on Thursday.
    """
    return day_of(request.registry["clock"]())


def until_week_end(request: Request) -> TimeWindow:
    """The premiere week in Hungary, for what shows the same from Thursday to Wednesday."""
    week = week_of(budapest_today(request.registry["clock"]()))
    return TimeWindow(week.name, beginning_of(week.next.start))


def day_of(now: datetime) -> TimeWindow:
    """The day of ``now``, an aware moment."""
    today = budapest_today(now)
    return TimeWindow(today.isoformat(), beginning_of(today + timedelta(days=1)))


def beginning_of(day: date) -> float:
    """The midnight in Budapest that ``day`` begins with, as Unix time."""
    return midnight_of(day).timestamp()


def midnight_of(day: date) -> datetime:
    """The midnight in Budapest that ``day`` begins with."""
    return datetime.combine(day, time(), BUDAPEST)
