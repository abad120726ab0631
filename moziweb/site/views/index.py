"""The index."""

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
from ..presenters.page_head import page_of
from ..presenters.period_nav import week_nav, week_text
from ..view_models import Page

STANDING = frozenset({"this-week", "next-week"})
"""The sections that are shown when they are empty, too."""


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
    visit = PageContext.of(request)
    parts = index_sections(request.dbsession, visit)
    programme = PageFragments(request, visit)
    shown = [part for part in parts if part.listings or part.key in STANDING]
    return {
        "page": _page(visit),
        "sections": with_eager_row([_section(programme, visit, part) for part in shown]),
        "nav": week_nav(visit, week_of(visit.today)),
    }


def _section(programme: PageFragments, visit: PageContext, part: IndexSection) -> Section:
    more_href, more_text = _more(visit, part)
    # What opens this week stands right below the page's heading, which says the same.
    noted = part.week if part.key != "this-week" else None
    note = week_text(visit.wording, noted) if noted else ""
    title = visit.wording.say(part.title)
    return programme.section(part.key, title, part.listings, note, more_href, more_text)


def _more(visit: PageContext, part: IndexSection) -> tuple[str | None, str]:
    if part.week:
        return visit.paths.week(part.week), visit.wording.say(_("The whole week"))
    if part.key == "undated":
        return visit.paths.page("undated"), visit.wording.say(_("All films without a date"))
    return None, ""


def _page(visit: PageContext) -> Page:
    title = visit.wording.say(_("Film premieres in Hungary, week by week"))
    description = _("This week's and next week's cinema and streaming premieres in Hungary.")
    return page_of(visit, title, visit.wording.say(description), "index")
