"""Where a page's entry lies: the one place where the keys of pages are made.

A request that was routed has a place, and so has a bare address: commands, the debug page and
whoever asks "which pages show this" find the entry of an address without rendering it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pyramid.exceptions import URLDecodeError
from pyramid.interfaces import IRequestFactory, IRoutesMapper
from pyramid.registry import Registry
from pyramid.request import Request

from ..protocol.entry import Entry
from ..protocol.keys import KeyBuilder
from ..regions.negative import NegativeEntries
from ..regions.region import TaggedRegion
from .request_isolation import declared_params


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """The part of the present that a page shows: its name, and when it is over (Unix time)."""

    name: str
    ends: float


@dataclass(frozen=True, slots=True)
class EntryLocation:
    """Where an entry lies, and until when another key may not stand there (Unix time)."""

    region: TaggedRegion
    key: str
    until: float


@dataclass(frozen=True, slots=True)
class CachedRoute:
    """What the keys of a route's pages are made of, besides the request.

    ``params`` are the names of the query parameters that its pages depend on.
    """

    region: TaggedRegion
    keys: KeyBuilder
    digest: str
    time_window: Callable[[Any], TimeWindow] | None
    params: tuple[str, ...] = ()

    def location(self, request: Any) -> EntryLocation:
        """The place of a request that was matched to this route."""
        moment = self.time_window(request) if self.time_window else TimeWindow("", float("inf"))
        matched: Mapping[str, str] = request.matchdict
        values = [f"{name}={matched[name]}" for name in sorted(matched)]
        given = [f"?{name}={value}" for name, value in declared_params(request, self.params)]
        route = request.matched_route.name
        key = self.keys.key(self.digest, route, moment.name, *values, *given)
        return EntryLocation(self.region, key, moment.ends)


class CachedRoutes:
    """The routes whose pages are cached; views are entered as they are configured."""

    def __init__(self) -> None:
        self._routes: dict[str, CachedRoute] = {}

    def register(self, name: str, route: CachedRoute) -> None:
        """Note that the pages of a route are cached."""
        self._routes[name] = route

    def names(self) -> frozenset[str]:
        """The names of the routes whose pages are cached."""
        return frozenset(self._routes)

    def location_of(self, registry: Registry, address: str) -> EntryLocation | None:
        """The place of the page at ``address`` (``/en/week/2026-W34``), as of now.

        None where there is no cached page, whether or not there is another one. Nothing is looked
        up, in the cache or in a database.
        """
        found = self._cached(registry, address)
        if found is None:
            return None
        cached, request = found
        return cached.location(request)

    def _cached(self, registry: Registry, address: str) -> tuple[CachedRoute, Any] | None:
        """The cached route that ``address`` is matched by, with the request that it was."""
        request = _routed(registry, address)
        cached = self._routes.get(request.matched_route.name) if request is not None else None
        return None if cached is None else (cached, request)

    def route_of(self, registry: Registry, address: str) -> str | None:
        """The name of the cached route that ``address`` is matched by, or None."""
        request = _routed(registry, address)
        name = None if request is None else str(request.matched_route.name)
        return name if name in self._routes else None

    def stored(self, registry: Registry, addresses: Iterable[str]) -> dict[str, Entry]:
        """The entries of the pages at ``addresses``, or of what is answered instead, by address.

        They may be true or not. Two fetches for each region at most, whatever the number of
        addresses: the second is for strays.
        """
        keys: dict[str, str] = {}
        regions: dict[TaggedRegion, dict[str, KeyBuilder]] = defaultdict(dict)
        for address in addresses:
            matched = self._cached(registry, address)
            if matched is not None:
                route, request = matched
                place = route.location(request)
                keys[address] = place.key
                regions[place.region][place.key] = route.keys
        found: dict[str, Entry] = {}
        for region, wanted in regions.items():
            found |= region.stored(wanted)
            missing = {key: maker for key, maker in wanted.items() if key not in found}
            for maker in dict.fromkeys(missing.values()):
                pages = [key for key, its in missing.items() if its == maker]
                found |= NegativeEntries(region, maker).entries(pages)
        return {address: found[key] for address, key in keys.items() if key in found}


def _routed(registry: Registry, address: str) -> Any:
    """A request for ``address``, as the router would match it; None where no route does."""
    if not address.startswith("/"):
        return None
    factory = registry.queryUtility(IRequestFactory, default=Request)
    request = factory.blank(address)
    request.registry = registry
    try:
        found = registry.getUtility(IRoutesMapper)(request)
    except URLDecodeError:
        return None
    if found["route"] is None:
        return None
    request.matched_route, request.matchdict = found["route"], found["match"]
    return request
