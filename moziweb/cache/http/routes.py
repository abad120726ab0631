"""The keys of pages: from a routed request or a URL to the region and key of its entry."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyramid.exceptions import URLDecodeError
from pyramid.interfaces import IRequestFactory, IRoutesMapper
from pyramid.registry import Registry
from pyramid.request import Request

from ..protocol.entry import Entry
from ..protocol.keys import KeyBuilder
from ..regions.negative import NegativeEntries
from .request_isolation import declared_params

if TYPE_CHECKING:
    from ..regions.region import TaggedRegion


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """The period that a page depends on, such as a day: its name and its end (Unix time)."""

    name: str
    ends: float


@dataclass(frozen=True, slots=True)
class EntryLocation:
    """The region and key of an entry; ``until`` (Unix time) the same URL has the same key.

    ``route`` is the name of the page's route, "" for other entries. ``has_params``: the route
    declares its query parameters, or that it has none.
    """

    region: TaggedRegion
    key: str
    until: float
    route: str = ""
    has_params: bool = False


@dataclass(frozen=True, slots=True)
class CachedRoute:
    """The parts of the keys of a route's pages that do not come from the request.

    ``params`` are the names of the query parameters that its pages depend on.
    """

    region: TaggedRegion
    keys: KeyBuilder
    digest: str
    time_window: Callable[[Any], TimeWindow] | None
    params: tuple[str, ...] | None = None
    """None ignores the query string."""

    def location(self, request: Any) -> EntryLocation:
        """The location of the entry of a request that matched this route."""
        window = self.time_window(request) if self.time_window else TimeWindow("", float("inf"))
        matched: Mapping[str, str] = request.matchdict
        values = [f"{name}={matched[name]}" for name in sorted(matched)]
        given = [f"?{name}={value}" for name, value in declared_params(request, self.params or ())]
        route = request.matched_route.name
        key = self.keys.key(self.digest, route, window.name, *values, *given)
        return EntryLocation(self.region, key, window.ends, route, self.params is not None)


class CachedRoutes:
    """The routes whose pages are cached; the view deriver registers them."""

    def __init__(self, registry: Registry) -> None:
        """``registry`` is the application's, for its routes."""
        self._registry = registry
        self._routes: dict[str, CachedRoute] = {}

    def register(self, name: str, route: CachedRoute) -> None:
        """Add a route whose pages are cached."""
        self._routes[name] = route

    def names(self) -> frozenset[str]:
        """The names of the routes whose pages are cached."""
        return frozenset(self._routes)

    def location_of(self, url: str) -> EntryLocation | None:
        """The current location of the page at ``url`` (``/en/week/2026-W34``).

        None if pages of its route are not cached. Reads neither the cache nor the database.
        """
        found = self._cached(url)
        return None if found is None else found[0].location(found[1])

    def _cached(self, url: str) -> tuple[CachedRoute, Any] | None:
        """The cached route that matches ``url``, and the matched request."""
        request = _routed(self._registry, url)
        cached = self._routes.get(request.matched_route.name) if request is not None else None
        return None if cached is None else (cached, request)

    def stored(self, urls: Iterable[str]) -> dict[str, Entry]:
        """The entries at ``urls`` by URL, pages or negative entries, valid or stale.

        At most two fetches per region: the second is for negative entries.
        """
        keys: dict[str, str] = {}
        regions: dict[TaggedRegion, dict[str, KeyBuilder]] = defaultdict(dict)
        for url in urls:
            matched = self._cached(url)
            if matched is not None:
                route, request = matched
                location = route.location(request)
                keys[url] = location.key
                regions[location.region][location.key] = route.keys
        found: dict[str, Entry] = {}
        for region, wanted in regions.items():
            found |= region.stored(wanted)
            missing = {key: builder for key, builder in wanted.items() if key not in found}
            for builder in dict.fromkeys(missing.values()):
                pages = [key for key, its in missing.items() if its == builder]
                found |= NegativeEntries(region, builder).entries(pages)
        return {url: found[key] for url, key in keys.items() if key in found}


def _routed(registry: Registry, url: str) -> Any:
    """A request for ``url`` with the route that matches it; None without one."""
    if not url.startswith("/"):
        return None
    factory = registry.queryUtility(IRequestFactory, default=Request)
    request = factory.blank(url)
    request.registry = registry
    try:
        found = registry.getUtility(IRoutesMapper)(request)
    except URLDecodeError:
        return None
    if found["route"] is None:
        return None
    request.matched_route, request.matchdict = found["route"], found["match"]
    return request
