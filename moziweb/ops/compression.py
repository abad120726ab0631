"""Compresses the responses that the page cache has not compressed: static files, forms, errors.

The wheel has compressed static files beside the plain ones (``setup.py``); in a checkout they are
compressed here.

Sizes of compressed pages that repeat what a request sent can reveal a secret on the same page, the
CSRF token (BREACH). An attacker would have to make the editor's browser send thousands of requests
with its session. Its cookie is ``SameSite=Lax``, so that only top-level navigation would do.
"""

from typing import Final

from pyramid.config import Configurator
from pyramid.registry import Registry
from pyramid.response import Response

from moziweb.cache.http.representations import (
    CODINGS,
    MIN_COMPRESSED_BYTES,
    choose,
    compress,
)
from moziweb.request import Request

from .headers import Handler

MAX_BYTES: Final = 4_000_000
"""Longer bodies are sent as they are: compression would hold them in memory twice."""

_TYPES: Final = frozenset(
    {
        "application/atom+xml",
        "application/javascript",
        "application/json",
        "application/ld+json",
        "application/manifest+json",
        "application/problem+json",
        "application/xml",
        "image/svg+xml",
    }
)
"""Compressible content types besides ``text/*``."""

_NOT_WHOLE: Final = frozenset({206, 304})


def compression_tween_factory(handler: Handler, registry: Registry) -> Handler:
    """Compress each response in the coding that its request prefers."""

    def compression_tween(request: Request) -> Response:
        response = handler(request)
        if "Range" not in request.headers and may_be_compressed(response):
            response.vary = {*(response.vary or ()), "Accept-Encoding"}
            coding = choose(request.headers.get("Accept-Encoding", ""), CODINGS)
            if coding:
                encode(response, coding)
        return response

    return compression_tween


def may_be_compressed(response: Response) -> bool:
    """Whether a response is a whole text of known length that is not encoded yet."""
    kind, length = response.content_type or "", response.content_length
    return (
        response.content_encoding is None
        and response.status_int not in _NOT_WHOLE
        and length is not None
        and MIN_COMPRESSED_BYTES <= length <= MAX_BYTES
        and (kind.startswith("text/") or kind in _TYPES)
    )


def encode(response: Response, coding: str) -> None:
    """Encode the body. A strong ETag becomes a weak one: it was of other bytes."""
    response.body = compress(response.body, coding)
    response.content_encoding = coding
    if response.etag is not None:
        response.etag = (response.etag, False)


def includeme(config: Configurator) -> None:
    """Add the tween, below that of the headers."""
    config.add_tween(
        f"{__name__}.compression_tween_factory", under="moziweb.ops.headers.headers_tween_factory"
    )
