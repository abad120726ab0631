"""The index page."""

from dataclasses import replace
from typing import Any

from moziweb.cache.http.view_deriver import mark_negative
from moziweb.i18n import _
from moziweb.movies.calendar import week_of
from moziweb.request import Request

from ..context import PageContext
from ..page_cache.fragments import PageFragments, movie_list_view
from ..page_cache.slots import Section, with_eager_row
from ..page_cache.validity import until_midnight
from ..presenters.filter_form import PageFilters
from ..presenters.filter_values import PARAMETERS
from ..presenters.index import IndexSection, index_sections
from ..presenters.jsonld import movies_json_ld
from ..presenters.page_head import page_head
from ..presenters.period_nav import nearest_premieres, week_label, week_nav
from ..view_models import PageHead

ALWAYS_SHOWN = frozenset({"this-week", "next-week"})
"""Sections that are shown even if they are empty, unless the page is filtered."""


@movie_list_view(
    route_name="index",
    renderer="index.jinja2",
    cache_moment=until_midnight,
    cache_params=PARAMETERS,
)
def index(request: Request) -> dict[str, Any]:
    """Today's premieres. At most seven queries."""
    filters = PageFilters.of(request, "index")
    context = filters.context
    sections = index_sections(request.dbsession, context, filters.filter)
    fragments = PageFragments(request, context)
    always = ALWAYS_SHOWN if not filters.is_active else ()
    shown = [section for section in sections if section.listings or section.key in always]
    listed = (listing.movie for section in shown for listing in section.listings)
    page = replace(_page(context), json_ld=(movies_json_ld(context, listed),))
    week = week_of(context.today)
    nearest = None
    if not shown:
        mark_negative(request)
        span = week.start, week.next.end
        nearest = nearest_premieres(request.dbsession, context, filters.filter, span)
    return {
        "page": filters.head(page),
        "filters": filters.form,
        "sections": with_eager_row([_section(fragments, context, section) for section in shown]),
        "nav": week_nav(context, week, nearest),
        "is_empty": not shown,
    }


def _section(fragments: PageFragments, context: PageContext, section: IndexSection) -> Section:
    more_href, more_text = _more(context, section)
    # The heading of the page, right above the section of this week, already has its dates.
    week = section.week if section.key != "this-week" else None
    note = week_label(context.formatter, week) if week else ""
    title = context.formatter.translate(section.title)
    return fragments.section(section.key, title, section.listings, note, more_href, more_text)


def _more(context: PageContext, section: IndexSection) -> tuple[str | None, str]:
    if section.week:
        return context.urls.week(section.week), context.formatter.translate(_("The whole week"))
    if section.key == "undated":
        text = context.formatter.translate(_("All films without a date"))
        return context.urls.path("undated"), text
    return None, ""


def _page(context: PageContext) -> PageHead:
    title = context.formatter.translate(_("Film premieres in Hungary, week by week"))
    description = _("This week's and next week's cinema and streaming premieres in Hungary.")
    return page_head(context, title, context.formatter.translate(description), "index")
