"""Results of searches in the region ``search``, shared by the search page and the suggestions.

Only results of queries that find something are stored: there is no end of other texts. The pages
themselves are not cached; their cards are.
"""

from typing import Final

from moziweb.cache import EntryCorruptError, Kind, RenderContext, Rendered
from moziweb.movies.search_queries import SearchTerms
from moziweb.movies.search_results import SearchResults, find_results
from moziweb.movies.search_tags import TEXTS_LIST, query_tags
from moziweb.request import Request

REGION: Final = "search"


class _NothingFound(Exception):
    """The results are not stored."""

    def __init__(self, results: SearchResults) -> None:
        super().__init__()
        self.results = results


def search_results(request: Request, terms: SearchTerms) -> SearchResults:
    """The results of a query, from the cache or by at most five queries."""
    if not terms.words:
        return SearchResults()
    pages, session = request.services.page_cache, request.dbsession
    if pages is None or REGION not in pages.cache.regions:
        return find_results(session, terms)

    def render(context: RenderContext) -> Rendered:
        context.depend(*pages.base_tags, TEXTS_LIST)
        results = find_results(session, terms)
        if not results.is_match:
            raise _NothingFound(results)
        context.depend(*query_tags(terms, has_guesses=results.has_guesses))
        return Rendered(results.encode(), Kind.FRAGMENT)

    region, source = pages.cache.regions[REGION], pages.clock.source(session)
    key = pages.cache.keys[REGION].key(pages.digest, terms.phrase)
    try:
        payload = region.get_or_render(key, render, source=source).entry.payload
        try:
            return SearchResults.decode(payload)
        except EntryCorruptError:  # valid, but something else has written it
            return SearchResults.decode(region.replace(key, render, source=source).entry.payload)
    except _NothingFound as nothing:
        return nothing.results
