"""Fragments of pages that list movies: cards, the backdrop, and the picture of a week.

A page that lists movies is rendered with slots (``slots.py``), and ``movie_fragments`` fills them.
If the list itself was cached, it loads the movies of missing cards by their ids; if the list was
rendered in this request, it uses the listings of the request.
"""

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, Final

from markupsafe import Markup
from pyramid.renderers import render
from pyramid.view import view_config

from moziweb.cache import RenderContext
from moziweb.cache.http.fragments import FragmentMissing, slots_of
from moziweb.movies.calendar import Week
from moziweb.movies.queries import Listing, listings_of
from moziweb.movies.tags import movie_tag
from moziweb.posters.sharing import week_subject
from moziweb.request import Request

from ..context import PageContext
from ..presenters.image import backdrop_url
from ..presenters.movie_list import CardBuilder, listed_premiere
from ..presenters.premiere import new_date_until
from ..presenters.share import first_of_week, week_preview, week_share
from .slots import BACKDROP, CardSlot, FragmentKey, PreviewKey, Section
from .validity import midnight

_TEMPLATE: Final = "moziweb:templates/fragments.jinja2"
_LOADED: Final = "moziweb.site.page_cache.fragments"


class PageFragments:
    """Builds the sections of a page, and keeps its listings for ``movie_fragments``."""

    def __init__(self, request: Request, context: PageContext) -> None:
        self.context = context
        self._insert = slots_of(request).take
        self._loaded = _loaded_listings(request)

    def section(
        self,
        key: str,
        title: str,
        listings: Iterable[Listing],
        note: str = "",
        more_href: str | None = None,
        more_text: str = "",
    ) -> Section:
        """A section with a slot for the card of each listing."""
        cards = tuple(self._slot(listing) for listing in listings)
        return Section(key, title, note, cards, more_href, more_text)

    def preview(self, week: Week, listings: Sequence[Listing]) -> Markup:
        """The slot of the picture of a week, whose premieres are ``listings``."""
        shown = first_of_week(listings)
        for listing in shown:
            _remember(self._loaded, listing)
        ids = tuple(listing.movie.id for listing in shown)
        return self._insert(str(PreviewKey(self.context.formatter.locale, week, ids)))

    def _slot(self, listing: Listing) -> CardSlot:
        _remember(self._loaded, listing)
        premiere = listed_premiere(self.context, listing)
        return CardSlot(listing, self.context.formatter.locale, self._insert, premiere)


def movie_fragments(request: Request, contexts: Mapping[str, RenderContext]) -> Mapping[str, bytes]:
    """Render all fragments of ``contexts`` in one template call.

    One query for listings that are not loaded yet, two for genres and posters. Raises
    ``FragmentMissing`` for a movie or premiere that was deleted or is not published.
    """
    previews = {text: key for text in contexts if (key := PreviewKey.parse(text))}
    keys = {text: FragmentKey.parse(text) for text in contexts if text not in previews}
    collages = {text: _movie_keys(key) for text, key in previews.items()}
    listings = _listings(request, list(chain(keys.values(), *collages.values())))
    subjects = {week_subject(key.week.name) for key in previews.values()}
    context = PageContext.of(request)
    builder = CardBuilder.fetch(request, context, listings.values(), subjects)
    fragments = [
        _values(builder.with_depend(contexts[text].depend), key, listings[key])
        for text, key in keys.items()
    ]
    fragments += [
        _preview(
            builder.with_depend(contexts[text].depend),
            key.week,
            [listings[each] for each in collages[text]],
        )
        for text, key in previews.items()
    ]
    for text, card in keys.items():
        moved = listings[card].moved
        marked_until = new_date_until([moved], builder.context.today) if moved else None
        if marked_until is not None:
            contexts[text].cap(midnight(marked_until).timestamp())
    separator = secrets.token_hex(16)
    values = {"fragments": fragments, "separator": separator}
    html = render(_TEMPLATE, values, request=request)
    names = *keys, *previews
    return dict(zip(names, html.encode().split(separator.encode())[:-1], strict=True))


movie_list_view: Final = partial(
    view_config, request_method="GET", cache="pages", cache_fragments=movie_fragments
)
"""``view_config`` of a cached page that lists movies."""


def _values(builder: CardBuilder, key: FragmentKey, listing: Listing) -> dict[str, Any]:
    """The values of ``fragments.jinja2`` for one fragment."""
    if key.shape != BACKDROP:
        return {"shape": key.shape, "movie": builder.card(listing), "loading": key.loading}
    builder.context.depend(movie_tag(listing.movie.id))
    links = builder.posters.get(listing.movie.id)
    return {"shape": key.shape, "src": backdrop_url(builder.context, links) if links else None}


def _preview(builder: CardBuilder, week: Week, listings: Sequence[Listing]) -> dict[str, Any]:
    context = builder.context
    content = week_share(context, week, listings, builder.posters)
    return {"shape": "preview", "preview": week_preview(context, builder.drawn, week, content)}


def _movie_keys(key: PreviewKey) -> list[FragmentKey]:
    """Keys of the movies of a picture, as `_listings` takes them."""
    return [FragmentKey(BACKDROP, key.locale, movie_id) for movie_id in key.movie_ids]


def _listings(request: Request, keys: Collection[FragmentKey]) -> dict[FragmentKey, Listing]:
    loaded = _loaded_listings(request)
    missing = [key for key in keys if _ids(key) not in loaded]
    if missing:
        movies = {key.movie_id for key in missing}
        premieres = {key.premiere_id for key in missing if key.premiere_id}
        for listing in listings_of(request.dbsession, movies, premieres):
            _remember(loaded, listing)
    try:
        return {key: loaded[_ids(key)] for key in keys}
    except KeyError as missing_ids:
        raise FragmentMissing(f"movie and premiere {missing_ids}") from None


def _ids(key: FragmentKey) -> tuple[int, int]:
    return key.movie_id, key.premiere_id


def _remember(loaded: dict[tuple[int, int], Listing], listing: Listing) -> None:
    """Store a listing under its premiere, and under its movie alone for the backdrop."""
    movie, premiere = listing.movie, listing.premiere
    loaded[movie.id, premiere.id if premiere else 0] = listing
    loaded.setdefault((movie.id, 0), Listing(movie, distributor=listing.distributor))


def _loaded_listings(request: Request) -> dict[tuple[int, int], Listing]:
    loaded: dict[tuple[int, int], Listing] = request.environ.setdefault(_LOADED, {})
    return loaded
