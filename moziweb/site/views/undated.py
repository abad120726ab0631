"""The page of movies without a date."""

from dataclasses import replace
from typing import Any

from moziweb.i18n import _
from moziweb.movies.facet_queries import BLOCK
from moziweb.movies.list_position import ListPosition
from moziweb.movies.queries import Listing, undated_movies
from moziweb.movies.tags import UNDATED_LIST, dated_tag
from moziweb.request import Request

from ..context import PageContext
from ..page_cache.fragments import PageFragments, movie_list_view
from ..page_cache.slots import with_eager_row
from ..page_cache.validity import until_midnight
from ..presenters.jsonld import movies_json_ld, top_page_json_ld
from ..presenters.page_head import not_indexed, page_head
from ..query_parameters import FROM, at_position, block_path, given_position, redirect_unless_at
from ..view_models import Link


@movie_list_view(
    route_name="undated",
    renderer="undated.jinja2",
    cache_moment=until_midnight,
    cache_params=(FROM,),
)
def undated(request: Request) -> dict[str, Any]:
    """Movies whose day is not known, in blocks. Three queries."""
    context = PageContext.of(request)
    context.depend(UNDATED_LIST)
    position = given_position(request, ListPosition.parse)
    found = undated_movies(request.dbsession, context.today, BLOCK + 1, position)
    # Of the first movie of the next block, too, whose position the page links.
    context.depend(*(dated_tag(each.movie.id) for each in found))
    path = context.urls.path("undated")
    first = _position(found[0]) if found else None
    redirect_unless_at(position, first, context.urls.absolute(path))
    listings = found[:BLOCK]
    fragments, translate = PageFragments(request, context), context.formatter.translate
    title = translate(_("Films without a date"))
    description = _("Films that are announced in Hungary without a day yet.")
    here = at_position(context, position, "undated")
    page = page_head(here, title, translate(description), "undated")
    listed = movies_json_ld(context, (each.movie for each in listings))
    page = replace(page, json_ld=(top_page_json_ld(context, "undated", title), listed))
    more = None
    if len(found) > BLOCK:
        more = Link(block_path(path, _position(found[BLOCK])), translate(_("More films")))
    return {
        "page": not_indexed(page) if position else page,
        "up": Link(path, title) if position else None,
        "sections": with_eager_row([fragments.section("undated", title, listings)]),
        "more": more,
    }


def _position(listing: Listing) -> ListPosition:
    return ListPosition(listing.premiere.date if listing.premiere else None, listing.movie.id)
