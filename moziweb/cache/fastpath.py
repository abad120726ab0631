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
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

from .addressbook import AddressBook
from .entry import Entry
from .errors import EntryCorruptError
from .forms import (
    CODINGS,
    NOT_MODIFIED,
    Form,
    Header,
    answer_of,
    coding_for,
    delivered,
    form_of,
    is_known,
)
from .observer import Observer
from .places import Place
from .rendering import Served, Status
from .telling import age_header, headers_of

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
    """A form with all of its headers that one request after the other has in common."""

    form: Form
    full: list[Header]
    unchanged: list[Header]
    age: str


class FastPath:
    """``app`` with its known pages served in front of it."""

    def __init__(
        self,
        app: Any,
        book: AddressBook,
        *,
        headers: Sequence[Header] = (),
        observer: Observer | None = None,
        tags: bool = False,
    ) -> None:
        """``headers`` go with every page, after its own; ``tags`` tells those in a header."""
        self.app = app
        self._book = book
        self._headers = tuple(headers)
        self._observer = observer or Observer()
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

    def _served(self, environ: Environ, start_response: StartResponse) -> bytes | None:
        """The body of the known page at the request's path, its head sent; None if there is none.

        An entry that cannot be served is left to the application, which makes it anew.
        """
        began = time.perf_counter()
        place = self._book.find(environ.get("PATH_INFO", ""), time.time())
        if place is None:
            return None
        try:
            copy = place.region.recall(place.key)
            answer = (
                self._of_copy(*copy, environ, began) if copy else self._of_entry(place, environ)
            )
        except EntryCorruptError:
            return None
        if answer is None:
            return None
        status, headers, body = answer
        start_response(status, headers)
        self._observer.answered(status[:3], time.perf_counter() - began)
        return body

    def _of_entry(self, place: Place, environ: Environ) -> _Answer | None:
        """The answer with what the region holds, fetched and found true."""
        served = place.region.lookup(place.key)
        if served is None:
            return None
        answer = answer_of(served, environ, tags=self._tags)
        return answer.status, [*answer.headers, *self._headers], answer.body

    def _of_copy(self, entry: Entry, clock: float, environ: Environ, began: float) -> _Answer:
        """The answer with this process's copy: its head is ready but for two lines."""
        coding = coding_for(entry, environ.get("HTTP_ACCEPT_ENCODING", ""))
        ready: _Ready | None = entry.memo.get(_READY[coding])
        if ready is None:
            ready = entry.memo[_READY[coding]] = self._make_ready(entry, coding)
        spent = (clock * 1000, (time.perf_counter() - began) * 1000)
        now = time.time()
        told = [
            *delivered(entry, Status.L1, now),
            (ready.age, str(max(0, int(now - entry.created)))),
            ("Server-Timing", f"clock;dur={spent[0]:.2f}, total;dur={spent[1]:.2f}"),
        ]
        if is_known(ready.form, environ.get("HTTP_IF_NONE_MATCH")):
            return NOT_MODIFIED, ready.unchanged + told, b""
        return ready.form.status, ready.full + told, ready.form.body

    def _make_ready(self, entry: Entry, coding: str) -> _Ready:
        form = form_of(entry, coding)
        told = headers_of(Served(Status.L1, entry), tags=self._tags)
        age = age_header(entry)
        del told[age]
        always = [*told.items(), *self._headers]
        return _Ready(form, [*form.headers, *always], [*form.unchanged, *always], age)


def _sent(body: bytes, environ: Environ) -> Iterable[bytes]:
    wrapper = environ.get("wsgi.file_wrapper")
    if wrapper is None or len(body) < WRAPPED:
        return (body,)
    wrapped: Iterable[bytes] = wrapper(BytesIO(body))
    return wrapped
