"""The index page."""

from typing import Any

from pyramid.view import view_config

from moziweb.i18n import _
from moziweb.movies.calendar import week_of
from moziweb.request import Request

from ..context import PageContext
from ..page_cache.fragments import PageFragments, movie_fragments
from ..page_cache.slots import Section, with_eager_row
from ..page_cache.validity import until_midnight
from ..presenters.index import IndexSection, index_sections
from ..presenters.page_head import page_head
from ..presenters.period_nav import week_label, week_nav
from ..view_models import PageHead

ALWAYS_SHOWN = frozenset({"this-week", "next-week"})
"""Sections that are shown even if they are empty."""


@view_config(
    route_name="index",
    renderer="index.jinja2",
    request_method="GET",
    cache="pages",
    cache_moment=until_midnight,
    cache_fragments=movie_fragments,
)
def index(request: Request) -> dict[str, Any]:
    """Today's premieres. Four queries."""
    context = PageContext.of(request)
    parts = index_sections(request.dbsession, context)
    fragments = PageFragments(request, context)
    shown = [part for part in parts if part.listings or part.key in ALWAYS_SHOWN]
    return {
        "page": _page(context),
        "sections": with_eager_row([_section(fragments, context, part) for part in shown]),
        "nav": week_nav(context, week_of(context.today)),
    }


def _section(fragments: PageFragments, context: PageContext, part: IndexSection) -> Section:
    more_href, more_text = _more(context, part)
    # The heading of the page, right above the section of this week, already has its dates.
    noted = part.week if part.key != "this-week" else None
    note = week_label(context.formatter, noted) if noted else ""
    title = context.formatter.translate(part.title)
    return fragments.section(part.key, title, part.listings, note, more_href, more_text)


def _more(context: PageContext, part: IndexSection) -> tuple[str | None, str]:
    if part.week:
        return context.urls.week(part.week), context.formatter.translate(_("The whole week"))
    if part.key == "undated":
        return context.urls.path("undated"), context.formatter.translate(
            _("All films without a date")
        )
    return None, ""


def _page(context: PageContext) -> PageHead:
    title = context.formatter.translate(_("Film premieres in Hungary, week by week"))
    description = _("This week's and next week's cinema and streaming premieres in Hungary.")
    return page_head(context, title, context.formatter.translate(description), "index")
