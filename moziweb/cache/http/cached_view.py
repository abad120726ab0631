"""Views behind a region: from a request to an entry's response, rendering what is missing.

A page without slots is one entry. A page with slots is assembled of a shell and its fragments
(``fragments.py``), each an entry of its own: when the page is outdated, only those of them that are
outdated are rendered, and the page itself is put together again. The view, and with it its queries,
runs when the shell is outdated.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from pyramid.httpexceptions import HTTPBadRequest, HTTPException
from pyramid.response import Response

from ..errors import CacheError, EntryCorruptError
from ..invalidation.session_clock import SessionClock
from ..protocol.entry import Kind
from ..protocol.snapshots import SnapshotSource
from ..regions.negative import MISSING, MOVED, STATUSES, NegativeEntries
from ..regions.rendering import CacheResult, RenderContext, Rendered
from .fragments import FragmentMissing, Fragments, PageTemplate, offer_slots, withdraw_slots
from .refresh import REFRESH, BackgroundRefresher
from .representations import check_content
from .request_isolation import declared_params, isolated
from .responses import content_of, rendered_of, response_of
from .routes import CachedRoute, EntryLocation

View = Callable[[Any, Any], Response]
Learn = Callable[[str, EntryLocation], None]

READS: Final = frozenset({"GET", "HEAD"})

_CONTEXT: Final = "moziweb.cache.context"
_OK: Final = 200
_BROKEN: Final = 500


class _NotCachedError(Exception):
    """Carries a response that is not to be stored out of a render."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


class _StrayError(Exception):
    """Carries an answer that is to be kept as a stray out of a render, with what was recorded."""

    def __init__(self, response: Response, context: RenderContext) -> None:
        super().__init__(response.status)
        self.response = response
        self.context = context


class _FoundStrayError(Exception):
    """Carries out of a render what is known to be answered in its place."""

    def __init__(self, served: CacheResult) -> None:
        super().__init__(served.status)
        self.served = served


def context_of(request: Any) -> RenderContext | None:
    """What the page being rendered is recorded on; None outside of a cached view."""
    context: RenderContext | None = request.environ.get(_CONTEXT)
    return context


@dataclass(frozen=True, slots=True)
class CachedView:
    """A view behind a region. ``always`` are tags that every page carries.

    ``base_url`` is where its request is seen to have come to, whoever sent it. ``fragments`` fill
    the slots of its pages, for a view that has some.
    """

    view: View
    route: CachedRoute
    clock: SessionClock
    learn: Learn
    always: tuple[str, ...]
    base_url: str
    fragments: Fragments | None = None
    refresher: BackgroundRefresher | None = None

    @property
    def strays(self) -> NegativeEntries:
        """Where answers that are no pages lie."""
        return NegativeEntries(self.route.region, self.route.keys)

    def serve(self, context: Any, request: Any) -> Response:
        """The entry's response, or the view's own where it is not one to be stored."""
        if request.method not in READS:
            return self.view(context, request)
        try:
            place = self.route.location(request)
        except UnicodeDecodeError:  # declared parameters that are no text
            raise HTTPBadRequest from None
        source = self.clock.source(request.dbsession)
        page = _Page(self, context, request, place, source)
        if REFRESH in request.environ:
            return self._renewed(page)
        try:
            return self._page(page)
        except _FoundStrayError as found:
            return response_of(found.served, request)
        except _StrayError as stray:
            return self._stray(stray, place, request)
        except _NotCachedError as answer:
            return self._unstored(answer.response)

    def _page(self, page: "_Page") -> Response:
        region, key = page.place.region, page.place.key
        served = region.get_or_render(key, page.render, source=page.source)
        self._learn(page.request, page.place)
        try:
            return response_of(served, page.request)
        except EntryCorruptError:
            # Whole, but no page: whoever can write to the store has written it. Made anew.
            served = region.replace(key, page.render, source=page.source)
            return response_of(served, page.request)

    def _learn(self, request: Any, place: EntryLocation) -> None:
        params = self.route.params
        if not params:  # those are not told apart by their paths alone
            self.learn(request.environ["PATH_INFO"], place)
        if self.refresher is not None:
            self.refresher.remember(
                place.key, request.environ, urlencode(declared_params(request, params))
            )

    def _renewed(self, page: "_Page") -> Response:
        """Nobody waits for it: nothing is sent."""
        with suppress(_FoundStrayError, _StrayError, _NotCachedError):
            page.place.region.refresh_if_due(page.place.key, page.render, source=page.source)
        return Response(status=204)

    def _stray(self, stray: _StrayError, place: EntryLocation, request: Any) -> Response:
        answer = rendered_of(stray.response.body, content_of(stray.response))
        served = self.strays.store(place.key, answer, stray.context)
        if served is None:
            return self._unstored(stray.response)
        return response_of(served, request)

    def _unstored(self, response: Response) -> Response:
        """The view's own response. A CDN that is not forbidden to keeps it by rules of its own."""
        response.headers["X-Cache"] = "bypass"
        if "Cache-Control" not in response.headers:
            response.headers.update(self.route.region.policy.http_policy.uncacheable_headers)
        return response


@dataclass(frozen=True, slots=True)
class _Page:
    """One request's page, as it is rendered or put together."""

    cached: CachedView
    context: Any
    request: Any
    place: EntryLocation
    source: SnapshotSource

    def render(self, entry: RenderContext) -> Rendered:
        """The page; raises what is answered in its place, where there is none."""
        known = self.cached.strays.find(self.place.key)
        if known is not None:
            raise _FoundStrayError(known)
        params = self.cached.route.params
        given = declared_params(self.request, params)
        with isolated(self.request, given, params, self.cached.base_url):
            if self.cached.fragments is None:
                response = self._response(entry)
                return rendered_of(response.body, content_of(response))
            return self._assembled(self.cached.fragments, entry)

    def _assembled(self, fragments: Fragments, entry: RenderContext) -> Rendered:
        """Of a shell that may be cached; rendered anew where that turns out to be outdated."""
        shell = fragments.shell(self.place.key, self._shell, self.source, entry)
        try:
            return self._filled(fragments, shell, entry)
        except FragmentMissing:
            entry.reset()
            return self._filled(fragments, self._shell(entry), entry)
        except EntryCorruptError:
            # Whole, but no shell, as above: another one is made in its place.
            entry.reset()
            anew = fragments.shell_anew(self.place.key, self._shell, self.source, entry)
            return self._filled(fragments, anew, entry)

    def _filled(self, fragments: Fragments, stored: Rendered, entry: RenderContext) -> Rendered:
        if stored.kind is not Kind.SHELL or check_content(stored.content) != _OK:
            raise EntryCorruptError("not a shell")
        shell = PageTemplate.decode(stored.payload)
        pieces = fragments.get_multi(self.request, shell.keys, self.source, entry)
        return rendered_of(shell.assemble(pieces), stored.content)

    def _shell(self, entry: RenderContext) -> Rendered:
        slots = offer_slots(self.request.environ)
        try:
            response = self._response(entry)
        except _StrayError as stray:
            if slots.split_at_slots(stray.response.body).keys:
                raise CacheError("a page that is a stray has slots") from None
            raise
        finally:
            withdraw_slots(self.request.environ)
        shell = slots.split_at_slots(response.body)
        return Rendered(shell.encode(), kind=Kind.SHELL, content=content_of(response))

    def _response(self, entry: RenderContext) -> Response:
        """The view's response, if it is a page; raises it otherwise."""
        entry.depend(*self.cached.always)  # reads the clock, before the snapshot
        entry.cap(self.place.until)
        with _recording(self.request, entry):
            response = self._answer()
        if "Set-Cookie" in response.headers or response.status_int not in {_OK, *STATUSES}:
            raise _NotCachedError(response)
        if response.status_int in MISSING or entry.is_negative:
            self.cached.strays.cap(entry)
        if response.status_int in STATUSES or entry.is_negative:
            raise _StrayError(response, entry)
        return response

    def _answer(self) -> Response:
        """What the view returns, or raises as a response."""
        try:
            return self.cached.view(self.context, self.request)
        except HTTPException as error:
            if error.status_int in MOVED:
                return error
            if error.status_int in MISSING:
                answer: Response = self.request.invoke_exception_view(sys.exc_info())
                return answer
            if error.status_int < _BROKEN:
                raise
            raise _NotCachedError(error) from None


@contextmanager
def _recording(request: Any, context: RenderContext) -> Iterator[None]:
    """Let views record on ``context``."""
    request.environ[_CONTEXT] = context
    try:
        yield
    finally:
        del request.environ[_CONTEXT]


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
        shell = slots.split_at_slots(response.body)
        if shell.keys:
            source = _NoSource()
            pieces = self.fragments.get_multi(request, shell.keys, source, RenderContext(source))
            response.body = shell.assemble(pieces)
        return response


class _NoSource:
    """Where nothing is stored, nobody asks since when it is true."""

    def snapshot_clock(self) -> int | None:
        return None

    def wrote(self) -> bool:
        return False
