"""Having pages rendered and stored before visitors ask for them, the ones that matter first."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from moziweb.cache.http.routes import CachedRoutes
from moziweb.request import Request

from .url_inventory import Priority, SiteUrl, UrlInventory

_WARM: Final = frozenset({"l1", "hit"})
_UNSTORED: Final = frozenset({"bypass", "stale", ""})


@dataclass(frozen=True, slots=True)
class Warmed:
    """How a page was answered; ``status`` 0 is not at all. ``cache`` is its ``X-Cache``."""

    path: str
    status: int
    cache: str
    seconds: float

    @property
    def outcome(self) -> str:
        """``rendered``, ``warm`` before, ``unstored``, or ``failed``."""
        if self.status != 200:
            return "failed"
        if self.cache in _UNSTORED:
            return "unstored"
        return "warm" if self.cache in _WARM else "rendered"


Ask = Callable[[SiteUrl], Warmed]


def cached_addresses(registry: Any, through: Priority) -> Iterator[SiteUrl]:
    """The addresses down to a priority whose pages are cached."""
    routes: CachedRoutes = registry["cache_routes"]
    for address in UrlInventory.of(registry).through(through):
        if routes.location_of(registry, address.path) is not None:
            yield address


def in_process(app: Any) -> Ask:
    """Asks an application of this process, a WSGI callable."""

    def ask(address: SiteUrl) -> Warmed:
        began = time.perf_counter()
        response = Request.blank(address.path).get_response(app)
        seconds = time.perf_counter() - began
        state = response.headers.get("X-Cache", "")
        return Warmed(address.path, response.status_int, state, round(seconds, 4))

    return ask
