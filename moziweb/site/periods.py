"""The way around the calendar: the navigation of a week's or a month's page."""

from collections.abc import Callable
from typing import Final, TypeVar

from moziweb.i18n import _
from moziweb.movies.calendar import Month, Period, Week, in_bounds, month_of, week_of
from moziweb.movies.models import DatePrecision
from moziweb.movies.queries import Neighbours

from .cards import Link, PeriodNav
from .visit import Visit
from .wording import Wording

_MONTHS_BACK: Final = 3
_MONTHS_AHEAD: Final = 8

NO_NEIGHBOURS: Final = Neighbours(before=None, after=None)


def week_nav(visit: Visit, week: Week, filled: Neighbours = NO_NEIGHBOURS) -> PeriodNav:
    """The navigation of a week; ``filled`` are the days that lead out of an empty one."""

    def link(other: Week | None) -> Link | None:
        return _link(other, week_text, visit, visit.paths.week)

    return PeriodNav(
        title=visit.wording.say(_("Premieres of the week")),
        span_text=visit.wording.span_text(week.start, week.end),
        previous=link(week.previous),
        next=link(week.next),
        previous_filled=link(week_of(filled.before) if filled.before else None),
        next_filled=link(week_of(filled.after) if filled.after else None),
        months=month_links(visit, month_of(week.thursday), current=None),
        jump_value=week.thursday.isoformat(),
    )


def month_nav(visit: Visit, month: Month, filled: Neighbours = NO_NEIGHBOURS) -> PeriodNav:
    """The navigation of a month; ``filled`` as for a week."""

    def link(other: Month | None) -> Link | None:
        return _link(other, month_text, visit, visit.paths.month)

    return PeriodNav(
        title=visit.wording.say(_("Premieres of the month")),
        span_text=month_text(visit.wording, month),
        previous=link(month.previous),
        next=link(month.next),
        previous_filled=link(month_of(filled.before) if filled.before else None),
        next_filled=link(month_of(filled.after) if filled.after else None),
        months=month_links(visit, month, current=month),
        jump_value=month.start.isoformat(),
    )


def month_links(visit: Visit, around: Month, current: Month | None) -> tuple[Link, ...]:
    """The months around one, each with its year."""
    months = (around.shifted(step) for step in range(-_MONTHS_BACK, _MONTHS_AHEAD + 1))
    return tuple(
        Link(
            href=visit.paths.month(month),
            text=month_text(visit.wording, month),
            iso=month.name,
            current=month == current,
        )
        for month in months
        if in_bounds(month)
    )


def week_text(wording: Wording, week: Week) -> str:
    """``2026. aug. 20–26.``"""
    return wording.span_text(week.start, week.end)


def month_text(wording: Wording, month: Month) -> str:
    """``2026. augusztus``"""
    return wording.date_text(month.start, DatePrecision.MONTH)


AnyPeriod = TypeVar("AnyPeriod", bound=Period)


def _link(
    period: AnyPeriod | None,
    text_of: Callable[[Wording, AnyPeriod], str],
    visit: Visit,
    href_of: Callable[[AnyPeriod], str],
) -> Link | None:
    if period is None or not in_bounds(period):
        return None
    return Link(href=href_of(period), text=text_of(visit.wording, period), iso=period.name)
