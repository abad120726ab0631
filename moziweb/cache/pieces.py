"""The entries of an address: the page, what is answered instead of it, its shell and its cards."""

from collections.abc import Iterator, Sequence
from typing import Any

from .assembly import Shell
from .config import Cache
from .errors import EntryCorruptError
from .fragments import FRAGMENTS, card_key, shell_key
from .inspection import CausesOf, Inspected, inspect
from .places import CachedRoutes, Place
from .strays import Strays


def pieces_of(registry: Any, address: str) -> list[Place]:
    """The places of an address's entries: the page's first, then its shell's and its cards'.

    None where no cached page has this address. Which cards there are, the stored shell tells. The
    second is that of a "not found" or a redirect, where one is stored.
    """
    routes: CachedRoutes = registry["cache_routes"]
    place = routes.place_of(registry, address)
    if place is None:
        return []
    return [place, *_stray_of(registry["cache"], place), *_parts_of(registry, place)]


def purge(places: Sequence[Place]) -> None:
    """Purge an address by its ``pieces_of``. Raises ``StoreError`` or ``PublishError``.

    The page is held back meanwhile and goes last, or it would be put together again of pieces that
    are about to go. What another page is rendering of these cards at this very moment is not waited
    for: no tag is published, so nothing tells it from what is rendered later.
    """
    page, *parts = places
    with page.region.held(page.key):
        for part in reversed(parts):
            with part.region.held(part.key):
                part.region.forget(part.key)
        page.region.forget(page.key)


def _stray_of(cache: Cache, page: Place) -> Iterator[Place]:
    at = Strays(page.region, cache.keys[page.region.name]).stored(page.key)
    if at is not None:
        yield Place(page.region, at, page.until)


def _parts_of(registry: Any, page: Place) -> Iterator[Place]:
    cache: Cache = registry["cache"]
    region, keys = cache.regions.get(FRAGMENTS), cache.keys.get(FRAGMENTS)
    if region is None or keys is None:
        return
    at = shell_key(keys, page.key)
    stored = region.stored([at]).get(at)
    if stored is None:
        return
    yield Place(region, at, page.until)
    try:
        cards = Shell.decode(stored.payload).keys
    except EntryCorruptError:
        return
    for card in dict.fromkeys(cards):
        yield Place(region, card_key(keys, registry["cache_digest"], card), page.until)


def inspect_page(registry: Any, address: str, causes: CausesOf) -> list[Inspected]:
    """What lies at the places of a page's entries, its own first, one fetch for each region."""
    return list(_inspected(registry["cache"], pieces_of(registry, address), causes))


def _inspected(cache: Cache, places: list[Place], causes: CausesOf) -> Iterator[Inspected]:
    for region in dict.fromkeys(place.region for place in places):
        keys = [place.key for place in places if place.region is region]
        yield from inspect(cache.stamps, region, keys, causes=causes)
