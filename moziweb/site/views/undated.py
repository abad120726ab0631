"""The page of movies without a date."""

from dataclasses import replace
from typing import Any, Final

from moziweb.i18n import _
from moziweb.movies.queries import undated_movies
from moziweb.movies.tags import UNDATED_LIST, dated_tag
from moziweb.request import Request

from ..context import PageContext
from ..page_cache.fragments import PageFragments, movie_list_view
from ..page_cache.slots import with_eager_row
from ..page_cache.validity import until_midnight
from ..presenters.jsonld import movies_json_ld, top_page_json_ld
from ..presenters.page_head import page_head

MAX_SHOWN: Final = 240
"""Movies on the page: more than any year has had."""


@movie_list_view(route_name="undated", renderer="undated.jinja2", cache_moment=until_midnight)
def undated(request: Request) -> dict[str, Any]:
    """Movies whose day is not known. Three queries."""
    context = PageContext.of(request)
    context.depend(UNDATED_LIST)
    listings = undated_movies(request.dbsession, context.today, MAX_SHOWN)
    context.depend(*(dated_tag(each.movie.id) for each in listings))
    fragments = PageFragments(request, context)
    title = context.formatter.translate(_("Films without a date"))
    description = _("Films that are announced in Hungary without a day yet.")
    page = page_head(context, title, context.formatter.translate(description), "undated")
    listed = movies_json_ld(context, (each.movie for each in listings))
    return {
        "page": replace(page, json_ld=(top_page_json_ld(context, "undated", title), listed)),
        "sections": with_eager_row([fragments.section("undated", title, listings)]),
    }
