"""Search for movies by words of their titles and by names of people.

Search text is never part of a cache key: the page is not cached, only the cards of results are.
"""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

from pyramid.httpexceptions import HTTPBadRequest
from pyramid.view import view_config

from moziweb.i18n import _
from moziweb.movies import search_queries
from moziweb.movies.feed_queries import lead_listings
from moziweb.movies.search_queries import SearchCursor
from moziweb.request import Request

from ..context import PageContext
from ..page_cache.fragments import PageFragments, movie_fragments
from ..page_cache.slots import Section, with_eager_row
from ..presenters.page_head import not_indexed, page_head
from ..view_models import PageHead

PAGE_SIZE: Final = 28
"""Movies per page of results: four rows of the widest layout."""


@view_config(
    route_name="search",
    renderer="search.jinja2",
    request_method="GET",
    cache_fragments=movie_fragments,
)
def search(request: Request) -> dict[str, Any]:
    """A page of the results for ``?q=``; ``after=`` is its cursor. Five or six queries."""
    context = PageContext.of(request)
    text, after = _parse(request)
    terms = search_queries.SearchTerms.of(text)
    results: Sequence[SearchCursor] = ()
    similar: Sequence[int] = ()
    if terms.words:
        results = search_queries.search_movies(request.dbsession, terms, PAGE_SIZE + 1, after)
        if not results and after is None:
            similar = search_queries.similar_movies(request.dbsession, terms, PAGE_SIZE)
    shown = [result.movie_id for result in results[:PAGE_SIZE]] or similar
    is_last = len(results) <= PAGE_SIZE
    more = None if is_last else {"q": text, "after": str(results[PAGE_SIZE - 1])}
    return {
        "page": _page(context, text),
        "text": text,
        "max_length": search_queries.MAX_LENGTH,
        "sections": with_eager_row(_sections(request, context, shown)),
        "is_guess": bool(similar),
        "more_href": f"{context.urls.path('search')}?{urlencode(more)}" if more else None,
    }


def _parse(request: Request) -> tuple[str, SearchCursor | None]:
    try:
        text, after = request.GET.get("q", ""), request.GET.get("after", "")
        return " ".join(text.split())[: search_queries.MAX_LENGTH], SearchCursor.parse(
            after
        ) if after else None
    except (UnicodeDecodeError, search_queries.InvalidCursorError):
        raise HTTPBadRequest from None


def _sections(request: Request, context: PageContext, movie_ids: Sequence[int]) -> list[Section]:
    if not movie_ids:
        return []
    listings = lead_listings(request.dbsession, movie_ids, context.today)
    title = context.formatter.translate(_("Films found"))
    return [PageFragments(request, context).section("found", title, listings)]


def _page(context: PageContext, text: str) -> PageHead:
    translate = context.formatter.translate
    title = _("Search: ${text}", mapping={"text": text}) if text else _("Search")
    description = translate(_("Films by their titles, directors and actors."))
    page = page_head(context, translate(title), description, "search")
    return not_indexed(page) if text else page
