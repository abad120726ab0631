"""Builds the navigation of the page of a week or a month."""

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


def week_nav(context: PageContext, week: Week, neighbours: Neighbours | None = None) -> PeriodNav:
    """The navigation of a week. ``neighbours`` is given for a week without premieres.

    A week before the first premiere or after the last one links to that premiere's week. The
    calendar has thousands of empty weeks: with links between them, a crawler would visit them all.
    """

    def link(other: Week | None) -> Link | None:
        return _link(other, week_label, context, context.urls.week)

    before = week_of(neighbours.before) if neighbours and neighbours.before else None
    after = week_of(neighbours.after) if neighbours and neighbours.after else None
    outside = _is_outside_data(neighbours)
    return PeriodNav(
        title=context.formatter.translate(_("Premieres of the week")),
        range_text=context.formatter.date_range(week.start, week.end),
        previous=link(before if outside else week.previous),
        next=link(after if outside else week.next),
        previous_filled=link(before),
        next_filled=link(after),
        months=_month_links(context, month_of(week.thursday), None, neighbours),
        jump_value=week.thursday.isoformat(),
    )


def month_nav(
    context: PageContext, month: Month, neighbours: Neighbours | None = None
) -> PeriodNav:
    """The navigation of a month; ``neighbours`` as in ``week_nav``."""

    def link(other: Month | None) -> Link | None:
        return _link(other, month_label, context, context.urls.month)

    before = month_of(neighbours.before) if neighbours and neighbours.before else None
    after = month_of(neighbours.after) if neighbours and neighbours.after else None
    outside = _is_outside_data(neighbours)
    return PeriodNav(
        title=context.formatter.translate(_("Premieres of the month")),
        range_text=month_label(context.formatter, month),
        previous=link(before if outside else month.previous),
        next=link(after if outside else month.next),
        previous_filled=link(before),
        next_filled=link(after),
        months=_month_links(context, month, month, neighbours),
        jump_value=month.start.isoformat(),
    )


def _month_links(
    context: PageContext, around: Month, current: Month | None, neighbours: Neighbours | None
) -> tuple[Link, ...]:
    """Links to the months around ``around``; months outside the data are omitted, except itself."""
    months = (around.shifted(step) for step in range(-_MONTHS_BACK, _MONTHS_AHEAD + 1))
    if neighbours is not None and _is_outside_data(neighbours):
        last = month_of(neighbours.before) if neighbours.before else None
        first = month_of(neighbours.after) if neighbours.after else None
        months = (
            month
            for month in months
            if month == around or (last and month <= last) or (first and month >= first)
        )
    return tuple(
        Link(
            href=context.urls.month(month),
            text=month_label(context.formatter, month),
            iso=month.name,
            current=month == current,
        )
        for month in months
        if in_bounds(month)
    )


def _is_outside_data(neighbours: Neighbours | None) -> bool:
    """Whether an empty period is before the first premiere or after the last one."""
    return neighbours is not None and not (neighbours.before and neighbours.after)


def week_label(formatter: Formatter, week: Week) -> str:
    """``2026. aug. 20–26.``"""
    return formatter.date_range(week.start, week.end)


def month_label(formatter: Formatter, month: Month) -> str:
    """``2026. augusztus``"""
    return formatter.date_text(month.start, DatePrecision.MONTH)


AnyPeriod = TypeVar("AnyPeriod", bound=Period)


def _link(
    period: AnyPeriod | None,
    text_of: Callable[[Formatter, AnyPeriod], str],
    context: PageContext,
    href_of: Callable[[AnyPeriod], str],
) -> Link | None:
    if period is None or not in_bounds(period):
        return None
    return Link(href=href_of(period), text=text_of(context.formatter, period), iso=period.name)
