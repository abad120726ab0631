"""Where a page's entry lies: the one place where the keys of pages are made.

A request that was routed has a place, and so has a bare address: commands, the debug page and
whoever asks "which pages show this" find the entry of an address without rendering it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pyramid.exceptions import URLDecodeError
from pyramid.interfaces import IRequestFactory, IRoutesMapper
from pyramid.registry import Registry
from pyramid.request import Request

from .keys import KeyMaker
from .region import TaggedRegion


@dataclass(frozen=True, slots=True)
class Moment:
    """The part of the present that a page shows: its name, and when it is over (Unix time)."""

    name: str
    ends: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where an entry lies, and until when another key may not stand there (Unix time)."""

    region: TaggedRegion
    key: str
    until: float


@dataclass(frozen=True, slots=True)
class CachedRoute:
    """What the keys of a route's pages are made of, besides the request."""

    region: TaggedRegion
    keys: KeyMaker
    digest: str
    moment: Callable[[Any], Moment] | None

    def place(self, request: Any) -> Place:
        """The place of a request that was matched to this route."""
        moment = self.moment(request) if self.moment else Moment("", float("inf"))
        matched: Mapping[str, str] = request.matchdict
        values = (f"{name}={matched[name]}" for name in sorted(matched))
        key = self.keys.key(self.digest, request.matched_route.name, moment.name, *values)
        return Place(self.region, key, moment.ends)


class CachedRoutes:
    """The routes whose pages are cached; views are entered as they are configured."""

    def __init__(self) -> None:
        self._routes: dict[str, CachedRoute] = {}

    def enter(self, name: str, route: CachedRoute) -> None:
        """Note that the pages of a route are cached."""
        self._routes[name] = route

    def place_of(self, registry: Registry, address: str) -> Place | None:
        """The place of the page at ``address`` (``/en/week/2026-W34``), as of now.

        None where there is no cached page, whether or not there is another one. Nothing is looked
        up, in the cache or in a database.
        """
        factory = registry.queryUtility(IRequestFactory, default=Request)
        request = factory.blank(address)
        request.registry = registry
        try:
            found = registry.getUtility(IRoutesMapper)(request)
        except URLDecodeError:
            return None
        route = found["route"]
        cached = self._routes.get(route.name) if route is not None else None
        if cached is None:
            return None
        request.matched_route, request.matchdict = route, found["match"]
        return cached.place(request)
