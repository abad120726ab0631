"""waitress's parser of requests, with limits and without patterns that backtrack."""

import re
import time
from typing import Any, ClassVar, Final

import waitress.parser
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.receiver import ChunkedReceiver
from waitress.utilities import BadRequest, RequestEntityTooLarge

from .shutdown import GracefulShutdown

MAX_CHUNK_LINE: Final = 4_096
"""The longest size line of a chunk and the longest trailer of a chunked body, in bytes."""

MAX_DISCARDED: Final = 100_000_000
"""Bytes of the largest form with files of the manager that is read and not kept if too large.

A browser sends the whole form before it shows a response: a connection that is closed before is an
error of the network to it.
"""

HEARTBEAT_PATH: Final = "/__lbheartbeat__"
"""The loop answers this path, so that load balancers get an answer even if all threads wait."""

_NOT_ASCII: Final = re.compile(rb"[\x80-\xff]")

_MANAGER_PATH: Final = re.compile(r"/(en/)?manager/")

_HEADER_FIELD: Final = re.compile(
    rb"^(?P<name>[!#$%&'*+\-.^_`|~0-9A-Za-z]++):[ \t]*+"
    rb"(?P<value>(?:[\x21-\x7e\x80-\xff]++(?:[ \t]++[\x21-\x7e\x80-\xff]++)*+)?)[ \t]*+$"
)
_REQUEST_LINE: Final = re.compile(
    rb"(?P<method>[!#$%&'*+\-.^_`|~0-9A-Za-z]++) (?P<uri>[^ ]++)"
    rb"(?: HTTP/(?P<version>[0-9]\.[0-9]))?"
)


def use_linear_patterns() -> None:
    """Replace two patterns of waitress 3.0.2 by patterns for the same strings that never backtrack.

    The time of waitress's own grows with the square of the length or faster, and the loop waits. A
    test parses the longest headers in less than 0.1 s (``test_costly_headers_do_not_hold_the_loop``
    in ``tests/server/test_connections.py``).
    """
    waitress.parser.first_line_re = _REQUEST_LINE  # type: ignore[assignment]
    waitress.parser.HEADER_FIELD_RE = _HEADER_FIELD  # type: ignore[attr-defined]


class _LimitedChunkedReceiver(ChunkedReceiver):
    """Limits the two parts of a chunked body that waitress collects without a limit.

    It copies and searches them again for each piece that arrives.
    """

    def received(self, data: bytes) -> int:
        consumed: int = super().received(data)
        if max(len(self.control_line), len(self.trailer)) > MAX_CHUNK_LINE:
            self.error = BadRequest(f"chunk line or trailer exceeds {MAX_CHUNK_LINE} bytes")
        return consumed


class LimitedParser(HTTPRequestParser):
    """waitress's parser; every request that it cannot parse is an error with a response.

    ``arrived`` is the Unix time at which the request was complete.
    """

    arrived = 0.0
    is_too_large = False
    """Whether the body was not kept; the application answers."""

    _undiscarded = 0
    shutdown: ClassVar[GracefulShutdown | None] = None
    is_heartbeat = False

    def received(self, data: bytes) -> int:
        """Parse what has been read. See ``HTTPRequestParser.received``."""
        consumed = self._discard(data) if self.is_too_large else super().received(data)
        if isinstance(self.error, RequestEntityTooLarge) and self._is_form_to_discard():
            self._undiscarded, self.content_length = self.content_length, 0
            self.headers, self.body_rcv = {**self.headers, "CONTENT_LENGTH": "0"}, None
            self.error, self.completed, self.is_too_large = None, False, True
        if self.completed:
            self.arrived = time.time()
        return consumed

    def _is_form_to_discard(self) -> bool:
        """A client without a cookie is not signed in, so it gets no page of the manager."""
        request: Any = self  # the types lack these two
        is_to_manager: bool = request.command == "POST" and bool(_MANAGER_PATH.match(request.path))
        is_form = self.headers.get("CONTENT_TYPE", "").startswith("multipart/form-data")
        is_in_limit = 0 < self.content_length <= MAX_DISCARDED
        has_cookie = "COOKIE" in self.headers
        return is_to_manager and has_cookie and is_form and is_in_limit and not self.expect_continue

    def _discard(self, data: bytes) -> int:
        consumed = min(len(data), self._undiscarded)
        self._undiscarded -= consumed
        self.body_bytes_received += consumed
        self.completed = not self._undiscarded
        return consumed

    def parse_header(self, header_plus: bytes) -> None:
        """Parse the request line and the headers.

        Bytes above 127 in the target are treated as if they were escaped.
        """
        if not header_plus.isascii():
            header_plus = _escape_target(header_plus)
        try:
            super().parse_header(header_plus)
        except ValueError as error:  # "http://[::1/", a length of 5,000 digits
            raise ParsingError("Malformed target or Content-Length") from error
        request: Any = self  # the types lack these two
        self.is_heartbeat = request.path == HEARTBEAT_PATH and request.command in {"GET", "HEAD"}
        if self.shutdown is not None and self.shutdown.is_stopping:
            self.connection_close = True  # so it is not answered from memory, but by ``service``
        if isinstance(self.body_rcv, ChunkedReceiver):
            self.body_rcv = _LimitedChunkedReceiver(self.body_rcv.getbuf())
        elif "TRANSFER_ENCODING" in self.headers:  # its end is unknown: not HTTP/1.1
            raise ParsingError("Transfer-Encoding needs HTTP/1.1")


def _escape_target(header_plus: bytes) -> bytes:
    line, end, fields = header_plus.partition(b"\r\n")
    method, space, target = line.partition(b" ")
    escaped = _NOT_ASCII.sub(lambda found: b"%%%02X" % found[0][0], target)
    return method + space + escaped + end + fields
