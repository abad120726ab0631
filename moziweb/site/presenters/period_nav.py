"""Builds the navigation of the page of a week, a month or a year."""

from collections.abc import Callable, Collection
from datetime import date
from itertools import chain
from typing import Final, TypeAlias

from sqlalchemy.orm import Session

from moziweb.i18n import _
from moziweb.movies.calendar import (
    AnyPeriod,
    Month,
    Week,
    Year,
    in_bounds,
    month_of,
    week_of,
    year_of,
)
from moziweb.movies.filters import PremiereFilter
from moziweb.movies.models import DatePrecision
from moziweb.movies.queries import DAYS, Neighbours, neighbours
from moziweb.movies.week_range_tags import SpanKind, week_range_tags_between

from ..context import PageContext
from ..formatting import Formatter
from ..view_models import Link, PeriodNav

_MONTHS_BACK: Final = 3
_MONTHS_AHEAD: Final = 8


def nearest_premieres(
    session: Session,
    context: PageContext,
    chosen: PremiereFilter,
    span: tuple[date, date],
    precisions: Collection[DatePrecision] = DAYS,
) -> Neighbours:
    """The nearest premieres of a filter around ``span``, which has none. One query."""
    found = neighbours(session, *span, precisions, chosen.conditions)
    before, after = found.before or date.min, found.after or date.max
    kinds = SpanKind if DatePrecision.YEAR in precisions else (SpanKind.DATED,)
    spans = (week_range_tags_between(before, after, kind) for kind in kinds)
    context.depend(*chosen.tags(), *chain.from_iterable(spans))
    return found


def week_nav(context: PageContext, week: Week, neighbours: Neighbours | None = None) -> PeriodNav:
    """The navigation of a week. ``neighbours`` is given for a week without premieres.

    A week before the first premiere or after the last one links to that premiere's week. The
    calendar has thousands of empty weeks: with links between them, a crawler would visit them all.
    """
    return PeriodNav(
        context.formatter.translate(_("Premieres of the week")),
        week_label(context.formatter, week),
        *_steps(context, week, neighbours, week_of, week_label, context.urls.week),
        months=_month_links(context, month_of(week.thursday), None, neighbours),
        year=_year_link(context, year_of(week.thursday)),
        jump_value=week.thursday.isoformat(),
        month_here=month_of(week.thursday).name,
    )


def month_nav(
    context: PageContext, month: Month, neighbours: Neighbours | None = None
) -> PeriodNav:
    """The navigation of a month; ``neighbours`` as in ``week_nav``."""
    return PeriodNav(
        context.formatter.translate(_("Premieres of the month")),
        month_label(context.formatter, month),
        *_steps(context, month, neighbours, month_of, month_label, context.urls.month),
        months=_month_links(context, month, month, neighbours),
        year=_year_link(context, year_of(month.start)),
        jump_value=month.start.isoformat(),
        month_here=month.name,
    )


def year_nav(context: PageContext, year: Year, neighbours: Neighbours | None = None) -> PeriodNav:
    """The navigation of a year. ``neighbours`` is given for a year without premieres.

    It links only to the nearest years with premieres, so that no crawler follows empty years.
    """
    urls, formatter = context.urls, context.formatter
    years = () if neighbours else (year.previous, year.next)
    previous, following = (
        _year_link(context, each) if each in years and in_bounds(each) else None
        for each in (year.previous, year.next)
    )
    before, after = (
        _year_link(context, year_of(day)) if day and in_bounds(year_of(day)) else None
        for day in ((neighbours.before, neighbours.after) if neighbours else (None, None))
    )
    months = () if neighbours else (Month(year.number, number) for number in range(1, 13))
    return PeriodNav(
        formatter.translate(_("Premieres of the year")),
        year.name,
        previous,
        following,
        previous_filled=before,
        next_filled=after,
        months=tuple(
            Link(urls.month(month), month_label(formatter, month), month.name) for month in months
        ),
        year=Link(urls.path("years"), formatter.translate(_("All years"))),
        jump_value=year.start.isoformat(),
    )


def _year_link(context: PageContext, year: Year) -> Link:
    return Link(context.urls.year(year), year.name, year.name)


MaybeLink: TypeAlias = Link | None


def _steps(
    context: PageContext,
    period: AnyPeriod,
    neighbours: Neighbours | None,
    period_of: Callable[[date], AnyPeriod],
    label_of: Callable[[Formatter, AnyPeriod], str],
    href_of: Callable[[AnyPeriod], str],
) -> tuple[MaybeLink, MaybeLink, MaybeLink, MaybeLink]:
    """Links to the previous and next period, and to the nearest ones with premieres."""

    def link(other: AnyPeriod | None) -> MaybeLink:
        if other is None or not in_bounds(other):
            return None
        return Link(href=href_of(other), text=label_of(context.formatter, other), iso=other.name)

    before = period_of(neighbours.before) if neighbours and neighbours.before else None
    after = period_of(neighbours.after) if neighbours and neighbours.after else None
    outside = _is_outside_data(neighbours)
    previous, following = (before, after) if outside else (period.previous, period.next)
    return link(previous), link(following), link(before), link(after)


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
    urls, formatter = context.urls, context.formatter
    return tuple(
        Link(urls.month(month), month_label(formatter, month), month.name, month == current)
        for month in months
        if in_bounds(month)
    )


def _is_outside_data(neighbours: Neighbours | None) -> bool:
    """Whether an empty period is before the first premiere or after the last one."""
    return neighbours is not None and not (neighbours.before and neighbours.after)


def week_label(formatter: Formatter, week: Week) -> str:
    """A week as text: ``2026. aug. 20–26.``."""
    return formatter.date_range(week.start, week.end)


def month_label(formatter: Formatter, month: Month) -> str:
    """A month as text: ``2026. augusztus``."""
    return formatter.date_text(month.start, DatePrecision.MONTH)
