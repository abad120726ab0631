"""Views behind a region: serves the entry of a request, and renders it if needed.

A page without slots is one entry. A page with slots is assembled from a page template and
fragments (``fragments.py``), each an entry of its own; only its stale parts are rendered again.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from pyramid.httpexceptions import HTTPBadRequest, HTTPException
from pyramid.response import Response

from moziweb.timings import Part, measured, measured_as

from ..errors import CacheError, EntryCorruptError
from ..invalidation.session_clock import SessionClock
from ..invalidation.session_tracking import has_written
from ..protocol.entry import PERSONAL, Kind
from ..protocol.snapshots import SnapshotSource
from ..regions.negative import MISSING, MOVED, STATUSES, NegativeEntries
from ..regions.rendering import CacheResult, RenderContext, Rendered
from .fragments import FragmentMissing, Fragments, PageTemplate, offered_slots
from .refresh import REFRESH_MARK
from .representations import CODINGS, READ_METHODS, check_content, choose, with_coding
from .request_isolation import declared_params, isolated
from .responses import content_of, rendered_of, response_of
from .routes import CachedRoute, EntryLocation

if TYPE_CHECKING:
    from .page_cache import PageCache

View = Callable[[Any, Any], Response]


_CONTEXT: Final = "moziweb.cache.context"
_OK: Final = 200
_SERVER_ERROR: Final = 500


class _Outcome(Enum):
    """Why a render has no page to store."""

    KNOWN_NEGATIVE = auto()
    """A valid negative entry exists."""
    NEGATIVE = auto()
    """The response is to be stored as a negative entry."""
    NOT_CACHED = auto()
    """The response must not be stored."""


class _NotAPage(Exception):
    """Passes a response through the region, which stores everything that a render returns."""

    def __init__(
        self, outcome: _Outcome, response: Response, context: RenderContext | None = None
    ) -> None:
        super().__init__(response.status)
        self.outcome = outcome
        self.response = response
        self.context = context


def context_of(request: Any) -> RenderContext | None:
    """The context of the current render; None outside of a cached view."""
    context: RenderContext | None = request.environ.get(_CONTEXT)
    return context


@dataclass(frozen=True, slots=True)
class CachedView:
    """A view behind a region. ``fragments`` fill the slots of its pages, if it has any."""

    view: View
    route: CachedRoute
    pages: "PageCache"
    fragments: Fragments | None

    @property
    def negative_entries(self) -> NegativeEntries:
        """The negative entries of the region."""
        return NegativeEntries(self.route.region, self.route.keys)

    def serve(self, context: Any, request: Any) -> Response:
        """The response of the entry, or that of the view where it is not stored."""
        if request.method not in READ_METHODS:
            return self.view(context, request)
        try:
            location = self.route.location(request)
        except UnicodeDecodeError:  # of a declared parameter
            raise HTTPBadRequest from None
        source = _RequestSource(self.pages.clock, request)
        accepted = request.environ.get("HTTP_ACCEPT_ENCODING", "")
        page = _Page(self, context, request, location, source, accepted)
        if REFRESH_MARK in request.environ:
            return self._refresh(page)
        try:
            with measured(Part.CACHE):
                return self._page(page)
        except _NotAPage as answer:
            return answer.response

    def _page(self, page: "_Page") -> Response:
        region, key = page.location.region, page.location.key
        served = region.get_or_render(key, page.render_or_answer, source=page.source)
        self._remember(page.request, page.location)
        try:
            return self.respond(with_coding(served, page.accepted, region, key), page.request)
        except EntryCorruptError:
            # A valid entry that is not a page: something else has written to the store.
            served = region.replace(key, page.render_or_answer, source=page.source)
            return self.respond(served, page.request)

    def respond(self, served: CacheResult, request: Any) -> Response:
        """The response of a served entry."""
        return response_of(served, request, tags=self.pages.cache.debug)

    def _remember(self, request: Any, location: EntryLocation) -> None:
        given = declared_params(request, self.route.params or ())
        if not given:  # the path alone identifies the page
            self.pages.urls.remember(request.environ["PATH_INFO"], location)
        refresher = self.pages.refresher
        if refresher is not None:
            refresher.remember(location.key, request.environ, urlencode(given))

    def _refresh(self, page: "_Page") -> Response:
        """Refresh the entry. The response is empty: no client waits for it."""
        with suppress(_NotAPage):
            page.location.region.refresh_if_due(page.location.key, page.render, source=page.source)
        return Response(status=204)

    def respond_without_page(self, answer: _NotAPage, page: "_Page") -> Response:
        """The response of a render that returned no page; a negative entry is stored."""
        if answer.outcome is _Outcome.KNOWN_NEGATIVE:
            return answer.response
        if answer.context is not None:
            rendered = rendered_of(answer.response.body, content_of(answer.response))
            served = self.negative_entries.store(page.location.key, rendered, answer.context)
            if served is not None:
                return self.respond(served, page.request)
        return self._not_stored(answer.response)

    def _not_stored(self, response: Response) -> Response:
        """The view's own response. Without Cache-Control, a CDN would apply its own rules."""
        response.headers["X-Cache"] = "bypass"
        if "Cache-Control" not in response.headers:
            response.headers.update(self.route.region.policy.http_policy.uncacheable_headers)
        return response


@dataclass(frozen=True, slots=True)
class _RequestSource:
    """The session of a request as a ``SnapshotSource``.

    The first render opens it: a page that is assembled from stored parts needs none.
    """

    clock: SessionClock
    request: Any

    def snapshot_clock(self) -> int | None:
        return self.clock.snapshot_clock(self.request.dbsession)

    def wrote(self) -> bool:
        session = vars(self.request).get("dbsession")
        return session is not None and has_written(session)


@dataclass(frozen=True, slots=True)
class _Page:
    """The page of one request."""

    cached: CachedView
    context: Any
    request: Any
    location: EntryLocation
    source: SnapshotSource
    accepted: str
    """The Accept-Encoding of the request, which a render cannot read."""

    def render(self, entry: RenderContext) -> Rendered:
        """Render or assemble the page; raises ``_NotAPage`` if there is none to store."""
        known = self._known_negative()
        if known is not None:
            raise _NotAPage(_Outcome.KNOWN_NEGATIVE, known)
        params = self.cached.route.params or ()
        given = declared_params(self.request, params)
        with isolated(self.request, given, params, self.cached.pages.base_url):
            if self.cached.fragments is None:
                response = self._response(entry)
                return rendered_of(response.body, _content(response, entry), self._codings())
            return self._assemble(self.cached.fragments, entry)

    def render_or_answer(self, entry: RenderContext) -> Rendered:
        """As ``render``; completes and stores the response of a page that is not stored.

        This is done while the lease of the page is held, so that a purge of the page waits for it.
        """
        try:
            return self.render(entry)
        except _NotAPage as answer:
            answer.response = self.cached.respond_without_page(answer, self)
            raise

    def _known_negative(self) -> Response | None:
        """The response of the page's negative entry, if a valid one is stored."""
        known = self.cached.negative_entries.find(self.location.key)
        if known is None:
            return None
        with suppress(EntryCorruptError):  # something else has written it; it will be replaced
            return self.cached.respond(known, self.request)
        return None

    def _assemble(self, fragments: Fragments, entry: RenderContext) -> Rendered:
        """The page from its template, which is rendered again if it turns out to be stale."""
        key = self.location.key
        template = fragments.get_template(key, self._template, self.source, entry)
        try:
            return self._fill(fragments, template, entry)
        except FragmentMissing:
            entry.reset()
            return self._fill(fragments, self._template(entry), entry)
        except EntryCorruptError:
            # A valid entry that is not a template: see ``CachedView._page``.
            entry.reset()
            template = fragments.get_template(key, self._template, self.source, entry, replace=True)
            return self._fill(fragments, template, entry)

    def _fill(self, fragments: Fragments, stored: Rendered, entry: RenderContext) -> Rendered:
        if stored.kind is not Kind.TEMPLATE or check_content(stored.content) != _OK:
            raise EntryCorruptError("not a page template")
        template = PageTemplate.decode(stored.payload)
        found = fragments.get_multi(self.request, template.keys, self.source, entry)
        return rendered_of(template.assemble(found), stored.content, self._codings())

    def _codings(self) -> tuple[str, ...]:
        """The coding that this request prefers. Others are made when they are asked for."""
        coding = choose(self.accepted, CODINGS)
        return (coding,) if coding else ()

    def _template(self, entry: RenderContext) -> Rendered:
        with offered_slots(self.request) as slots:
            try:
                response = self._response(entry)
            except _NotAPage as answer:
                if answer.context is not None and slots.split_at_slots(answer.response.body).keys:
                    raise CacheError("a negatively cached page cannot contain slots") from None
                raise
        template = slots.split_at_slots(response.body)
        return Rendered(template.encode(), kind=Kind.TEMPLATE, content=_content(response, entry))

    def _response(self, entry: RenderContext) -> Response:
        """The view's response if it is a page; raises ``_NotAPage`` otherwise."""
        entry.depend(*self.cached.pages.base_tags)  # reads the clock, before the snapshot
        entry.cap(self.location.until)
        with _recording(self.request, entry):
            response = self._call_view()
        if "Set-Cookie" in response.headers or response.status_int not in {_OK, *STATUSES}:
            raise _NotAPage(_Outcome.NOT_CACHED, response)
        if response.status_int in MISSING or entry.is_negative:
            self.cached.negative_entries.cap(entry)
        if response.status_int in STATUSES or entry.is_negative:
            raise _NotAPage(_Outcome.NEGATIVE, response, entry)
        return response

    @measured_as(Part.RENDER)
    def _call_view(self) -> Response:
        """The response that the view returns or raises."""
        try:
            return self.cached.view(self.context, self.request)
        except HTTPException as error:
            if error.status_int in MOVED:
                return error
            if error.status_int in MISSING:
                answer: Response = self.request.invoke_exception_view(sys.exc_info())
                return answer
            if error.status_int < _SERVER_ERROR:
                raise
            raise _NotAPage(_Outcome.NOT_CACHED, error) from None


def _content(response: Response, context: RenderContext) -> dict[str, str | int | float]:
    """What is stored beside the body of a response."""
    content = content_of(response)
    return {**content, PERSONAL: 1} if context.is_personal else content


@contextmanager
def _recording(request: Any, context: RenderContext) -> Iterator[None]:
    """Make ``context`` the one that ``context_of`` returns."""
    request.environ[_CONTEXT] = context
    try:
        yield
    finally:
        del request.environ[_CONTEXT]


@dataclass(frozen=True, slots=True)
class FilledView:
    """A view with slots where nothing is cached: fragments are rendered at each request."""

    view: View
    fragments: Fragments

    def serve(self, context: Any, request: Any) -> Response:
        """The view's response with its slots filled."""
        with offered_slots(request) as slots:
            response = self.view(context, request)
        template = slots.split_at_slots(response.body)
        if template.keys:
            source = _NoSource()
            found = self.fragments.get_multi(request, template.keys, source, RenderContext(source))
            response.body = template.assemble(found)
        return response


class _NoSource:
    """A snapshot without a clock, where nothing is stored."""

    def snapshot_clock(self) -> int | None:
        return None

    def wrote(self) -> bool:
        return False
