"""Converts Pyramid responses to stored pages and entries to responses.

The strong ETag is the digest of the body; each coding has an ETag of its own, as HTTP requires.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from pyramid.response import Response

from ..regions.rendering import CacheResult, Rendered
from .representations import CODINGS, KEPT_HEADERS, answer_of, compress, is_compressible


def content_of(response: Response) -> dict[str, str | int | float]:
    """The part of a response that is stored beside its body: the status and ``KEPT_HEADERS``."""
    content: dict[str, str | int | float] = {"status": response.status_int}
    for name in KEPT_HEADERS:
        if name in response.headers:
            content[name] = response.headers[name]
    return content


def rendered_of(
    body: bytes, content: Mapping[str, str | int | float], codings: Iterable[str] = CODINGS
) -> Rendered:
    """A page to store: its body in these codings, and ``content`` with the ETag."""
    etag = hashlib.sha256(body).hexdigest()[:32]
    encodings = {each: compress(body, each) for each in codings} if is_compressible(body) else {}
    return Rendered(body, encodings=encodings, content={**content, "etag": etag})


def response_of(served: CacheResult, request: Any, *, tags: bool = False) -> Response:
    """The response of a served entry: see ``answer_of``. ``tags`` adds ``X-Cache-Tags``."""
    answer = answer_of(served, request.environ, tags=tags)
    return Response(status=answer.status, headerlist=answer.headers, app_iter=[answer.body])
