"""WSGI middleware that serves cached pages before Pyramid handles the request.

If a page at this path was served before, the clock is read, the local copy or the entry is
validated, and its prepared headers and bytes go to the server. All other requests go to the
application: unknown paths, other methods, stale pages, and all requests while the stamp store is
down. It reads only the method, the URL, ``Accept-Encoding`` and ``If-None-Match`` of a request.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Final

from moziweb.timings import Part, Timings, queue_seconds, timed

from ..errors import EntryCorruptError
from ..events import CacheEvents
from ..protocol.clock import reaches
from ..protocol.entry import Entry
from ..regions.http_policy import http_policy_in
from ..regions.local_cache import Copy
from ..regions.region import TaggedRegion
from ..regions.rendering import CacheResult, CacheStatus
from .debug_headers import age_header, headers_of, server_timing
from .representations import (
    CODINGS,
    NOT_MODIFIED,
    READ_METHODS,
    Header,
    Representation,
    answer_of,
    cache_control,
    coding_for,
    is_not_modified,
    representation_of,
    with_coding,
)
from .routes import EntryLocation
from .url_index import UrlIndex

Environ = dict[str, Any]
StartResponse = Callable[..., Any]

WRAPPED: Final = 16_384
"""Bytes from which a body is passed to the server as a file. waitress sends a file's bytes
uncopied, which saves 8 % of a hit's processor time (92 KB, ``benchmarks.page_hit``, in threads)."""

_REQUEST_START: Final = "HTTP_X_REQUEST_START"

ROUTE: Final = "moziweb.route"
"""Key of the environ for the name of the route of a page that was served from the cache."""

_READY: Final = {coding: f"ready {coding}" for coding in ("", *CODINGS)}
"""Names in ``Entry.derived``, by coding."""


@dataclass(frozen=True, slots=True)
class _Ready:
    """A representation and, as bytes, its heads without what differs between requests.

    They have the ``Cache-Control`` that holds until ``lifetime_until`` (Unix time).
    """

    representation: Representation
    full_head: bytes
    unchanged_head: bytes
    age: str
    lifetime_until: float


@dataclass(frozen=True, slots=True)
class FastPathMiddleware:
    """``app`` with its cached pages served in front of it.

    ``headers`` are added to every page, and its tags if ``tags``.
    """

    app: Any
    urls: UrlIndex
    headers: Sequence[Header] = ()
    observer: CacheEvents = field(default_factory=CacheEvents)
    tags: bool = False

    @property
    def registry(self) -> Any:
        """The registry of the application."""
        return self.app.registry

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve the page, or call the application."""
        method = environ["REQUEST_METHOD"]
        with timed(environ, Part.CACHE) as timings:
            if method in READ_METHODS:
                body = self._serve(environ, start_response, timings)
                if body is not None:
                    return _body(body, environ) if method == "GET" else ()
            timings.enter(Part.RENDER)
            answered: Iterable[bytes] = self.app(environ, start_response)
        return answered

    def knows(self, path: str, query: str) -> bool:
        """Whether a page was served at a URL before. It may be stale by now."""
        return self.urls.find(path, query, time.time()) is not None

    def route_of(self, path: str) -> str | None:
        """The name of the route of a path that was served before."""
        location = self.urls.find(path, "", time.time())
        return location.route if location else None

    def in_memory(self, environs: Sequence[Mapping[str, Any]]) -> list[tuple[bytes, bytes] | None]:
        """Heads and bodies of pages in this process's memory, for a server's loop.

        One result for each of ``environs``, of which only the URL and three headers are used; None
        without a valid copy. The clock is read once for all, after all requests have arrived; if it
        has moved, the invalidation log is read once, and the stamps of what it does not confirm.
        The empty line at the end of a head is missing, so that the server can add headers.
        """
        began = time.perf_counter()
        found = [self._copy_at(environ) for environ in environs]
        region = next((location.region for location, _ in filter(None, found)), None)
        if region is None:
            return [None] * len(found)
        clock = region.local.clock()
        if clock is not None:
            _revalidate([each for each in found if each], clock)
        clock_seconds = time.perf_counter() - began
        return [
            self._in_memory(*each, clock, clock_seconds, environ, began) if each else None
            for each, environ in zip(found, environs, strict=True)
        ]

    def _location(self, environ: Mapping[str, Any]) -> EntryLocation | None:
        path, query = environ.get("PATH_INFO", ""), environ.get("QUERY_STRING", "")
        return self.urls.find(path, query, time.time())

    def _copy_at(self, environ: Mapping[str, Any]) -> tuple[EntryLocation, Copy] | None:
        location = self._location(environ)
        copy = location.region.local.find(location.key) if location else None
        return (location, copy) if location and copy else None

    def _in_memory(
        self,
        location: EntryLocation,
        copy: Copy,
        clock: int | None,
        clock_seconds: float,
        environ: Mapping[str, Any],
        began: float,
    ) -> tuple[bytes, bytes] | None:
        coding = coding_for(copy.entry, environ.get("HTTP_ACCEPT_ENCODING", ""))
        if coding and coding not in copy.entry.encodings:
            return None  # a thread compresses it: that would block the loop
        entry = location.region.local.get(location.key, copy, clock)
        if entry is None:
            return None
        now = time.time()
        try:
            ready = entry.derived.get(_READY[coding])
            if ready is None or now > ready.lifetime_until:
                ready = self._make_ready(entry, coding, now)
        except EntryCorruptError:
            return None
        representation = ready.representation
        if is_not_modified(representation, environ.get("HTTP_IF_NONE_MATCH")):
            status, head, body = NOT_MODIFIED, ready.unchanged_head, b""
        else:
            status, head, body = representation.status, ready.full_head, representation.body
        total = time.perf_counter() - began
        queued = queue_seconds(environ, now - total) if _REQUEST_START in environ else 0.0
        self.observer.answered(location.route, status[:3], total, queued)
        timing = server_timing((("clock", clock_seconds), ("total", total)))
        age = max(0, int(now - entry.created))
        return head + f"{ready.age}: {age}\r\nServer-Timing: {timing}\r\n".encode(), body

    def _serve(
        self, environ: Environ, start_response: StartResponse, timings: Timings
    ) -> bytes | None:
        """Start the response and return its body; None without a valid entry for the path.

        The application replaces an entry that is corrupt.
        """
        location = self._location(environ)
        served = location.region.get_valid(location.key) if location else None
        if location is None or served is None:
            return None
        accepted = environ.get("HTTP_ACCEPT_ENCODING", "")
        served = with_coding(served, accepted, location.region, location.key)
        try:
            answer = answer_of(served, environ, tags=self.tags)
        except EntryCorruptError:
            return None
        environ[ROUTE] = location.route
        start_response(answer.status, [*answer.headers, *self.headers])
        total, queued = timings.total(), timings.seconds[Part.QUEUE]
        self.observer.answered(location.route, answer.status[:3], total - queued, queued)
        return answer.body

    def _make_ready(self, entry: Entry, coding: str, now: float) -> _Ready:
        representation = representation_of(entry, coding)
        debug = headers_of(CacheResult(CacheStatus.L1, entry), tags=self.tags)
        age = age_header(entry)
        del debug[age]
        common = [*debug.items(), *self.headers, *cache_control(entry, CacheStatus.L1, now)]
        full = _head(representation.status, [*representation.headers, *common])
        unchanged = _head(NOT_MODIFIED, [*representation.unchanged, *common])
        until = entry.expires - http_policy_in(entry.derived).max_lifetime
        ready = entry.derived[_READY[coding]] = _Ready(representation, full, unchanged, age, until)
        return ready


def _revalidate(found: Iterable[tuple[EntryLocation, Copy]], clock: int) -> None:
    """Revalidate copies of another clock, with one read of stamps at most for each region."""
    regions: dict[str, tuple[TaggedRegion, dict[str, Copy]]] = {}
    for location, copy in found:
        if not reaches(copy.validated_at, clock):
            by_key = regions.setdefault(location.region.name, (location.region, {}))[1]
            by_key[location.key] = copy
    for region, copies in regions.values():
        region.local.revalidate(copies, clock)


def _head(status: str, headers: Iterable[Header]) -> bytes:
    return f"HTTP/1.1 {status}\r\n".encode("latin-1") + _lines(headers)


def _lines(headers: Iterable[Header]) -> bytes:
    return "".join([f"{name}: {value}\r\n" for name, value in headers]).encode("latin-1")


def _body(body: bytes, environ: Environ) -> Iterable[bytes]:
    wrapper = environ.get("wsgi.file_wrapper")
    if wrapper is None or len(body) < WRAPPED:
        return (body,)
    wrapped: Iterable[bytes] = wrapper(BytesIO(body))
    return wrapped
