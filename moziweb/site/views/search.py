"""Search: films by words of their titles and by their people.

Nothing that anybody types is a key of the cache: only the cards of what is found are.
"""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

from pyramid.httpexceptions import HTTPBadRequest
from pyramid.view import view_config

from moziweb.i18n import _
from moziweb.movies.feed_queries import openings_of
from moziweb.movies.search_queries import (
    MAX_LENGTH,
    InvalidCursorError,
    SearchCursor,
    Words,
    movies_found,
    similar_movies,
)
from moziweb.request import Request

from ..context import PageContext
from ..page_cache.fragments import PageFragments, movie_fragments
from ..page_cache.slots import Section, with_eager_row
from ..presenters.page_head import not_indexed, page_of
from ..view_models import Page

SHOWN: Final = 28
"""The films of one page of results: four rows of the widest layout."""


@view_config(
    route_name="search",
    renderer="search.jinja2",
    request_method="GET",
    cache_fragments=movie_fragments,
)
def search(request: Request) -> dict[str, Any]:
    """What is found for ``?q=``, a page at a time (``after=``). Five queries, or six."""
    visit = PageContext.of(request)
    text, after = _asked(request)
    words = Words.of(text)
    places: Sequence[SearchCursor] = ()
    alike: Sequence[int] = ()
    if words.each:
        places = movies_found(request.dbsession, words, SHOWN + 1, after)
        if not places and after is None:
            alike = similar_movies(request.dbsession, words, SHOWN)
    shown = [place.movie_id for place in places[:SHOWN]] or alike
    more = {"q": text, "after": str(places[SHOWN - 1])} if len(places) > SHOWN else None
    return {
        "page": _page(visit, text),
        "text": text,
        "max_length": MAX_LENGTH,
        "sections": with_eager_row(_sections(request, visit, shown)),
        "is_guess": bool(alike),
        "more_href": f"{visit.paths.page('search')}?{urlencode(more)}" if more else None,
    }


def _asked(request: Request) -> tuple[str, SearchCursor | None]:
    try:
        text, after = request.GET.get("q", ""), request.GET.get("after", "")
        return " ".join(text.split())[:MAX_LENGTH], SearchCursor.parse(after) if after else None
    except (UnicodeDecodeError, InvalidCursorError):
        raise HTTPBadRequest from None


def _sections(request: Request, visit: PageContext, movie_ids: Sequence[int]) -> list[Section]:
    if not movie_ids:
        return []
    listings = openings_of(request.dbsession, movie_ids, visit.today)
    title = visit.wording.say(_("Films found"))
    return [PageFragments(request, visit).section("found", title, listings)]


def _page(visit: PageContext, text: str) -> Page:
    say = visit.wording.say
    title = say(_("Search: ${text}", mapping={"text": text})) if text else say(_("Search"))
    description = say(_("Films by their titles, directors and actors."))
    page = page_of(visit, title, description, "search")
    return not_indexed(page) if text else page
