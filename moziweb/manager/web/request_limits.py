"""Parses the bodies of the manager's forms, within limits.

WebOb's own parser of forms has no limits: 19 MB of ``a&a&…`` take it 20 seconds and 3 GB, one long
header of a part 36 seconds.

Without a session, only URL-encoded forms are read (sign-in, and forms whose session has ended).
Signed-in users may send files; waitress limits their size (``max_request_body_size``). Bodies of
requests for public pages are never read.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import Any, Final
from urllib.parse import parse_qsl

from multipart import (
    MultipartError,
    MultipartSegment,
    ParserLimitReached,
    PushMultipartParser,
    parse_options_header,
)
from pyramid.csrf import check_csrf_token
from pyramid.httpexceptions import HTTPBadRequest, HTTPRequestEntityTooLarge
from webob.multidict import MultiDict

from moziweb.db.session import SAFE_METHODS
from moziweb.request import BODY_TOO_LARGE, Request

from ..auth.cookies import is_manager_request
from ..auth.sessions import signed_in
from .forms import one_line

MAX_FORM: Final = 1_000_000
"""Bytes of a form, without its files; the largest movie takes a tenth of it."""

MAX_FIELDS: Final = 5_000
"""Fields of a form without files; a movie has half as many at most (``MAX_FORM_ROWS``)."""

MAX_PARTS: Final = 100
"""Parts of a form with files; such forms have a handful of fields."""

MAX_HEADERS: Final = 4
"""Headers of a part; browsers send two."""

MAX_HEADER: Final = 2_000
"""Bytes of a header of a part, which has the name of the file."""

_IN_MEMORY: Final = 1 << 16
_FORM: Final = "application/x-www-form-urlencoded"
_FILES: Final = "multipart/form-data"
_BOUNDARY: Final = re.compile(r";\s*boundary\s*=", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file of a form, which is closed at the end of the request. Its name is one line."""

    filename: str
    file: SpooledTemporaryFile[bytes]


def limit_body(event: Any) -> None:
    """``NewRequest`` subscriber. Raises 413 for a form that is too large, 400 if malformed.

    Also if the server has not kept the body. A CSRF token in a header is checked before the body is
    read.
    """
    request: Request = event.request
    if not is_manager_request(request):
        return
    if BODY_TOO_LARGE in request.environ:
        raise HTTPRequestEntityTooLarge
    if request.method not in SAFE_METHODS and "X-CSRF-Token" in request.headers:
        check_csrf_token(request, token=None)
    try:
        _ = request.GET, request.POST
    except ParserLimitReached as error:
        raise HTTPRequestEntityTooLarge from error
    except ValueError as error:  # also invalid UTF-8 and ``MultipartError``
        raise HTTPBadRequest from error


def posted_fields(request: Request) -> MultiDict[str, str | UploadedFile]:
    """``request.POST``: the texts and files of a form of the manager, empty for all others.

    Raises ``ValueError`` for a malformed body.
    """
    if request.method in SAFE_METHODS or not is_manager_request(request):
        return MultiDict()
    if request.content_type == _FORM:
        return _read_form(request)
    if request.content_type == _FILES and signed_in(request):
        return _read_parts(request)
    return MultiDict()


def _read_form(request: Request) -> MultiDict[str, str | UploadedFile]:
    _require_utf8(request)
    length = request.content_length or 0
    if length > MAX_FORM:
        raise ParserLimitReached("form too large")
    body = request.body_file_raw.read(length)
    if body.count(b"&") >= MAX_FIELDS:
        raise ParserLimitReached("too many fields")
    return MultiDict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))


def _read_parts(request: Request) -> MultiDict[str, str | UploadedFile]:
    _require_utf8(request)
    fields: MultiDict[str, str | UploadedFile] = MultiDict()
    left = MAX_FORM
    for event in _events(request):
        if isinstance(event, MultipartSegment):
            segment, content = event, _new_file(request)
        elif event is not None:
            content.write(event)
            left -= 0 if segment.filename else len(event)
            if left < 0:
                raise ParserLimitReached("texts too large")
        else:
            content.seek(0)
            if segment.filename:
                fields.add(segment.name, UploadedFile(one_line(segment.filename), content))
            else:
                fields.add(segment.name, content.read().decode(errors="replace"))
    return fields


def _events(request: Request) -> Iterator[MultipartSegment | bytes | None]:
    """Yields a segment, its content in pieces, and None at its end, for each part."""
    parser = PushMultipartParser(
        _boundary(request.headers["Content-Type"]),
        content_length=request.content_length or 0,
        max_header_size=MAX_HEADER,
        max_header_count=MAX_HEADERS,
        max_segment_count=MAX_PARTS,
    )
    yield from parser.parse_blocking(request.body_file_raw.read)


def _new_file(request: Request) -> SpooledTemporaryFile[bytes]:
    file = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115, closed at the end of the request
    request.add_finished_callback(lambda _request: file.close())
    return file


def _boundary(content_type: str) -> str:
    """Return the boundary of a Content-Type. Of two boundaries, proxies may take the other one."""
    if len(_BOUNDARY.findall(content_type)) != 1:
        raise MultipartError("not one boundary")
    return parse_options_header(content_type)[1].get("boundary", "")


def _require_utf8(request: Request) -> None:
    if request.charset != "UTF-8":
        raise ValueError(f"charset {request.charset}")
