"""HTTP representations of entries: status, headers and body, for views and for the fast path.

A representation is computed once and kept with its entry (``Entry.derived``). Only its age, its
cache status and the time for which browsers and a CDN may keep it differ between requests.

A page is compressed when a request first asks for a coding: by its render, or later by
``with_coding``, which stores the encoded body with the entry.
"""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import brotli
from webob.acceptparse import AcceptEncoding

from ..errors import EntryCorruptError
from ..protocol.entry import Entry, Kind
from ..regions.http_policy import Headers, http_policy_in
from ..regions.negative import STATUSES
from ..regions.rendering import CacheResult, CacheStatus
from .debug_headers import headers_of

if TYPE_CHECKING:
    from ..regions.region import TaggedRegion

Header = tuple[str, str]
Content = Mapping[str, str | int | float]

CORS_HEADERS: Final = ("Access-Control-Allow-Origin", "Access-Control-Expose-Headers")
"""The headers that let pages of other origins read a response; also of "304 Not Modified"."""

KEPT_HEADERS: Final = ("Content-Type", "Location", *CORS_HEADERS)
"""The headers of a response that are stored."""

CODINGS: Final = ("br", "gzip")
"""Content codings of stored pages, the preferred one first."""

READ_METHODS: Final = frozenset({"GET", "HEAD"})

MIN_COMPRESSED_BYTES: Final = 1000
"""Bytes below which compression saves no packet."""

_LEVEL: Final = 6
_BROTLI_QUALITY: Final = 5
"""Takes 1.1 to 1.6 times as long as gzip at level 6; the index is a tenth smaller."""

NOT_MODIFIED: Final = "304 Not Modified"
_STORED_STATUSES: Final = frozenset({200, *STATUSES})
_PLAIN: Final = ""
_MAX_MEMOIZED: Final = 200
_NOT_KEPT: Final = frozenset({CacheStatus.STALE, CacheStatus.BYPASS})
_CACHE_CONTROL: Final = "cache_control"
_LOCK: Final = "lock"
_LATEST: Final = "latest"
"""Names in ``Entry.derived``: see ``with_coding``."""


@dataclass(frozen=True, slots=True)
class Representation:
    """An entry in one content coding.

    ``headers`` are those of a full response, ``unchanged`` those of "304 Not Modified". ``etag``
    includes its quotes.
    """

    status: str
    headers: tuple[Header, ...]
    unchanged: tuple[Header, ...]
    etag: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """A response. For HEAD, the caller leaves out the body."""

    status: str
    headers: list[Header]
    body: bytes


def answer_of(served: CacheResult, environ: Mapping[str, Any], *, tags: bool = False) -> Answer:
    """The response to a request in an accepted coding; 304 if the client has it already.

    ``tags`` adds them in a header. Raises ``EntryCorruptError`` for an entry that is not a page.
    """
    coding = coding_for(served.entry, environ.get("HTTP_ACCEPT_ENCODING", ""))
    representation = representation_of(served.entry, coding)
    dynamic = [
        *cache_control(served.entry, served.status, time.time()),
        *headers_of(served, tags=tags).items(),
    ]
    if is_not_modified(representation, environ.get("HTTP_IF_NONE_MATCH")):
        return Answer(NOT_MODIFIED, [*representation.unchanged, *dynamic], b"")
    return Answer(representation.status, [*representation.headers, *dynamic], representation.body)


def cache_control(entry: Entry, status: CacheStatus, now: float) -> Headers:
    """The Cache-Control and surrogate headers of an entry served at ``now`` (Unix time)."""
    policy = http_policy_in(entry.derived)
    if status in _NOT_KEPT:
        return policy.uncacheable_headers
    left = entry.expires - now
    if left < policy.max_lifetime:
        return policy.headers(entry.tags, left)
    full: Headers | None = entry.derived.get(_CACHE_CONTROL)
    if full is None:
        full = entry.derived[_CACHE_CONTROL] = policy.headers(entry.tags)
    return full


def coding_for(entry: Entry, accept_encoding: str) -> str:
    """The coding of an entry for this Accept-Encoding; "" for none."""
    if not accept_encoding:
        return _PLAIN
    offered = CODINGS if is_compressible(entry.payload) else tuple(entry.encodings)
    return choose(accept_encoding, offered)


def is_compressible(body: bytes) -> bool:
    """Whether a body is long enough to be compressed."""
    return len(body) >= MIN_COMPRESSED_BYTES


def compress(body: bytes, coding: str) -> bytes:
    """A body in one of ``CODINGS``. The same body gives the same bytes."""
    if coding == "br":
        encoded: bytes = brotli.compress(body, quality=_BROTLI_QUALITY)
        return encoded
    return gzip.compress(body, _LEVEL, mtime=0)


def with_coding(
    served: CacheResult, accept_encoding: str, region: TaggedRegion, key: str
) -> CacheResult:
    """A page with the coding that a request prefers, which is made and stored if it is missing.

    ``key`` is that of the entry in its region. Of several threads that need the same coding, one
    makes it.
    """
    entry = served.entry
    coding = coding_for(entry, accept_encoding)
    if not coding or coding in entry.encodings or entry.kind is not Kind.PAGE:
        return served
    with entry.derived.setdefault(_LOCK, threading.Lock()):
        latest: Entry = entry.derived.get(_LATEST, entry)
        if coding not in latest.encodings:
            data = compress(latest.payload, coding)
            latest = entry.derived[_LATEST] = region.add_encoding(key, latest, coding, data)
    return replace(served, entry=latest)


def representation_of(entry: Entry, coding: str) -> Representation:
    """The representation of an entry in a coding; made here if it is not stored."""
    representation: Representation | None = entry.derived.get(coding)
    if representation is None:
        representation = entry.derived[coding] = _representation(entry, coding)
    return representation


def choose(accept_encoding: str, offered: tuple[str, ...]) -> str:
    """The coding of ``offered`` that the header prefers, "" for none (RFC 9110, 12.5.3).

    ``CODINGS`` orders those with equal weights. A coding must be named: a client that sends ``*``,
    an invalid header or none gets plain bytes.

    The result is memoized for headers of a browser's length. Clients could otherwise fill the
    process's memory with long headers.
    """
    if len(accept_encoding) > _MAX_MEMOIZED:
        return _choose(accept_encoding, offered)
    return _memoized(accept_encoding, offered)


def _choose(accept_encoding: str, offered: tuple[str, ...]) -> str:
    try:
        parsed = AcceptEncoding.parse(accept_encoding)
    except ValueError:
        return _PLAIN
    weights = {coding.lower(): weight for coding, weight in parsed}
    codings = [coding for coding in CODINGS if coding in offered and weights.get(coding)]
    best = max(codings, key=weights.__getitem__, default=_PLAIN)
    return best if weights.get(best, 0.0) >= weights.get("identity", 0.0) else _PLAIN


_memoized: Final = lru_cache(maxsize=512)(_choose)


def is_not_modified(representation: Representation, if_none_match: str | None) -> bool:
    """Whether the response to this If-None-Match is "304 Not Modified"."""
    is_page = representation.status == "200 OK"
    return if_none_match is not None and is_page and matches(if_none_match, representation.etag)


def matches(if_none_match: str, etag: str) -> bool:
    """Whether the header has this ETag or ``*``. Weak comparison (RFC 9110, 13.1.2).

    Not by ``webob.etag``: it misses a tag that follows a comma without a space, and accepts tags
    without quotes.
    """
    if if_none_match.strip() == "*":
        return True
    return any(each.strip().removeprefix("W/") == etag for each in if_none_match.split(","))


def check_content(content: Content) -> HTTPStatus:
    """The status of stored content; raises ``EntryCorruptError`` if it is not a page's.

    Only the statuses that are stored are allowed: a client reads no body after 1xx, 204 and 304,
    and would take it for the next response.
    """
    status = content.get("status")
    if type(status) is not int or status not in _STORED_STATUSES:
        raise EntryCorruptError(f"not the status of a page: {status!r}")
    _check((name, str(content[name])) for name in KEPT_HEADERS if name in content)
    return HTTPStatus(status)


def _representation(entry: Entry, coding: str) -> Representation:
    status = check_content(entry.content)
    digest = entry.content.get("etag")
    if entry.kind is not Kind.PAGE or not isinstance(digest, str) or '"' in digest:
        raise EntryCorruptError("not a page")
    etag = f'"{digest}-{coding}"' if coding else f'"{digest}"'
    body = entry.payload
    if coding:
        body = entry.encodings[coding] if coding in entry.encodings else compress(body, coding)
    of_body = [(name, str(entry.content[name])) for name in KEPT_HEADERS if name in entry.content]
    if coding:
        of_body.append(("Content-Encoding", coding))
    of_body.append(("Content-Length", str(len(body))))
    common = (("ETag", etag), ("Vary", "Accept-Encoding"))
    _check([*of_body, *common])
    unchanged = (*common, *(header for header in of_body if header[0] in CORS_HEADERS))
    return Representation(
        f"{status.value} {status.phrase}", (*of_body, *common), unchanged, etag, body
    )


def _check(headers: Iterable[Header]) -> None:
    """Raise ``EntryCorruptError`` for a value that no header can have, or that injects others."""
    for name, value in headers:
        if not value.isprintable() or not value.isascii():
            raise EntryCorruptError(f"invalid value of {name}: {value!r}")
