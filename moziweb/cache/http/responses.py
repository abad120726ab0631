"""Converts Pyramid responses to stored pages and entries to responses.

A page is compressed once, when it is rendered, and stored in all codings. The strong ETag is the
digest of the body; each coding has an ETag of its own, as HTTP requires.
"""

import gzip
import hashlib
from collections.abc import Mapping
from typing import Any, Final

import brotli
from pyramid.response import Response

from ..regions.rendering import CacheResult, Rendered
from .representations import KEPT_HEADERS, answer_of

SMALLEST: Final = 1000
"""Bytes below which compression saves no packet."""

_LEVEL: Final = 6
_BROTLI_QUALITY: Final = 5
"""2.4 ms for an index of 84 KB, where gzip at 6 takes 1.5; the page is a tenth smaller."""


def content_of(response: Response) -> dict[str, str | int | float]:
    """The part of a response that is stored beside its body: the status and ``KEPT_HEADERS``."""
    content: dict[str, str | int | float] = {"status": response.status_int}
    for name in KEPT_HEADERS:
        if name in response.headers:
            content[name] = response.headers[name]
    return content


def rendered_of(body: bytes, content: Mapping[str, str | int | float]) -> Rendered:
    """A page to store: its body in all codings, and ``content`` with the ETag."""
    etag = hashlib.sha256(body).hexdigest()[:32]
    return Rendered(body, encodings=_compressed(body), content={**content, "etag": etag})


def _compressed(body: bytes) -> dict[str, bytes]:
    if len(body) < SMALLEST:
        return {}
    return {
        "br": brotli.compress(body, quality=_BROTLI_QUALITY),
        "gzip": gzip.compress(body, _LEVEL, mtime=0),
    }


def response_of(served: CacheResult, request: Any, *, tags: bool = False) -> Response:
    """The response of a served entry: see ``answer_of``. ``tags`` adds ``X-Cache-Tags``."""
    answer = answer_of(served, request.environ, tags=tags)
    return Response(status=answer.status, headerlist=answer.headers, app_iter=[answer.body])
