"""What a request has listed: its listings, the sections they stand in, and the pieces of them.

A page that lists movies is rendered with slots (``slots.py``), and ``movie_fragments`` fills them.
If the list itself was cached, it loads the movies of missing cards by their ids; if the list was
rendered in this request, it uses the listings of the request.
"""

import secrets
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pyramid.renderers import render

from moziweb.cache import RenderContext
from moziweb.cache.http.fragments import FragmentMissing, slots_of
from moziweb.movies.queries import Listing, listings_of
from moziweb.movies.tags import movie_tag
from moziweb.request import Request

from ..context import PageContext
from ..presenters.image import blur_of
from ..presenters.movie_list import CardBuilder, premiere_of
from .slots import BACKDROP, CardSlot, FragmentKey, Section

_TEMPLATE: Final = "moziweb:templates/fragments.jinja2"
_KNOWN: Final = "moziweb.site.presenters.movie_list"


class PageFragments:
    """The films that a page lists."""

    def __init__(self, request: Request, visit: PageContext) -> None:
        self._visit = visit
        self._take = slots_of(request).take
        self._known = _known(request)

    def section(
        self,
        key: str,
        title: str,
        listings: Iterable[Listing],
        note: str = "",
        more_href: str | None = None,
        more_text: str = "",
    ) -> Section:
        """A section with a slot for each of these listings."""
        cards = tuple(self._slot(listing) for listing in listings)
        return Section(key, title, note, cards, more_href, more_text)

    def _slot(self, listing: Listing) -> CardSlot:
        _remember(self._known, listing)
        day = premiere_of(self._visit.wording, listing)
        return CardSlot(
            listing=listing,
            locale=self._visit.wording.locale,
            take=self._take,
            date_text=day.date_text,
            date_iso=day.date_iso,
            weekday_text=day.weekday_text,
        )


def movie_fragments(request: Request, contexts: Mapping[str, RenderContext]) -> Mapping[str, bytes]:
    """Fill slots: one query for what is not at hand, two for genres and posters, one rendering.

    Raises ``FragmentMissing`` for a movie or premiere that was deleted or is not published.
    """
    keys = {text: FragmentKey.parse(text) for text in contexts}
    listings = _listings(request, keys.values())
    shelf = CardBuilder.fetch(request, PageContext.of(request), listings.values())
    pieces = [
        _values(shelf.seen_by(contexts[text].depend), key, listings[key])
        for text, key in keys.items()
    ]
    cut = secrets.token_hex(16)
    html = render(_TEMPLATE, {"pieces": pieces, "cut": cut}, request=request)
    return dict(zip(keys, html.encode().split(cut.encode())[:-1], strict=True))


def _values(shelf: CardBuilder, key: FragmentKey, listing: Listing) -> dict[str, Any]:
    """What ``fragments.jinja2`` is given for one piece."""
    if key.shape != BACKDROP:
        return {"shape": key.shape, "movie": shelf.card(listing), "loading": key.loading}
    shelf.visit.depend(movie_tag(listing.movie.id))
    links = shelf.posters.get(listing.movie.id)
    return {"shape": key.shape, "src": blur_of(shelf.visit, links) if links else None}


def _listings(request: Request, keys: Iterable[FragmentKey]) -> dict[FragmentKey, Listing]:
    known = _known(request)
    missing = [key for key in keys if _place(key) not in known]
    if missing:
        movies = {key.movie_id for key in missing}
        premieres = {key.premiere_id for key in missing if key.premiere_id}
        for listing in listings_of(request.dbsession, movies, premieres):
            _remember(known, listing)
    try:
        return {key: known[_place(key)] for key in keys}
    except KeyError as gone:
        raise FragmentMissing(f"movie and premiere {gone}") from None


def _place(key: FragmentKey) -> tuple[int, int]:
    return key.movie_id, key.premiere_id


def _remember(known: dict[tuple[int, int], Listing], listing: Listing) -> None:
    """Under its premiere, and under its film alone, which is all that a backdrop asks for."""
    movie, premiere = listing.movie, listing.premiere
    known[movie.id, premiere.id if premiere else 0] = listing
    known.setdefault((movie.id, 0), Listing(movie, distributor=listing.distributor))


def _known(request: Request) -> dict[tuple[int, int], Listing]:
    known: dict[tuple[int, int], Listing] = request.environ.setdefault(_KNOWN, {})
    return known
