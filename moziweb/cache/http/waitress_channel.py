"""Answers hits of the in-process cache in waitress's loop (docs/decisions/0006).

waitress reads requests in one thread, its loop, and answers them in others. The loop first asks the
fast path (``fast_path.py``) for the pages of all requests that it has read in one iteration, with
one read of the clock for all, and sends those that it gets. All other requests go to the threads as
usual.

The loop must never block. A read of the clock takes tens of microseconds. If it takes long, because
its server hangs, all requests go to the threads for a while.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Protocol

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import BaseWSGIServer
from waitress.utilities import build_http_date

from moziweb.logs.request_id import HEADER, request_id

from ..regions.rendering import CacheStatus

if TYPE_CHECKING:
    from .fast_path import FastPathMiddleware


SLOW_SECONDS: Final = 0.1
"""The longest time for which the responses of one iteration may block the loop."""

LOOP_PAUSE_SECONDS: Final = 5.0
"""Time for which the loop answers nothing after an iteration that was slower."""

_GET: Final = b"GET "
_USED_HEADERS: Final = tuple(
    (name, f"HTTP_{name}") for name in ("ACCEPT_ENCODING", "IF_NONE_MATCH", "X_REQUEST_ID")
)
"""Names of headers, as waitress's parser has them, and their keys of the environ."""
_REQUEST_START: Final = "X_REQUEST_START"
_ID_LINE: Final = f"{HEADER}: ".encode()
_STATUS: Final = slice(len("HTTP/1.1 "), len("HTTP/1.1 200"))
_KEY: Final = -1
"""Key of the responder in the loop's map of sockets, whose keys are numbers from 0."""

_log: Final = logging.getLogger(__name__)


class RequestLogger(Protocol):
    """Logs an answered request."""

    def __call__(
        self,
        method: str,
        path: str,
        status: str,
        seconds: float,
        *,
        cache: str,
        request_id: str,
        route: str | None,
    ) -> None:
        """``cache`` is the cache status; the other fields are those of HTTP."""


def install(
    sockets: MutableMapping[int, Any],
    fast: FastPathMiddleware,
    log_request: RequestLogger | None = None,
) -> None:
    """Answer hits in the loop of these servers. Call it before the loop runs.

    ``sockets`` is the map that ``waitress.create_server`` was given. ``log_request`` is called for
    each answer. Does nothing for an application under a prefix: its paths differ from those of the
    URL index.
    """
    servers = [each for each in sockets.values() if isinstance(each, BaseWSGIServer)]
    if any(server.adj.url_prefix for server in servers):
        return
    responder = _HitResponder(fast, log_request)
    for server in servers:
        bases = (_Channel, server.channel_class)
        server.channel_class = type("Channel", bases, {"responder": responder})
    sockets[_KEY] = responder


class _HitResponder:
    """Collects the requests of one iteration of the loop and answers them at its end.

    It is in the loop's map of sockets but has none. The loop calls ``readable`` of each entry
    before it waits for the next events, which is the end of an iteration.
    """

    accepting = False

    def __init__(self, fast: FastPathMiddleware, log_request: RequestLogger | None) -> None:
        self._fast = fast
        self._log_request = log_request
        self._waiting: list[tuple[_Channel, dict[str, str]]] = []
        self._paused_until = 0.0

    def readable(self) -> bool:
        """Answer the collected requests. An exception must not end the loop."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            try:
                self._answer(waiting)
            except Exception:
                _log.exception("answering in the loop failed; the threads answer")
                for channel, _ in waiting:
                    channel.leave_to_threads()
        return False

    def writable(self) -> bool:
        """Never."""
        return False

    def close(self) -> None:
        """Called when the loop ends."""

    def known_url(self, data: bytes) -> dict[str, str] | None:
        """The URL, as in an environ, of a request that begins with ``data`` and could be a hit.

        A path with an escape never is, because it is not decoded here.
        """
        if time.monotonic() < self._paused_until:
            return None
        target = data[len(_GET) : data.find(b" ", len(_GET))].decode("latin-1")
        path, _, query = target.partition("?")
        if "%" in path or not self._fast.knows(path, query):
            return None
        return {"PATH_INFO": path, "QUERY_STRING": query}

    def wait(self, channel: _Channel, environ: dict[str, str], headers: Mapping[str, str]) -> None:
        """Answer the request of a known URL at the end of the iteration."""
        for name, key in _USED_HEADERS:
            if name in headers:
                environ[key] = headers[name]
        if _REQUEST_START in headers and channel.trusts_peer():
            environ[f"HTTP_{_REQUEST_START}"] = headers[_REQUEST_START]
        self._waiting.append((channel, environ))

    def _answer(self, waiting: list[tuple[_Channel, dict[str, str]]]) -> None:
        began = time.monotonic()
        answers = self._fast.in_memory([environ for _, environ in waiting])
        now = time.monotonic()
        if now - began > SLOW_SECONDS:
            self._paused_until = now + LOOP_PAUSE_SECONDS
        for (channel, environ), answer in zip(waiting, answers, strict=True):
            if answer is None:
                channel.leave_to_threads()
                continue
            identifier = request_id(environ.get("HTTP_X_REQUEST_ID"))
            channel.answer(*answer, identifier)
            if self._log_request is not None:
                self._log_request(
                    "GET",
                    environ["PATH_INFO"],
                    answer[0][_STATUS].decode(),
                    time.monotonic() - began,
                    cache=CacheStatus.L1.value,
                    request_id=identifier,
                    route=self._fast.route_of(environ["PATH_INFO"]),
                )


class _Channel(HTTPChannel):
    """A connection whose requests are checked for hits before they are queued for a thread."""

    responder: _HitResponder
    requests: list[HTTPRequestParser]
    requests_lock: threading.Lock

    def received(self, data: bytes) -> bool:
        """Handle what the loop has read. See ``HTTPChannel.received``."""
        could_be = data.startswith(_GET) and self._is_idle()
        url = self.responder.known_url(data) if could_be else None
        if url is None:
            return super().received(data)
        request = self.parser_class(self.adj)
        if not _is_plain(request, data):
            request.close()
            return super().received(data)
        with self.requests_lock:
            # A thread that has removed a request queues the next one under this lock. Without it,
            # the thread could queue this request, too, and the client would get two responses.
            idle = self._is_idle()
            if idle:
                # While this is not empty, the loop reads no other request of this connection.
                self.requests.append(request)
        if not idle:
            request.close()
            return super().received(data)
        self.responder.wait(self, url, request.headers)
        return True

    def _is_idle(self) -> bool:
        """Whether no other request or response is in progress. Only the loop starts one."""
        return not (
            self.requests
            or self.request
            or self.total_outbufs_len
            or self.will_close
            or self.close_when_flushed
        )

    def trusts_peer(self) -> bool:
        """Whether the client is the configured proxy, whose headers are read."""
        trusted = self.adj.trusted_proxy
        return trusted is not None and trusted in ("*", self.addr[0])

    def leave_to_threads(self) -> None:
        """Queue the request for a thread, as waitress does."""
        if self.requests:
            self.server.add_task(self)  # type: ignore[arg-type]  # it takes channels, not tasks

    def answer(self, head: bytes, body: bytes, identifier: str) -> None:
        """Send a response. The loop sends later what the socket does not take now."""
        for request in self.requests:
            request.close()
        self.requests.clear()  # not locked: no thread has a task of this channel
        if self.socket is None or not self.connected:  # closed in the meantime
            return
        self.last_activity = time.time()
        rest = _server_headers(self.adj.ident, int(self.last_activity))
        head = b"".join((head, _ID_LINE, identifier.encode(), rest))
        try:
            sent = self.socket.sendmsg((head, body))
        except BlockingIOError:
            sent = 0
        except OSError:  # closed by the client
            # The loop closes it after select(), which would fail for a closed descriptor.
            self.will_close = True
            return
        if sent < len(head) + len(body):
            self.write_soon((head + body)[sent:])
            # As after any response: the next one starts a buffer of its own.
            self.current_outbuf_count = self.adj.outbuf_high_watermark


def _is_plain(request: HTTPRequestParser, data: bytes) -> bool:
    """Whether ``data`` is exactly one request without anything that waitress must handle."""
    return (
        request.received(data) == len(data)
        and request.completed
        and not request.error
        and request.version == "1.1"
        and not request.connection_close
        and not request.expect_continue
    )


@lru_cache(maxsize=4)
def _server_headers(ident: str | None, now: int) -> bytes:
    """The end of a head after the request id. ``now`` is in Unix seconds."""
    server = f"Server: {ident}\r\n" if ident else ""
    return f"\r\n{server}Date: {build_http_date(now)}\r\n\r\n".encode("latin-1")
