"""The pages of a week and of a month, and the way to a date's week."""

from collections.abc import Callable, Collection, Sequence
from datetime import date
from itertools import groupby
from typing import Any, TypeVar

from pyramid.httpexceptions import HTTPBadRequest, HTTPFound, HTTPNotFound
from pyramid.view import view_config

from moziweb.cache.http.view_deriver import stray
from moziweb.i18n import _
from moziweb.movies.calendar import Month, Period, Week, parse_day, week_of
from moziweb.movies.models import DatePrecision
from moziweb.movies.queries import (
    DAYS,
    DAYS_AND_MONTHS,
    STREAMED,
    Listing,
    Neighbours,
    neighbours,
    premieres_between,
)
from moziweb.movies.tags import period_tag
from moziweb.movies.week_range_tags import spans_between
from moziweb.request import Request

from ..context import PageContext
from ..page_cache.fragments import PageFragments, movie_fragments
from ..page_cache.slots import Section, with_eager_row
from ..presenters.page_head import not_indexed, page_of
from ..presenters.period_nav import month_nav, week_nav, week_text
from ..view_models import PeriodNav

AnyPeriod = TypeVar("AnyPeriod", bound=Period)
NavMaker = Callable[[PageContext, AnyPeriod, Neighbours | None], PeriodNav]
SectionMaker = Callable[[PageFragments, PageContext, Sequence[Listing]], list[Section]]


@view_config(
    route_name="week",
    renderer="period.jinja2",
    request_method="GET",
    cache="pages",
    cache_fragments=movie_fragments,
)
def week(request: Request) -> dict[str, Any]:
    """A week's premieres, in cinemas and streaming."""
    period = _parsed(Week.parse, request.matchdict["week"])
    return _period_page(request, "week", period, DAYS, week_nav, _by_kind)


@view_config(
    route_name="month",
    renderer="period.jinja2",
    request_method="GET",
    cache="pages",
    cache_fragments=movie_fragments,
)
def month(request: Request) -> dict[str, Any]:
    """A month's premieres, week by week."""
    period = _parsed(Month.parse, request.matchdict["month"])
    return _period_page(request, "month", period, DAYS_AND_MONTHS, month_nav, _by_week)


@view_config(route_name="jump", request_method="GET")
def jump(request: Request) -> HTTPFound:
    """Lead to the week of ``?date=2026-08-13``; 400 when that is no date of the calendar."""
    visit = PageContext.of(request)
    try:
        day = parse_day(request.GET.get("date", ""))
    except ValueError:  # UnicodeDecodeError, for a query string that is no text, is one, too
        raise HTTPBadRequest from None
    return HTTPFound(visit.paths.absolute(visit.paths.week(week_of(day))))


def _period_page(
    request: Request,
    route: str,
    period: AnyPeriod,
    precisions: Collection[DatePrecision],
    nav_of: NavMaker[AnyPeriod],
    sections_of: SectionMaker,
) -> dict[str, Any]:
    """What ``period.jinja2`` is given. Three queries, or two for a period without premieres.

    A calendar has thousands of those: none is indexed, and few are kept.
    """
    visit = PageContext.of(request)
    visit.depend(period_tag(period))
    listings = premieres_between(request.dbsession, period.start, period.end, precisions)
    out = None
    if not listings:
        stray(request)
        out = neighbours(request.dbsession, period.start, period.end, precisions)
        visit.depend(*spans_between(out.before or date.min, out.after or date.max))
    nav = nav_of(visit, period, out)
    description = _("Film premieres in Hungary, ${span}.", mapping={"span": nav.span_text})
    page = page_of(
        visit,
        f"{nav.title}: {nav.span_text}",
        visit.wording.say(description),
        route,
        **{route: period.name},
    )
    return {
        "page": page if listings else not_indexed(page),
        "nav": nav,
        "sections": with_eager_row(sections_of(PageFragments(request, visit), visit, listings)),
        "is_empty": not listings,
    }


def _by_kind(
    programme: PageFragments, visit: PageContext, listings: Sequence[Listing]
) -> list[Section]:
    """In cinemas, then streaming; what is empty is left out."""
    say = visit.wording.say
    streamed = [each for each in listings if each.premiere and each.premiere.kind in STREAMED]
    screened = [each for each in listings if each not in streamed]
    parts = (
        ("cinema", say(_("In cinemas")), screened),
        ("streaming", say(_("Streaming")), streamed),
    )
    return [programme.section(key, title, part) for key, title, part in parts if part]


def _by_week(
    programme: PageFragments, visit: PageContext, listings: Sequence[Listing]
) -> list[Section]:
    """A section for each week, and the premieres known by their month alone at the end."""
    exact = [each for each in listings if each.premiere and each.premiere.precision in DAYS]
    rest = [each for each in listings if each not in exact]
    sections = [
        _week_section(programme, visit, week, list(part))
        for week, part in groupby(exact, lambda each: week_of(each.day))
    ]
    if rest:
        title = visit.wording.say(_("Day not known yet"))
        sections.append(programme.section("day-unknown", title, rest))
    return sections


def _week_section(
    programme: PageFragments, visit: PageContext, week: Week, listings: Sequence[Listing]
) -> Section:
    wording, paths = visit.wording, visit.paths
    title, more = week_text(wording, week), wording.say(_("The whole week"))
    return programme.section(f"week-{week.name}", title, listings, "", paths.week(week), more)


def _parsed(parse: Callable[[str], AnyPeriod], name: str) -> AnyPeriod:
    try:
        return parse(name)
    except ValueError:
        raise HTTPNotFound from None
