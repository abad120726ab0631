"""The pages of weeks and months, and the redirect from a date to its week."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from pyramid.httpexceptions import HTTPBadRequest, HTTPFound, HTTPNotFound
from pyramid.view import view_config

from moziweb.cache.http.view_deriver import mark_negative
from moziweb.i18n import _
from moziweb.movies.calendar import (
    AnyPeriod,
    Month,
    Period,
    Week,
    month_of,
    parse_day,
    week_of,
    year_of,
)
from moziweb.movies.models import DatePrecision
from moziweb.movies.queries import (
    DAYS,
    DAYS_AND_MONTHS,
    STREAMED,
    Listing,
    Neighbours,
    premieres_between,
)
from moziweb.request import Request

from ..context import PageContext
from ..page_cache.fragments import PageFragments, movie_list_view
from ..page_cache.slots import Section, with_eager_row
from ..presenters.filter_form import PageFilters
from ..presenters.filter_values import PARAMETERS, given_values
from ..presenters.jsonld import breadcrumbs_json_ld, movies_json_ld
from ..presenters.page_head import not_indexed, page_head
from ..presenters.period_nav import month_label, month_nav, nearest_premieres, week_label, week_nav
from ..view_models import Link, PeriodNav

NavMaker = Callable[[PageContext, AnyPeriod, Neighbours | None], PeriodNav]
SectionMaker = Callable[[PageFragments, Sequence[Listing]], list[Section]]


@movie_list_view(route_name="week", renderer="period.jinja2", cache_params=PARAMETERS)
def week(request: Request) -> dict[str, Any]:
    """The premieres of a week: in cinemas, then streaming."""
    period = _parse_or_404(Week.parse, request.matchdict["week"])
    return _period_page(request, "week", period, DAYS, week_nav, _by_kind)


@movie_list_view(route_name="month", renderer="period.jinja2", cache_params=PARAMETERS)
def month(request: Request) -> dict[str, Any]:
    """The premieres of a month by week."""
    period = _parse_or_404(Month.parse, request.matchdict["month"])
    return _period_page(request, "month", period, DAYS_AND_MONTHS, month_nav, _by_week)


@view_config(route_name="today", request_method="GET")
@view_config(route_name="this_week", request_method="GET")
@view_config(route_name="this_month", request_method="GET")
@view_config(route_name="this_year", request_method="GET")
def present(request: Request) -> HTTPFound:
    """Redirect ``/week`` and ``/today`` to this week, ``/month`` and ``/year`` to the present ones.

    The month and the year are those of the Thursday of this week, as on the index. The query string
    is kept.
    """
    context = PageContext.of(request)
    this, urls = week_of(context.today), context.urls
    month, year = month_of(this.thursday), year_of(this.thursday)
    paths = {"/month": urls.month(month), "/year": urls.year(year)}
    path = paths.get(request.path_info.removeprefix("/en"), urls.week(this))
    query = f"?{request.query_string}" if request.query_string else ""
    return HTTPFound(urls.absolute(path) + query)


@view_config(route_name="jump", request_method="GET")
def jump(request: Request) -> HTTPFound:
    """Redirect to the week of ``?date=2026-08-13``; 400 if it is no date of the calendar.

    The filters are kept.
    """
    context = PageContext.of(request)
    try:
        day = parse_day(request.GET.get("date", ""))
    except ValueError:  # or its subclass UnicodeDecodeError: the query string is not UTF-8
        raise HTTPBadRequest from None
    query = dict(sorted(given_values(request).items()))
    path = context.urls.path("week", week=week_of(day).name, _query=query)
    return HTTPFound(context.urls.absolute(path))


def _period_page(
    request: Request,
    route: str,
    period: AnyPeriod,
    precisions: Collection[DatePrecision],
    nav_of: NavMaker[AnyPeriod],
    sections_of: SectionMaker,
) -> dict[str, Any]:
    """The values of ``period.jinja2``.

    Five queries, six for a week without posters, four for an empty period. The calendar has
    thousands of empty periods. They are not indexed by search engines, and only a bounded number of
    them is cached.
    """
    filters = PageFilters.of(request, route, **{route: period.name})
    context, where = filters.context, filters.filter.conditions
    span = period.start, period.end
    listings = premieres_between(request.dbsession, *span, precisions, where)
    context.depend(*filters.filter.list_tags(period, is_empty=not listings))
    nearest = None
    if not listings:
        mark_negative(request)
        nearest = nearest_premieres(request.dbsession, context, filters.filter, span, precisions)
    nav = nav_of(context, period, nearest)
    title, translate = f"{nav.title}: {nav.range_text}", context.formatter.translate
    text = translate(_("Film premieres in Hungary, ${span}.", mapping={"span": nav.range_text}))
    page = page_head(context, title, text, route, **{route: period.name})
    fragments = PageFragments(request, context)
    if listings and isinstance(period, Week) and not filters.is_active:
        page = replace(page, preview_slot=fragments.preview(period, listings))
    if listings:
        data = movies_json_ld(context, (each.movie for each in listings))
        page = replace(page, json_ld=(breadcrumbs_json_ld(context, _way(context, period)), data))
    return {
        "page": filters.head(page) if listings else not_indexed(filters.head(page)),
        "filters": filters.form,
        "nav": nav,
        "sections": with_eager_row(sections_of(fragments, listings)),
        "is_empty": not listings,
    }


def _way(context: PageContext, period: Period) -> list[Link]:
    """The year of a week or month, its month, and the week."""
    urls, formatter = context.urls, context.formatter
    day = period.thursday if isinstance(period, Week) else period.start
    year, month = year_of(day), month_of(day)
    way = [Link(urls.year(year), year.name)]
    way.append(Link(urls.month(month), month_label(formatter, month)))
    if isinstance(period, Week):
        way.append(Link(urls.week(period), week_label(formatter, period)))
    return way


def _by_kind(fragments: PageFragments, listings: Sequence[Listing]) -> list[Section]:
    """Sections for cinemas and streaming; empty ones are omitted."""
    translate = fragments.context.formatter.translate
    streamed = [each for each in listings if each.premiere and each.premiere.kind in STREAMED]
    screened = [each for each in listings if each not in streamed]
    parts = (("cinema", _("In cinemas"), screened), ("streaming", _("Streaming"), streamed))
    return [fragments.section(key, translate(title), part) for key, title, part in parts if part]


def _by_week(fragments: PageFragments, listings: Sequence[Listing]) -> list[Section]:
    """A section for each week, then one for premieres of which only the month is known."""
    exact = [each for each in listings if each.premiere and each.premiere.precision in DAYS]
    rest = [each for each in listings if each not in exact]
    sections = [
        _week_section(fragments, week, list(part))
        for week, part in groupby(exact, lambda each: week_of(each.day))
    ]
    if rest:
        title = fragments.context.formatter.translate(_("Day not known yet"))
        sections.append(fragments.section("day-unknown", title, rest))
    return sections


def _week_section(fragments: PageFragments, week: Week, listings: Sequence[Listing]) -> Section:
    formatter, urls = fragments.context.formatter, fragments.context.urls
    title, more = week_label(formatter, week), formatter.translate(_("The whole week"))
    return fragments.section(f"week-{week.name}", title, listings, "", urls.week(week), more)


def _parse_or_404(parse: Callable[[str], AnyPeriod], name: str) -> AnyPeriod:
    try:
        return parse(name)
    except ValueError:
        raise HTTPNotFound from None
