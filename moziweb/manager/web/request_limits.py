"""What is sent to the manager, bounded before it is read, which costs far more than sending it.

To read 19 MB of ``a&a&…`` as a form takes twenty seconds and 3 GB.

A stranger has nothing to send but the page to sign in, and a form that outlived its session: a file
of theirs is not looked at. Whoever is signed in may send files; waitress bounds those
(``max_request_body_size``).
"""

import re
from typing import Any, Final

from pyramid.httpexceptions import HTTPBadRequest, HTTPRequestEntityTooLarge

from moziweb.db.session import SAFE_METHODS
from moziweb.request import Request

from ..auth.cookies import is_manager_request
from ..auth.sessions import signed_in

MAX_FORM: Final = 1_000_000
"""Bytes of a form without files; the largest film takes a tenth of it."""

MAX_FIELDS: Final = 5_000
"""Fields of such a form; twice what the form of a film can have (``films.form.MOST_ROWS``)."""

MAX_PARTS: Final = 100
"""Parts of a form with files, which has a handful of fields."""

_PIECE: Final = 1 << 20
_FORM: Final = "application/x-www-form-urlencoded"
_FILES: Final = "multipart/form-data"
_BOUNDARY: Final = re.compile(r'boundary="?([^";,]+)"?', re.IGNORECASE)


def limit_body(event: Any) -> None:
    """For ``NewRequest``: 413 for a form that is too large, 400 for what cannot be read."""
    request: Request = event.request
    if not is_manager_request(request):
        return
    if request.method not in SAFE_METHODS:
        _limited(request)
    try:
        _ = request.GET, request.POST
    # No UTF-8, no boundary where one should be; the last is what WebOb raises for other charsets.
    except (ValueError, DeprecationWarning) as error:
        raise HTTPBadRequest from error


def _limited(request: Request) -> None:
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
    """How often a mark stands in the body."""
    body = _rewindable(request)
    found, end = 0, b""
    while piece := body.read(_PIECE):
        found += (end + piece).count(mark)
        end = piece[-len(mark) + 1 :] if len(mark) > 1 else b""
    body.seek(0)
    return found


def _rewindable(request: Request) -> Any:
    """The body at its beginning: waitress's as it is; of one that cannot go back, a copy."""
    source: Any = request.body_file_raw
    if hasattr(source, "seekable") and source.seekable():
        request.is_body_seekable = True
    request.make_body_seekable()
    body: Any = request.body_file_raw
    if body is not source:
        request.add_finished_callback(lambda _request: body.close())
    return body
