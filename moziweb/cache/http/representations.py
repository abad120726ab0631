"""An entry as HTTP has it: in which form, under which headers. The one place for both ways out.

Whether a page is served by a view (``responses.py``) or before Pyramid has made a request of it
(``fastpath.py``), status, headers and body come from here. What a form of an entry looks like is
worked out once and kept with the entry; what differs from one request to the next is its age, how
it came, and for how long others may keep it.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final

from ..errors import EntryCorruptError
from ..protocol.entry import Entry
from ..regions.http_policy import Headers, http_cache_policy_of
from ..regions.rendering import CacheResult, Status
from .debug_headers import headers_of

Header = tuple[str, str]
Content = Mapping[str, str | int | float]

KEPT_HEADERS: Final = ("Content-Type", "Location")
"""What is kept of a response's own headers."""

CODINGS: Final = ("br", "gzip")
"""Content codings that pages are stored in, the preferred one first."""

NOT_MODIFIED: Final = "304 Not Modified"
_PLAIN: Final = ""
_LONGEST: Final = 200
_NOT_KEPT: Final = frozenset({Status.STALE, Status.BYPASS})
_DELIVERED: Final = "delivered"


@dataclass(frozen=True, slots=True)
class Representation:
    """One form of an entry: its bytes as they are, or compressed.

    ``headers`` are those of a full answer, ``unchanged`` those of "304 Not Modified". ``etag`` is
    the tag in its quotes.
    """

    status: str
    headers: tuple[Header, ...]
    unchanged: tuple[Header, ...]
    etag: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes out. A HEAD request gets everything but the body."""

    status: str
    headers: list[Header]
    body: bytes


def answer_of(served: CacheResult, environ: Mapping[str, Any], *, tags: bool = False) -> Answer:
    """The answer to a request, in a form that it takes; 304 where it has that already.

    ``tags`` tells them in a header. Raises ``EntryCorruptError`` for an entry that cannot be
    served, whoever has stored it.
    """
    form = representation_for(served.entry, environ.get("HTTP_ACCEPT_ENCODING", ""))
    told = [
        *delivered(served.entry, served.status, time.time()),
        *headers_of(served, tags=tags).items(),
    ]
    if is_known(form, environ.get("HTTP_IF_NONE_MATCH")):
        return Answer(NOT_MODIFIED, [*form.unchanged, *told], b"")
    return Answer(form.status, [*form.headers, *told], form.body)


def delivered(entry: Entry, status: Status, now: float) -> Headers:
    """The headers that say how long others may keep an entry served at ``now`` (Unix time)."""
    delivery = http_cache_policy_of(entry)
    if status in _NOT_KEPT:
        return delivery.uncacheable_headers
    left = entry.expires - now
    if left < delivery.max_lifetime:
        return delivery.headers(entry.tags, left)
    full: Headers | None = entry.derived.get(_DELIVERED)
    if full is None:
        full = entry.derived[_DELIVERED] = delivery.headers(entry.tags)
    return full


def representation_for(entry: Entry, accept_encoding: str) -> Representation:
    """The form of an entry for a request with this Accept-Encoding."""
    return representation_of(entry, coding_for(entry, accept_encoding))


def coding_for(entry: Entry, accept_encoding: str) -> str:
    """The coding of an entry for a request with this Accept-Encoding; "" for its plain bytes."""
    return choose(accept_encoding, tuple(entry.encodings)) if accept_encoding else _PLAIN


def representation_of(entry: Entry, coding: str) -> Representation:
    """The form of an entry in a coding that it has."""
    form: Representation | None = entry.derived.get(coding)
    if form is None:
        form = entry.derived[coding] = _representation(entry, coding)
    return form


def choose(accept_encoding: str, offered: tuple[str, ...]) -> str:
    """The coding of ``offered`` that the header asks for, "" for none of them (RFC 9110, 12.5.3).

    Of several that it likes as well as any, the one that stands first in ``CODINGS``. Only what is
    asked for by name: a client that sends ``*``, or no header, gets bytes that all understand.

    The choice is remembered, but not for a header that is longer than any browser's: a stranger
    could have us keep as many of those as there are places for them.
    """
    if len(accept_encoding) > _LONGEST:
        return _choose(accept_encoding, offered)
    return _chosen(accept_encoding, offered)


def _choose(accept_encoding: str, offered: tuple[str, ...]) -> str:
    weights = dict(_weights(accept_encoding))
    best, best_weight = _PLAIN, 0.0
    for coding in CODINGS:
        weight = weights.get(coding, 0.0) if coding in offered else 0.0
        if weight > best_weight:
            best, best_weight = coding, weight
    return best if best_weight >= weights.get("identity", 0.0) else _PLAIN


_chosen: Final = lru_cache(maxsize=512)(_choose)


def _weights(header: str) -> Iterable[tuple[str, float]]:
    for part in header.lower().split(","):
        name, _, parameter = part.partition(";")
        mark, _, text = parameter.strip().partition("=")
        try:
            weight = float(text) if mark.strip() == "q" else 1.0
        except ValueError:
            weight = 0.0
        yield name.strip(), weight


def is_known(form: Representation, if_none_match: str | None) -> bool:
    """Whether "304 Not Modified" is the answer to a request with this If-None-Match, if any."""
    return (
        if_none_match is not None and form.status == "200 OK" and matches(if_none_match, form.etag)
    )


def matches(if_none_match: str, etag: str) -> bool:
    """Whether the header names the form with this tag, or any form at all."""
    if if_none_match.strip() == "*":
        return True
    return any(each.strip().removeprefix("W/") == etag for each in if_none_match.split(","))


def check_content(content: Content) -> HTTPStatus:
    """The status of stored content; ``EntryCorruptError`` for what no response is made of."""
    try:
        status = HTTPStatus(int(content["status"]))
    except (KeyError, ValueError, OverflowError) as error:
        raise EntryCorruptError(f"not a page: {error}") from error
    _check((name, str(content[name])) for name in KEPT_HEADERS if name in content)
    return status


def _representation(entry: Entry, coding: str) -> Representation:
    status = check_content(entry.content)
    try:
        suffix = f"-{coding}" if coding else ""
        etag = f'"{entry.content["etag"]}{suffix}"'
    except KeyError as error:
        raise EntryCorruptError(f"not a page: {error}") from error
    body = entry.encodings[coding] if coding else entry.payload
    of_body = [(name, str(entry.content[name])) for name in KEPT_HEADERS if name in entry.content]
    if coding:
        of_body.append(("Content-Encoding", coding))
    of_body.append(("Content-Length", str(len(body))))
    always = (("ETag", etag), ("Vary", "Accept-Encoding"))
    _check([*of_body, *always])
    return Representation(
        f"{status.value} {status.phrase}", (*of_body, *always), always, etag, body
    )


def _check(headers: Iterable[Header]) -> None:
    """Refuse what would let a stored value write headers of its own."""
    for name, value in headers:
        if not value.isprintable():
            raise EntryCorruptError(f"not a value of {name}: {value!r}")
