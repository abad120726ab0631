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
    today = _today(request)
    return TimeWindow(today.isoformat(), midnight(today + timedelta(days=1)).timestamp())


def until_week_end(request: Request) -> TimeWindow:
    """The current premiere week, for pages that are the same from Thursday to Wednesday."""
    week = week_of(_today(request))
    return TimeWindow(week.name, midnight(week.next.start).timestamp())


def midnight(day: date) -> datetime:
    """The start of ``day`` in Budapest."""
    return datetime.combine(day, time(), BUDAPEST)


def _today(request: Request) -> date:
    return budapest_today(services_of(request.registry).clock())
