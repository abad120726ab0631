"""Results of searches in the region ``search``, shared by the search page and the suggestions.

The pages themselves are not cached; their cards are. There is no end of texts to search for, so the
results share ``SLOTS`` keys, whether something was found or not. The hash of the folded words
selects two slots, of which the first one is used that has no valid results of another query. If
both have, the older ones are replaced once this process has seen the query twice: the texts of a
flood that are sent once replace nothing, so common queries stay in the cache.
"""

from hashlib import blake2b
from typing import Final

from moziweb.cache import Entry, EntryCorruptError, Kind, RenderContext, Rendered
from moziweb.cache.http.page_cache import PageCache
from moziweb.movies.search_queries import SearchTerms
from moziweb.movies.search_results import SearchResults, find_results
from moziweb.movies.search_tags import TEXTS_LIST, query_tags
from moziweb.request import Request

REGION: Final = "search"

SLOTS: Final = 8192
"""Entries of the region at most; each has about a kilobyte."""

_PHRASE: Final = "phrase"


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
        context.depend(
            *query_tags(terms, has_guesses=results.has_guesses, is_match=results.is_match)
        )
        return Rendered(results.encode(), Kind.FRAGMENT, content={_PHRASE: terms.phrase})

    region, source = pages.cache.regions[REGION], pages.clock.source(session)
    taken: dict[str, float] = {}
    for key in slot_keys(pages, terms):
        entry = region.get_or_render(key, render, source=source).entry
        try:
            phrase, results = _decoded(entry)
        except EntryCorruptError:  # valid, but something else has written it
            phrase, results = _decoded(region.replace(key, render, source=source).entry)
        if phrase == terms.phrase:
            return results
        taken[key] = entry.created
    context = RenderContext(source)
    rendered = render(context)
    if request.services.recent_searches.is_repeated(terms.phrase):
        region.store(min(taken, key=taken.__getitem__), rendered, context)
    return SearchResults.decode(rendered.payload)


def slot_keys(pages: PageCache, terms: SearchTerms) -> list[str]:
    """The two keys under one of which the results of a query are stored, or the one if equal."""
    digest = blake2b(terms.phrase.encode(), digest_size=8).digest()
    second, first = divmod(int.from_bytes(digest), SLOTS)
    keys = pages.cache.keys[REGION]
    return [keys.key(pages.digest, str(slot)) for slot in dict.fromkeys((first, second % SLOTS))]


def _decoded(entry: Entry) -> tuple[str, SearchResults]:
    """The folded words of the query of an entry, and its results."""
    return str(entry.content.get(_PHRASE)), SearchResults.decode(entry.payload)
