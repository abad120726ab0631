"""Cache warming: renders and stores pages before visitors ask for them, by priority."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from pyramid.registry import Registry

from moziweb.cache.http.representations import CODINGS
from moziweb.request import Request
from moziweb.services import services_of

from .url_inventory import Priority, SiteUrl, UrlInventory

_WARM: Final = frozenset({"l1", "hit"})
_UNSTORED: Final = frozenset({"bypass", "stale", ""})


@dataclass(frozen=True, slots=True)
class WarmedUrl:
    """The result for a URL. ``status`` is 0 without a response; ``cache`` is its ``X-Cache``."""

    path: str
    status: int
    cache: str
    seconds: float

    @property
    def outcome(self) -> str:
        """``rendered``, ``warm`` (was cached already), ``unstored``, or ``failed``."""
        if self.status != 200:
            return "failed"
        if self.cache in _UNSTORED:
            return "unstored"
        return "warm" if self.cache in _WARM else "rendered"


Fetcher = Callable[[SiteUrl], WarmedUrl]


def cached_urls(registry: Registry, through: Priority) -> Iterator[SiteUrl]:
    """The URLs down to a priority whose routes are cached."""
    pages = services_of(registry).page_cache
    if pages is None:
        return
    for url in UrlInventory.of(registry).through(through):
        if pages.routes.location_of(url.path) is not None:
            yield url


def in_process_fetcher(app: Any) -> Fetcher:
    """A fetcher that calls a WSGI application in this process."""

    def fetch(url: SiteUrl) -> WarmedUrl:
        started = time.perf_counter()
        # In the coding that most browsers will ask for.
        request = Request.blank(url.path, headers={"Accept-Encoding": CODINGS[0]})
        response = request.get_response(app)
        seconds = time.perf_counter() - started
        state = response.headers.get("X-Cache", "")
        return WarmedUrl(url.path, response.status_int, state, round(seconds, 4))

    return fetch
