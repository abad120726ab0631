"""Search for movies by words of their titles and by names of people.

Search text is never part of a cache key: the page is not cached, only the cards of results are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from pyramid.httpexceptions import HTTPBadRequest
from pyramid.view import view_config

from moziweb.i18n import _
from moziweb.movies import search_queries
from moziweb.movies.feed_queries import lead_listings
from moziweb.movies.search_queries import SearchCursor, SearchTerms
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
    """A page of the results for ``?q=``; ``after=`` is its cursor. At most seven queries."""
    context = PageContext.of(request)
    text, after = _parse(request)
    terms = SearchTerms.of(text)
    results: Sequence[SearchCursor] = ()
    if terms.words:
        results = search_queries.search_movies(request.dbsession, terms, PAGE_SIZE + 1, after)
    more, last = None, results[PAGE_SIZE - 1] if len(results) > PAGE_SIZE else None
    if last:
        more = f"{context.urls.path('search')}?{urlencode({'q': text, 'after': str(last)})}"
    found = [result.movie_id for result in results[:PAGE_SIZE]]
    guesses = _guesses(request, terms, results) if terms.words and after is None else _NO_GUESSES
    return {
        "page": _page(context, text),
        "text": text,
        "max_length": search_queries.MAX_QUERY_LENGTH,
        "sections": with_eager_row(_sections(request, context, found, guesses)),
        "is_guess": bool(guesses.movie_ids and not found),
        "more_href": more,
    }


@dataclass(frozen=True, slots=True)
class _Guesses:
    """Movies whose titles are similar; ``first`` if they are likelier than the exact results."""

    movie_ids: Sequence[int] = ()
    first: bool = False


_NO_GUESSES: Final = _Guesses()


def _guesses(request: Request, terms: SearchTerms, results: Sequence[SearchCursor]) -> _Guesses:
    """Guesses for a query that is not the beginning of a title.

    A short title that differs in one letter comes before titles with the query inside a word, and
    after titles with a word that begins with it.
    """
    best = results[0].rank if results else None
    if best == 0 or (best == 1 and len(results) > PAGE_SIZE):
        return _NO_GUESSES
    session = request.dbsession
    exact = {result.movie_id for result in results}
    misspelt = search_queries.misspelt_titles(session, terms)
    movie_ids = [movie_id for movie_id in misspelt if movie_id not in exact]
    if best is None:
        similar = search_queries.similar_movies(session, terms, PAGE_SIZE)
        return _Guesses(list(dict.fromkeys((*movie_ids, *similar)))[:PAGE_SIZE])
    likelier = bool(movie_ids) and best > 1 and not search_queries.is_name(session, terms)
    return _Guesses(movie_ids[:PAGE_SIZE], likelier)


def _parse(request: Request) -> tuple[str, SearchCursor | None]:
    try:
        text, after = request.GET.get("q", ""), request.GET.get("after", "")
        return " ".join(text.split())[: search_queries.MAX_QUERY_LENGTH], SearchCursor.parse(
            after
        ) if after else None
    except (UnicodeDecodeError, search_queries.InvalidCursorError):
        raise HTTPBadRequest from None


def _sections(
    request: Request, context: PageContext, found: Sequence[int], guesses: _Guesses
) -> list[Section]:
    if not (found or guesses.movie_ids):
        return []
    translate, fragments = context.formatter.translate, PageFragments(request, context)
    listings = lead_listings(request.dbsession, [*found, *guesses.movie_ids], context.today)
    exact = [each for each in listings if each.movie.id in found]
    similar = [each for each in listings if each.movie.id not in found]
    sections = [
        fragments.section(key, translate(title), movies)
        for key, title, movies in (
            ("found", _("Films found"), exact),
            ("similar", _("Similar results"), similar),
        )
        if movies
    ]
    return sections[::-1] if guesses.first else sections


def _page(context: PageContext, text: str) -> PageHead:
    translate = context.formatter.translate
    title = _("Search: ${text}", mapping={"text": text}) if text else _("Search")
    description = translate(_("Films by their titles, directors and actors."))
    page = page_head(context, translate(title), description, "search")
    return not_indexed(page) if text else page
