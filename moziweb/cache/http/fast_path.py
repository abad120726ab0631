"""The fast path: a page that this process knows is served before Pyramid sees the request.

A WSGI application in front of another. Where a page at this path was served before, the clock is
read, the copy or the entry is found true, and its prepared headers and bytes go to the server: no
request object, no routing, no transaction, no session. Everything else, whatever it is, goes on to
the application: an address that nobody has asked for yet, another method, a page that has become
outdated, stamps that do not answer.

Of a request it looks at the method, the path, and the two headers that choose among forms of the
same page, ``Accept-Encoding`` and ``If-None-Match``. Nothing else can shape an answer.
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
    coding_for,
    delivered,
    is_known,
    representation_of,
)
from .routes import EntryLocation
from .url_index import UrlIndex

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
WSGIApplication = Callable[[Environ, StartResponse], Iterable[bytes]]

READS: Final = frozenset({"GET", "HEAD"})

WRAPPED: Final = 16_384
"""Bytes from which a body is handed to the server as a file: waitress then sends the very bytes
that are cached, where it would copy a list's (about 20 µs of 150 for 80 KB)."""


_Answer = tuple[str, list[Header], bytes]

_READY: Final = {coding: f"ready {coding}" for coding in ("", *CODINGS)}
"""Under which names an entry's memo keeps what is ready of it."""


@dataclass(frozen=True, slots=True)
class _Ready:
    """A form with all of its headers that one request after the other has in common.

    They stand here twice: as WSGI has them, and as they go over the wire behind their status line.
    """

    form: Representation
    full: list[Header]
    unchanged: list[Header]
    full_head: bytes
    unchanged_head: bytes
    age: str


class FastPathMiddleware:
    """``app`` with its known pages served in front of it."""

    def __init__(
        self,
        app: Any,
        book: UrlIndex,
        *,
        headers: Sequence[Header] = (),
        observer: CacheEvents | None = None,
        tags: bool = False,
    ) -> None:
        """``headers`` go with every page, after its own; ``tags`` tells those in a header."""
        self.app = app
        self._book = book
        self._headers = tuple(headers)
        self._observer = observer or CacheEvents()
        self._tags = tags

    @property
    def registry(self) -> Any:
        """The application's."""
        return self.app.registry

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve, or hand on."""
        method = environ["REQUEST_METHOD"]
        if method in READS:
            body = self._served(environ, start_response)
            if body is not None:
                return _sent(body, environ) if method == "GET" else ()
        answered: Iterable[bytes] = self.app(environ, start_response)
        return answered

    def knows(self, path: str) -> bool:
        """Whether a page was served at a path before; nothing is promised of it."""
        return self._book.find(path, time.time()) is not None

    def in_memory(self, asked: Sequence[Mapping[str, Any]]) -> list[tuple[bytes, bytes] | None]:
        """Heads and bodies of pages that lie in this process, for a server that has no WSGI here.

        One for each of ``asked``, of which the path and two headers are looked at, as WSGI has
        them; None where there is no copy, or none that is true. One read of the clock serves all:
        it is later than every one of the requests. So does one look at stamps, where it has moved.
        A head lacks the empty line at its end, so that the server may add to it.
        """
        began = time.perf_counter()
        found = [self._copy_at(environ["PATH_INFO"]) for environ in asked]
        region = next((place.region for place, _ in filter(None, found)), None)
        if region is None:
            return [None] * len(found)
        g = region.local.clock()
        _recheck([each for each in found if each], g)
        clock = time.perf_counter() - began
        return [
            self._in_memory(*each, g, clock, environ, began) if each else None
            for each, environ in zip(found, asked, strict=True)
        ]

    def _copy_at(self, path: str) -> tuple[EntryLocation, Copy] | None:
        place = self._book.find(path, time.time())
        copy = place.region.local.find(place.key) if place else None
        return (place, copy) if place and copy else None

    def _in_memory(
        self,
        place: EntryLocation,
        copy: Copy,
        g: int | None,
        clock: float,
        environ: Mapping[str, Any],
        began: float,
    ) -> tuple[bytes, bytes] | None:
        entry = place.region.local.get(place.key, copy, g)
        if entry is None:
            return None
        try:
            ready, told, is_unchanged = self._of_copy(entry, clock, environ, began)
        except EntryCorruptError:
            return None
        head, body = (
            (ready.unchanged_head, b"") if is_unchanged else (ready.full_head, ready.form.body)
        )
        status = NOT_MODIFIED if is_unchanged else ready.form.status
        self._observer.answered(status[:3], time.perf_counter() - began)
        return head + _lines(told), body

    def _served(self, environ: Environ, start_response: StartResponse) -> bytes | None:
        """The body of the known page at the request's path, its head sent; None if there is none.

        An entry that cannot be served is left to the application, which makes it anew.
        """
        began = time.perf_counter()
        place = self._book.find(environ.get("PATH_INFO", ""), time.time())
        if place is None:
            return None
        try:
            served = place.region.get_valid(place.key)
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
        """The answer with an entry that was fetched from the region's store."""
        answer = answer_of(served, environ, tags=self._tags)
        return answer.status, [*answer.headers, *self._headers], answer.body

    def _of_copy(
        self, entry: Entry, clock: float, environ: Mapping[str, Any], began: float
    ) -> tuple[_Ready, list[Header], bool]:
        """This process's copy, whose head is ready; the lines that differ; whether it is a 304."""
        coding = coding_for(entry, environ.get("HTTP_ACCEPT_ENCODING", ""))
        ready: _Ready | None = entry.derived.get(_READY[coding])
        if ready is None:
            ready = entry.derived[_READY[coding]] = self._make_ready(entry, coding)
        spent = (clock * 1000, (time.perf_counter() - began) * 1000)
        now = time.time()
        told = [
            *delivered(entry, Status.L1, now),
            (ready.age, str(max(0, int(now - entry.created)))),
            ("Server-Timing", f"clock;dur={spent[0]:.2f}, total;dur={spent[1]:.2f}"),
        ]
        return ready, told, is_known(ready.form, environ.get("HTTP_IF_NONE_MATCH"))

    def _make_ready(self, entry: Entry, coding: str) -> _Ready:
        form = representation_of(entry, coding)
        told = headers_of(CacheResult(Status.L1, entry), tags=self._tags)
        age = age_header(entry)
        del told[age]
        always = [*told.items(), *self._headers]
        full, unchanged = [*form.headers, *always], [*form.unchanged, *always]
        heads = (_head(form.status, full), _head(NOT_MODIFIED, unchanged))
        return _Ready(form, full, unchanged, *heads, age)


def _recheck(found: Iterable[tuple[EntryLocation, Copy]], g: int | None) -> None:
    """Check copies that belong to another clock, with one look at stamps for each region."""
    regions: dict[str, tuple[TaggedRegion, dict[str, Copy]]] = {}
    for place, copy in found:
        regions.setdefault(place.region.name, (place.region, {}))[1][place.key] = copy
    for region, copies in regions.values():
        region.local.revalidate(copies, g)


def _answer(ready: _Ready, told: list[Header], is_unchanged: bool) -> _Answer:
    if is_unchanged:
        return NOT_MODIFIED, ready.unchanged + told, b""
    return ready.form.status, ready.full + told, ready.form.body


def _head(status: str, headers: Iterable[Header]) -> bytes:
    return f"HTTP/1.1 {status}\r\n".encode("latin-1") + _lines(headers)


def _lines(headers: Iterable[Header]) -> bytes:
    return "".join([f"{name}: {value}\r\n" for name, value in headers]).encode("latin-1")


def _sent(body: bytes, environ: Environ) -> Iterable[bytes]:
    wrapper = environ.get("wsgi.file_wrapper")
    if wrapper is None or len(body) < WRAPPED:
        return (body,)
    wrapped: Iterable[bytes] = wrapper(BytesIO(body))
    return wrapped
