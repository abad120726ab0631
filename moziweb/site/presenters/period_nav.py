"""The way around the calendar: the navigation of a week's or a month's page."""

from collections.abc import Callable
from typing import Final, TypeVar

from moziweb.i18n import _
from moziweb.movies.calendar import Month, Period, Week, in_bounds, month_of, week_of
from moziweb.movies.models import DatePrecision
from moziweb.movies.queries import Neighbours

from ..context import PageContext
from ..formatting import Formatter
from ..view_models import Link, PeriodNav

_MONTHS_BACK: Final = 3
_MONTHS_AHEAD: Final = 8


def week_nav(visit: PageContext, week: Week, out: Neighbours | None = None) -> PeriodNav:
    """The navigation of a week; ``out`` are the days that lead out of an empty one.

    One before the first premiere, or after the last, leads back to that at once: a calendar has
    thousands of them, and whoever follows every link should come to an end.
    """

    def link(other: Week | None) -> Link | None:
        return _link(other, week_text, visit, visit.paths.week)

    before = week_of(out.before) if out and out.before else None
    after = week_of(out.after) if out and out.after else None
    beyond = _is_beyond(out)
    return PeriodNav(
        title=visit.wording.say(_("Premieres of the week")),
        span_text=visit.wording.span_text(week.start, week.end),
        previous=link(before if beyond else week.previous),
        next=link(after if beyond else week.next),
        previous_filled=link(before),
        next_filled=link(after),
        months=_month_links(visit, month_of(week.thursday), None, out),
        jump_value=week.thursday.isoformat(),
    )


def month_nav(visit: PageContext, month: Month, out: Neighbours | None = None) -> PeriodNav:
    """The navigation of a month; ``out`` as for a week."""

    def link(other: Month | None) -> Link | None:
        return _link(other, month_text, visit, visit.paths.month)

    before = month_of(out.before) if out and out.before else None
    after = month_of(out.after) if out and out.after else None
    beyond = _is_beyond(out)
    return PeriodNav(
        title=visit.wording.say(_("Premieres of the month")),
        span_text=month_text(visit.wording, month),
        previous=link(before if beyond else month.previous),
        next=link(after if beyond else month.next),
        previous_filled=link(before),
        next_filled=link(after),
        months=_month_links(visit, month, month, out),
        jump_value=month.start.isoformat(),
    )


def _month_links(
    visit: PageContext, around: Month, current: Month | None, out: Neighbours | None
) -> tuple[Link, ...]:
    """The months around one, each with its year; of those beyond the last premiere only the one."""
    months = (around.shifted(step) for step in range(-_MONTHS_BACK, _MONTHS_AHEAD + 1))
    if out is not None and _is_beyond(out):
        last = month_of(out.before) if out.before else None
        first = month_of(out.after) if out.after else None
        months = (
            month
            for month in months
            if month == around or (last and month <= last) or (first and month >= first)
        )
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


def _is_beyond(out: Neighbours | None) -> bool:
    """Whether an empty period lies before the first premiere, or after the last."""
    return out is not None and not (out.before and out.after)


def week_text(wording: Formatter, week: Week) -> str:
    """``2026. aug. 20–26.``"""
    return wording.span_text(week.start, week.end)


def month_text(wording: Formatter, month: Month) -> str:
    """``2026. augusztus``"""
    return wording.date_text(month.start, DatePrecision.MONTH)


AnyPeriod = TypeVar("AnyPeriod", bound=Period)


def _link(
    period: AnyPeriod | None,
    text_of: Callable[[Formatter, AnyPeriod], str],
    visit: PageContext,
    href_of: Callable[[AnyPeriod], str],
) -> Link | None:
    if period is None or not in_bounds(period):
        return None
    return Link(href=href_of(period), text=text_of(visit.wording, period), iso=period.name)
