"""Views behind a region: from a request to an entry's response, rendering what is missing.

A page without slots is one entry. A page with slots is assembled of a shell and its fragments
(``fragments.py``), each an entry of its own: when the page is outdated, only those of them that are
outdated are rendered, and the page itself is put together again. The view, and with it its queries,
runs when the shell is outdated.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from pyramid.httpexceptions import HTTPException, HTTPMovedPermanently
from pyramid.response import Response

from .assembly import Shell
from .entry import Kind
from .errors import EntryCorruptError
from .fragments import Fragments, PieceGoneError, offer_slots, withdraw_slots
from .places import CachedRoute, Place
from .rendering import RenderContext, Rendered
from .responses import content_of, rendered_of, response_of
from .sessions import SessionClock
from .sources import Source

View = Callable[[Any, Any], Response]
Learn = Callable[[str, Place], None]

READS: Final = frozenset({"GET", "HEAD"})

_CONTEXT: Final = "moziweb.cache.context"
_TAKEN_AWAY: Final = {"QUERY_STRING": "", "HTTP_COOKIE": ""}
_STORED: Final = frozenset({200, 301})


class _NotCachedError(Exception):
    """Carries a response that is not to be stored out of a render."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


def context_of(request: Any) -> RenderContext | None:
    """What the page being rendered is recorded on; None outside of a cached view."""
    context: RenderContext | None = request.environ.get(_CONTEXT)
    return context


@dataclass(frozen=True, slots=True)
class CachedView:
    """A view behind a region. ``always`` are tags that every page carries.

    ``fragments`` fill the slots of its pages, for a view that has some.
    """

    view: View
    route: CachedRoute
    clock: SessionClock
    learn: Learn
    always: tuple[str, ...]
    fragments: Fragments | None = None

    def serve(self, context: Any, request: Any) -> Response:
        """The entry's response, or the view's own where it is not one to be stored."""
        if request.method not in READS:
            return self.view(context, request)
        place = self.route.place(request)
        source = self.clock.source(request.dbsession)
        page = _Page(self, context, request, place, source)
        try:
            served = place.region.get_or_render(place.key, page.render, source=source)
        except _NotCachedError as answer:
            answer.response.headers["X-Cache"] = "bypass"
            return answer.response
        self.learn(request.environ["PATH_INFO"], place)
        try:
            return response_of(served, request)
        except EntryCorruptError:
            # Whole, but no page: whoever can write to the store has written it. Made anew.
            place.region.reject(place.key)
            served = place.region.get_or_render(place.key, page.render, source=source)
            return response_of(served, request)


@dataclass(frozen=True, slots=True)
class _Page:
    """One request's page, as it is rendered or put together."""

    cached: CachedView
    context: Any
    request: Any
    place: Place
    source: Source

    def render(self, entry: RenderContext) -> Rendered:
        """The page, of a shell that may be cached; rendered anew where that turns out outdated."""
        fragments = self.cached.fragments
        if fragments is None:
            return self._view(entry)
        try:
            return self._filled(
                fragments,
                fragments.shell(self.place.key, self._shell, self.source, entry),
                entry,
            )
        except PieceGoneError:
            entry.start_over()
            return self._filled(fragments, self._shell(entry), entry)

    def _filled(self, fragments: Fragments, stored: Rendered, entry: RenderContext) -> Rendered:
        shell = Shell.decode(stored.payload)
        pieces = fragments.get_multi(self.request, shell.keys, self.source, entry)
        return rendered_of(shell.assemble(pieces), stored.content)

    def _shell(self, entry: RenderContext) -> Rendered:
        slots = offer_slots(self.request.environ)
        try:
            response = self._response(entry)
        finally:
            withdraw_slots(self.request.environ)
        shell = slots.cut(response.body)
        return Rendered(shell.encode(), kind=Kind.SHELL, content=content_of(response))

    def _view(self, entry: RenderContext) -> Rendered:
        response = self._response(entry)
        return rendered_of(response.body, content_of(response))

    def _response(self, entry: RenderContext) -> Response:
        entry.depend(*self.cached.always)  # reads the clock, before the snapshot
        entry.cap(self.place.until)
        with _rendering(self.request, entry):
            try:
                response = self.cached.view(self.context, self.request)
            except HTTPMovedPermanently as moved:
                response = moved
            except HTTPException as error:
                if error.status_int < 500:
                    raise
                raise _NotCachedError(error) from None
        if response.status_int not in _STORED or "Set-Cookie" in response.headers:
            raise _NotCachedError(response)
        return response


@contextmanager
def _rendering(request: Any, context: RenderContext) -> Iterator[None]:
    """Let views record on ``context``, and take away what a cached page may not depend on."""
    kept = {name: request.environ.get(name, "") for name in _TAKEN_AWAY}
    request.environ.update(_TAKEN_AWAY)
    request.environ[_CONTEXT] = context
    try:
        yield
    finally:
        del request.environ[_CONTEXT]
        request.environ.update(kept)


@dataclass(frozen=True, slots=True)
class FilledView:
    """A view with slots, where nothing is cached: they are filled at each request."""

    view: View
    fragments: Fragments

    def serve(self, context: Any, request: Any) -> Response:
        """The view's response, its slots filled."""
        slots = offer_slots(request.environ)
        try:
            response = self.view(context, request)
        finally:
            withdraw_slots(request.environ)
        shell = slots.cut(response.body)
        if shell.keys:
            source = _NoSource()
            pieces = self.fragments.get_multi(request, shell.keys, source, RenderContext(source))
            response.body = shell.assemble(pieces)
        return response


class _NoSource:
    """Where nothing is stored, nobody asks since when it is true."""

    def started(self) -> int | None:
        return None

    def wrote(self) -> bool:
        return False
