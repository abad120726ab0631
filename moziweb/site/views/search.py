"""Search for movies by words of their titles and of names, and suggestions while typing.

The pages are not cached, only the results (``search_entries.py``) and the cards.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode

from pyramid.httpexceptions import HTTPBadRequest
from pyramid.view import view_config

from moziweb.i18n import DOMAIN, _
from moziweb.movies import search_queries
from moziweb.movies.feed_queries import lead_listings
from moziweb.movies.search_queries import (
    MAX_COUNTED,
    MAX_PEOPLE,
    NameKind,
    SearchCursor,
    SearchTerms,
)
from moziweb.movies.search_results import PAGE_SIZE, SearchResults
from moziweb.request import Request

from ..context import PageContext
from ..page_cache.fragments import PageFragments, movie_fragments
from ..page_cache.search_entries import search_results
from ..page_cache.slots import Section, with_eager_row
from ..presenters.found_names import found_names
from ..presenters.movie_list import listed_premiere, localized_titles
from ..presenters.page_head import not_indexed, page_head
from ..view_models import PageHead

SUGGESTED_MOVIES: Final = 6
SUGGESTED_NAMES: Final = 4


@view_config(
    route_name="search",
    renderer="search.jinja2",
    request_method="GET",
    cache_fragments=movie_fragments,
)
def search(request: Request) -> dict[str, Any]:
    """A page of the results for ``?q=``; ``after=`` is its cursor.

    At most eight queries, or five if the results are cached.
    """
    context = PageContext.of(request)
    text, after = _parse(request)
    terms = SearchTerms.of(text)
    results = search_results(request, terms)
    movies: Sequence[SearchCursor] = results.movies
    if after is not None and terms.words:
        terms = search_queries.rarest_first(request.dbsession, terms)
        session = request.dbsession
        movies, _rest = search_queries.search_movies(session, terms, PAGE_SIZE + 1, after)
        results = replace(results, guesses=(), names=())
    more, last = None, movies[PAGE_SIZE - 1] if len(movies) > PAGE_SIZE else None
    if last:
        more = f"{context.urls.path('search')}?{urlencode({'q': text, 'after': str(last)})}"
    found = [each.movie_id for each in movies[:PAGE_SIZE]]
    people = [each for each in results.names if each.kind is NameKind.PERSON]
    names = [each for each in results.names if each not in people[MAX_PEOPLE:]]
    return {
        "page": _page(context, text, after),
        "text": text,
        "max_length": search_queries.MAX_QUERY_LENGTH,
        "sections": with_eager_row(_sections(request, context, found, results)),
        "names": found_names(context, names),
        "max_people": MAX_PEOPLE if len(people) > MAX_PEOPLE else None,
        "names_first": results.names_first,
        "total": results.total,
        "max_counted": MAX_COUNTED,
        "is_guess": bool(results.guesses and not found),
        "more_href": more,
    }


@view_config(route_name="suggest", renderer="json", request_method="GET")
def suggest(request: Request) -> dict[str, Any]:
    """The best results for ``?q=``, and their number in words.

    At most six queries, or two if the results are cached.
    """
    context = PageContext.of(request)
    text, _after = _parse(request)
    results = search_results(request, SearchTerms.of(text))
    movies = [
        {
            "href": context.urls.movie(each.movie),
            "text": localized_titles(context, each.movie)[0],
            "note": listed_premiere(context, each).date_text,
        }
        for each in lead_listings(
            request.dbsession, results.best_movies[:SUGGESTED_MOVIES], context.today
        )
    ]
    names = [
        {"href": each.href, "text": each.text, "note": each.kind_text}
        for each in found_names(context, results.names)[:SUGGESTED_NAMES]
    ]
    items = names + movies if results.names_first else movies + names
    ngettext, number = request.localizer.pluralize, len(items)
    status = (
        ngettext("${count} suggestion", "${count} suggestions", number, DOMAIN, {"count": number})
        if items
        else context.formatter.translate(_("No suggestions"))
    )
    return {"status": status, "items": items}


def _parse(request: Request) -> tuple[str, SearchCursor | None]:
    try:
        text, after = request.GET.get("q", ""), request.GET.get("after", "")
        return " ".join(text.split())[: search_queries.MAX_QUERY_LENGTH], SearchCursor.parse(
            after
        ) if after else None
    except (UnicodeDecodeError, search_queries.InvalidCursorError):
        raise HTTPBadRequest from None


def _sections(
    request: Request, context: PageContext, found: Sequence[int], results: SearchResults
) -> list[Section]:
    if not (found or results.guesses):
        return []
    translate, fragments = context.formatter.translate, PageFragments(request, context)
    listings = lead_listings(request.dbsession, [*found, *results.guesses], context.today)
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
    return sections[::-1] if results.guesses_first else sections


def _page(context: PageContext, text: str, after: SearchCursor | None) -> PageHead:
    translate = context.formatter.translate
    title = _("Search: ${text}", mapping={"text": text}) if text else _("Search")
    description = translate(_("Films by their titles, directors and actors."))
    page = page_head(context, translate(title), description, "search")
    if not text:
        return page
    other = page.other_language
    query = {"q": text, **({"after": str(after)} if after else {})}
    other = replace(other, href=f"{other.href}?{urlencode(query)}")
    return not_indexed(replace(page, other_language=other))
