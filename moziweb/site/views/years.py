"""The page of a year, and the list of years."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from pyramid.httpexceptions import HTTPNotFound
from pyramid.view import view_config

from moziweb.cache.http.view_deriver import mark_negative
from moziweb.i18n import _
from moziweb.movies.calendar import FIRST_YEAR, LAST_YEAR, Month, Year
from moziweb.movies.list_position import TitlePosition
from moziweb.movies.models import DatePrecision
from moziweb.movies.queries import Listing
from moziweb.movies.tags import year_number_tag
from moziweb.movies.year_queries import (
    MOST_OF_YEAR,
    NO_MONTH,
    YEAR_BLOCK,
    MonthOverview,
    YearNumbers,
    numbers_by_year,
    year_only_premieres,
    year_overview,
)
from moziweb.request import Request

from ..context import PageContext
from ..page_cache.fragments import PageFragments, movie_list_view
from ..page_cache.slots import Section, with_eager_row
from ..presenters.filter_form import PageFilters
from ..presenters.filter_values import YEAR_PARAMETERS
from ..presenters.jsonld import (
    breadcrumbs_json_ld,
    links_json_ld,
    movies_json_ld,
    top_page_json_ld,
)
from ..presenters.page_head import not_indexed, page_head
from ..presenters.period_nav import month_label, nearest_premieres, year_nav
from ..query_parameters import at_position, block_path, given_position, redirect_unless_at
from ..view_models import Link

SHOWN_PER_MONTH: Final = 6
"""Cards of a month: one row of the widest layout."""


@movie_list_view(route_name="year", renderer="year.jinja2", cache_params=YEAR_PARAMETERS)
def year(request: Request) -> dict[str, Any]:
    """The first premieres of each month of a year. Six queries, four for an empty year.

    With ``?from=``, a further block of those of which only the year is known. Five queries.
    """
    try:
        period = Year.parse(request.matchdict["year"])
    except ValueError:
        raise HTTPNotFound from None
    position = given_position(request, TitlePosition.parse)
    if position is not None:
        return _block(request, period, position)
    filters = PageFilters.of(request, "year", year=period.name)
    context, chosen = filters.context, filters.filter
    months = year_overview(
        request.dbsession,
        period,
        SHOWN_PER_MONTH,
        chosen.conditions,
        without_month=YEAR_BLOCK + 1,
    )
    context.depend(*chosen.list_tags(period, is_empty=not months))
    nearest = None
    if not months:
        mark_negative(request)
        span = period.start, period.end
        nearest = nearest_premieres(request.dbsession, context, chosen, span, list(DatePrecision))
    fragments, translate = PageFragments(request, context), context.formatter.translate
    nav = year_nav(context, period, nearest)
    text = translate(_("Film premieres in Hungary, ${span}.", mapping={"span": nav.range_text}))
    page = page_head(context, f"{nav.title}: {nav.range_text}", text, "year", year=period.name)
    sections = [_section(fragments, period, each) for each in months]
    if months:
        listed = (card.listing.movie for section in sections for card in section.cards)
        years_link = Link(context.urls.path("years"), translate(_("All years")))
        way = years_link, Link(context.urls.year(period), period.name)
        data = breadcrumbs_json_ld(context, way), movies_json_ld(context, listed)
        page = replace(page, json_ld=data)
    return {
        "page": filters.head(page) if months else not_indexed(filters.head(page)),
        "filters": filters.form,
        "nav": nav,
        "sections": with_eager_row(sections),
        "more": _more(filters, months[-1].listings) if months else None,
    }


def _block(request: Request, period: Year, position: TitlePosition) -> dict[str, Any]:
    filters = PageFilters.of(request, "year", year=period.name)
    context, chosen, path = filters.context, filters.filter, filters.form.path
    context.depend(*chosen.list_tags(period))
    limit = YEAR_BLOCK + 1
    found = year_only_premieres(request.dbsession, period, limit, chosen.conditions, position)
    first, parameters = _position(found[0]) if found else None, chosen.parameters
    redirect_unless_at(position, first, context.urls.absolute(path), parameters)
    translate, nav = context.formatter.translate, year_nav(context, period)
    section = PageFragments(request, context).section(
        "day-unknown", translate(_("Day not known yet")), found[:YEAR_BLOCK], "",
        context.urls.year(period), translate(_("The whole year")),
    )  # fmt: skip
    here = at_position(context, position, "year", parameters)
    page = page_head(here, f"{nav.title}: {nav.range_text}", "", "year", year=period.name)
    return {
        "page": not_indexed(filters.head(page)),
        "filters": filters.form,
        "nav": nav,
        "sections": with_eager_row([section]),
        "more": _more(filters, found),
    }


def _more(filters: PageFilters, listings: Sequence[Listing]) -> Link | None:
    """The link to the next block of premieres of which only the year is known."""
    if len(listings) <= YEAR_BLOCK:
        return None
    href = block_path(filters.form.path, _position(listings[YEAR_BLOCK]), filters.filter.parameters)
    return Link(href, filters.context.formatter.translate(_("More films")))


def _position(listing: Listing) -> TitlePosition | None:
    premiere = listing.premiere
    return TitlePosition(listing.movie.sort_key, premiere.id) if premiere else None


def _section(fragments: PageFragments, year: Year, overview: MonthOverview) -> Section:
    formatter, urls = fragments.context.formatter, fragments.context.urls
    if overview.month == NO_MONTH:
        title = formatter.translate(_("Day not known yet"))
        shown, note = overview.listings[:YEAR_BLOCK], ""
        if overview.number > len(shown):
            values = {"shown": len(shown), "number": overview.number}
            note = formatter.translate(_("${shown} of ${number} films", mapping=values))
        return fragments.section("day-unknown", title, shown, note)
    month = Month(year.number, overview.month)
    more = _("All premieres (${number})", mapping={"number": overview.number})
    title, text = month_label(formatter, month), formatter.translate(more)
    key = f"month-{month.name}"
    return fragments.section(key, title, overview.listings, "", urls.month(month), text)


@view_config(route_name="years", renderer="facet_index.jinja2", request_method="GET", cache="pages")
def years(request: Request) -> dict[str, Any]:
    """The years with premieres, the latest first. Two queries at most."""
    context = PageContext.of(request)
    translate = context.formatter.translate
    context.depend(*(year_number_tag(Year(number)) for number in range(FIRST_YEAR, LAST_YEAR + 1)))
    numbers = numbers_by_year(request.dbsession)
    title = translate(_("Premieres by year"))
    items = [
        (Link(context.urls.year(each), each.name), _numbers_text(context, found))
        for each, found in sorted(numbers.items(), reverse=True)
    ]
    description = translate(_("The years of film premieres in Hungary."))
    page = page_head(context, title, description, "years")
    links = links_json_ld(context, [link for link, _numbers in items])
    return {
        "page": replace(page, json_ld=(top_page_json_ld(context, "years", title), links)),
        "heading": title,
        "items": items,
    }


def _numbers_text(context: PageContext, numbers: YearNumbers) -> str:
    values = {"screened": _number(numbers.screened), "streamed": _number(numbers.streamed)}
    text = _("${screened} in cinemas, ${streamed} streaming", mapping=values)
    return context.formatter.translate(text)


def _number(number: int) -> str:
    return str(number) if number < MOST_OF_YEAR else f"{MOST_OF_YEAR}+"
