"""The page of movies without a date."""

from dataclasses import replace
from typing import Any

from pyramid.httpexceptions import HTTPNotFound

from moziweb.db.types import parse_id
from moziweb.i18n import _
from moziweb.movies.facet_queries import BLOCK
from moziweb.movies.queries import Listing, undated_listing, undated_movies
from moziweb.movies.tags import UNDATED_LIST, dated_tag
from moziweb.request import Request

from ..context import PageContext
from ..page_cache.fragments import PageFragments, movie_list_view
from ..page_cache.slots import with_eager_row
from ..page_cache.validity import until_midnight
from ..presenters.jsonld import movies_json_ld, top_page_json_ld
from ..presenters.page_head import not_indexed, page_head
from ..view_models import Link


@movie_list_view(
    route_name="undated",
    renderer="undated.jinja2",
    cache_moment=until_midnight,
    cache_params=("after",),
)
def undated(request: Request) -> dict[str, Any]:
    """Movies whose day is not known, in blocks. Three queries, four after the first block."""
    context = PageContext.of(request)
    context.depend(UNDATED_LIST)
    after = _after(request, context)
    found = undated_movies(request.dbsession, context.today, BLOCK + 1, after)
    if after is not None and not found:
        raise HTTPNotFound
    listings = found[:BLOCK]
    context.depend(*(dated_tag(each.movie.id) for each in listings))
    fragments, translate = PageFragments(request, context), context.formatter.translate
    title = translate(_("Films without a date"))
    description = _("Films that are announced in Hungary without a day yet.")
    page = page_head(context, title, translate(description), "undated")
    listed = movies_json_ld(context, (each.movie for each in listings))
    page = replace(page, json_ld=(top_page_json_ld(context, "undated", title), listed))
    more = None
    if len(found) > BLOCK:
        href = context.urls.path("undated", _query={"after": str(listings[-1].movie.id)})
        more = Link(href, translate(_("More films")))
    return {
        "page": not_indexed(page) if after else page,
        "up": Link(context.urls.path("undated"), title) if after else None,
        "sections": with_eager_row([fragments.section("undated", title, listings)]),
        "more": more,
    }


def _after(request: Request, context: PageContext) -> Listing | None:
    """The last movie of the block before, by ``?after=123``; a 404 for one that is not listed."""
    texts = request.GET.getall("after")
    if not texts:
        return None
    # A second value would be part of the cache key and change nothing.
    movie_id = parse_id(texts[0]) if len(texts) == 1 else None
    if movie_id is None:
        raise HTTPNotFound
    context.depend(dated_tag(movie_id))
    found = undated_listing(request.dbsession, context.today, movie_id)
    if found is None:
        raise HTTPNotFound
    return found
