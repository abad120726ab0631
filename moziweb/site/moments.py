"""The part of the present that a page shows, for the cache: time is a dependency, too."""

from datetime import date, datetime, time, timedelta

from moziweb.cache.places import Moment
from moziweb.movies.calendar import BUDAPEST, budapest_today
from moziweb.request import Request


def this_day(request: Request) -> Moment:
    """The day in Hungary, for pages of "this week", "today" and "not over yet".

    It ends with its midnight in Budapest, so a page that was cached on Wednesday does not call
    Wednesday's week this week on Thursday.
    """
    return day_of(request.registry["clock"]())


def day_of(now: datetime) -> Moment:
    """The day of ``now``, an aware moment."""
    today = budapest_today(now)
    return Moment(today.isoformat(), beginning_of(today + timedelta(days=1)))


def beginning_of(day: date) -> float:
    """The midnight in Budapest that ``day`` begins with, as Unix time."""
    return datetime.combine(day, time(), BUDAPEST).timestamp()
