"""Limits the bodies of requests before they are parsed, which costs more than sending them.

Parsing 19 MB of ``a&a&…`` as a form takes 20 seconds and 3 GB.

Without a session, only URL-encoded forms are read (sign-in, and forms whose session has ended).
Signed-in users may send files; waitress limits their size (``max_request_body_size``).
"""

import re
from typing import Any, Final

from pyramid.httpexceptions import HTTPBadRequest, HTTPRequestEntityTooLarge

from moziweb.db.session import SAFE_METHODS
from moziweb.request import Request

from ..auth.cookies import is_manager_request
from ..auth.sessions import signed_in

MAX_FORM: Final = 1_000_000
"""Bytes of a form without files; the largest movie takes a tenth of it."""

MAX_FIELDS: Final = 5_000
"""Fields of a form without files; a movie has half as many at most (``MAX_ROWS``)."""

MAX_PARTS: Final = 100
"""Parts of a form with files; such forms have a handful of fields."""

_CHUNK: Final = 1 << 20
_FORM: Final = "application/x-www-form-urlencoded"
_FILES: Final = "multipart/form-data"
_BOUNDARY: Final = re.compile(r'boundary="?([^";,]+)"?', re.IGNORECASE)


def limit_body(event: Any) -> None:
    """``NewRequest`` subscriber. Raises 413 for a form that is too large, 400 if malformed."""
    request: Request = event.request
    if not is_manager_request(request):
        return
    if request.method not in SAFE_METHODS:
        _limit(request)
    try:
        _ = request.GET, request.POST
    # Invalid UTF-8, no boundary; WebOb raises the latter for other charsets.
    except (ValueError, DeprecationWarning) as error:
        raise HTTPBadRequest from error


def _limit(request: Request) -> None:
    if request.content_type == _FILES and signed_in(request):
        _check_files(request)
    elif request.content_type == _FORM:
        _check_form(request)
    else:
        request.body = b""


def _check_form(request: Request) -> None:
    if (request.content_length or 0) > MAX_FORM or _count(request, b"&") >= MAX_FIELDS:
        raise HTTPRequestEntityTooLarge


def _check_files(request: Request) -> None:
    boundary = _BOUNDARY.search(request.headers["Content-Type"])
    if boundary is None:
        raise HTTPBadRequest
    if _count(request, f"--{boundary[1]}".encode("latin-1")) > MAX_PARTS:
        raise HTTPRequestEntityTooLarge


def _count(request: Request, mark: bytes) -> int:
    """Counts ``mark`` in the body."""
    body = _rewindable(request)
    found, end = 0, b""
    while chunk := body.read(_CHUNK):
        found += (end + chunk).count(mark)
        end = chunk[-len(mark) + 1 :] if len(mark) > 1 else b""
    body.seek(0)
    return found


def _rewindable(request: Request) -> Any:
    """Returns the body at its start: waitress's own if it is seekable, else a copy."""
    source: Any = request.body_file_raw
    if hasattr(source, "seekable") and source.seekable():
        request.is_body_seekable = True
    request.make_body_seekable()
    body: Any = request.body_file_raw
    if body is not source:
        request.add_finished_callback(lambda _request: body.close())
    return body
