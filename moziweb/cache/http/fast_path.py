"""WSGI middleware that serves cached pages before Pyramid handles the request.

If a page at this path was served before, the clock is read, the local copy or the entry is
validated, and its prepared headers and bytes go to the server: no request object, no routing, no
transaction, no session. All other requests go to the application: unknown paths, other methods,
stale pages, and all requests while the stamp store is down.

It reads only the method, the path, ``Accept-Encoding`` and ``If-None-Match`` of a request.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

from ..errors import EntryCorruptError
from ..events import CacheEvents
from ..protocol.entry import Entry
from ..regions.local_cache import Copy
from ..regions.region import TaggedRegion
from ..regions.rendering import CacheResult, Status
from .debug_headers import age_header, headers_of
from .representations import (
    CODINGS,
    NOT_MODIFIED,
    Header,
    Representation,
    answer_of,
    cache_control,
    coding_for,
    is_not_modified,
    representation_of,
)
from .routes import EntryLocation
from .url_index import UrlIndex

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
WSGIApplication = Callable[[Environ, StartResponse], Iterable[bytes]]

READS: Final = frozenset({"GET", "HEAD"})

WRAPPED: Final = 16_384
"""Bytes from which a body is passed to the server as a file. waitress sends a file's bytes
uncopied, which saves 8 % of a hit's processor time (92 KB, ``benchmarks.page_hit``, in threads)."""

_Answer = tuple[str, list[Header], bytes]

_READY: Final = {coding: f"ready {coding}" for coding in ("", *CODINGS)}
"""Names in ``Entry.derived``, by coding."""


@dataclass(frozen=True, slots=True)
class _Ready:
    """A representation with all headers that do not differ between requests.

    They are here twice: as WSGI has them, and as bytes behind the status line.
    """

    form: Representation
    full: list[Header]
    unchanged: list[Header]
    full_head: bytes
    unchanged_head: bytes
    age: str


class FastPathMiddleware:
    """``app`` with its cached pages served in front of it."""

    def __init__(
        self,
        app: Any,
        urls: UrlIndex,
        *,
        headers: Sequence[Header] = (),
        observer: CacheEvents | None = None,
        tags: bool = False,
    ) -> None:
        """``headers`` are added to every page, and its tags if ``tags``."""
        self.app = app
        self._urls = urls
        self._headers = tuple(headers)
        self._observer = observer or CacheEvents()
        self._tags = tags

    @property
    def registry(self) -> Any:
        """The registry of the application."""
        return self.app.registry

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve the page, or call the application."""
        method = environ["REQUEST_METHOD"]
        if method in READS:
            body = self._serve(environ, start_response)
            if body is not None:
                return _body(body, environ) if method == "GET" else ()
        answered: Iterable[bytes] = self.app(environ, start_response)
        return answered

    def knows(self, path: str) -> bool:
        """Whether a page was served at a path before. It may be stale by now."""
        return self._urls.find(path, time.time()) is not None

    def in_memory(self, environs: Sequence[Mapping[str, Any]]) -> list[tuple[bytes, bytes] | None]:
        """Heads and bodies of pages in this process's memory, for a server's loop.

        One result for each of ``environs``, of which only the path and two headers are used; None
        without a valid copy. The clock is read once for all, after all requests have arrived; if it
        has moved, the stamps are read once, too. The empty line at the end of a head is missing, so
        that the server can add headers.
        """
        began = time.perf_counter()
        found = [self._copy_at(environ["PATH_INFO"]) for environ in environs]
        region = next((location.region for location, _ in filter(None, found)), None)
        if region is None:
            return [None] * len(found)
        g = region.local.clock()
        _revalidate([each for each in found if each], g)
        clock = time.perf_counter() - began
        return [
            self._in_memory(*each, g, clock, environ, began) if each else None
            for each, environ in zip(found, environs, strict=True)
        ]

    def _copy_at(self, path: str) -> tuple[EntryLocation, Copy] | None:
        location = self._urls.find(path, time.time())
        copy = location.region.local.find(location.key) if location else None
        return (location, copy) if location and copy else None

    def _in_memory(
        self,
        location: EntryLocation,
        copy: Copy,
        g: int | None,
        clock: float,
        environ: Mapping[str, Any],
        began: float,
    ) -> tuple[bytes, bytes] | None:
        entry = location.region.local.get(location.key, copy, g)
        if entry is None:
            return None
        try:
            ready, dynamic, is_unchanged = self._of_copy(entry, clock, environ, began)
        except EntryCorruptError:
            return None
        head, body = (
            (ready.unchanged_head, b"") if is_unchanged else (ready.full_head, ready.form.body)
        )
        status = NOT_MODIFIED if is_unchanged else ready.form.status
        self._observer.answered(status[:3], time.perf_counter() - began)
        return head + _lines(dynamic), body

    def _serve(self, environ: Environ, start_response: StartResponse) -> bytes | None:
        """Start the response and return its body; None without a valid entry for the path.

        The application replaces an entry that is corrupt.
        """
        began = time.perf_counter()
        location = self._urls.find(environ.get("PATH_INFO", ""), time.time())
        if location is None:
            return None
        try:
            served = location.region.get_valid(location.key)
            if served is None:
                return None
            if served.status is Status.L1:
                clock = dict(served.timings)["clock"]
                answer = _answer(*self._of_copy(served.entry, clock, environ, began))
            else:
                answer = self._of_entry(served, environ)
        except EntryCorruptError:
            return None
        status, headers, body = answer
        start_response(status, headers)
        self._observer.answered(status[:3], time.perf_counter() - began)
        return body

    def _of_entry(self, served: CacheResult, environ: Environ) -> _Answer:
        """The response with an entry from the region's store."""
        answer = answer_of(served, environ, tags=self._tags)
        return answer.status, [*answer.headers, *self._headers], answer.body

    def _of_copy(
        self, entry: Entry, clock: float, environ: Mapping[str, Any], began: float
    ) -> tuple[_Ready, list[Header], bool]:
        """The prepared copy, the headers of this response, and whether it is a 304."""
        coding = coding_for(entry, environ.get("HTTP_ACCEPT_ENCODING", ""))
        ready: _Ready | None = entry.derived.get(_READY[coding])
        if ready is None:
            ready = entry.derived[_READY[coding]] = self._make_ready(entry, coding)
        spent = (clock * 1000, (time.perf_counter() - began) * 1000)
        now = time.time()
        dynamic = [
            *cache_control(entry, Status.L1, now),
            (ready.age, str(max(0, int(now - entry.created)))),
            ("Server-Timing", f"clock;dur={spent[0]:.2f}, total;dur={spent[1]:.2f}"),
        ]
        return ready, dynamic, is_not_modified(ready.form, environ.get("HTTP_IF_NONE_MATCH"))

    def _make_ready(self, entry: Entry, coding: str) -> _Ready:
        form = representation_of(entry, coding)
        debug = headers_of(CacheResult(Status.L1, entry), tags=self._tags)
        age = age_header(entry)
        del debug[age]
        common = [*debug.items(), *self._headers]
        full, unchanged = [*form.headers, *common], [*form.unchanged, *common]
        heads = (_head(form.status, full), _head(NOT_MODIFIED, unchanged))
        return _Ready(form, full, unchanged, *heads, age)


def _revalidate(found: Iterable[tuple[EntryLocation, Copy]], g: int | None) -> None:
    """Revalidate copies of another clock, with one read of stamps for each region."""
    regions: dict[str, tuple[TaggedRegion, dict[str, Copy]]] = {}
    for location, copy in found:
        by_key = regions.setdefault(location.region.name, (location.region, {}))[1]
        by_key[location.key] = copy
    for region, copies in regions.values():
        region.local.revalidate(copies, g)


def _answer(ready: _Ready, dynamic: list[Header], is_unchanged: bool) -> _Answer:
    if is_unchanged:
        return NOT_MODIFIED, ready.unchanged + dynamic, b""
    return ready.form.status, ready.full + dynamic, ready.form.body


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
