"""Hits in waitress's own loop: a page that lies ready in this process waits for no thread.

waitress reads requests in one thread, its loop, and has others answer them. To a page that the
first level holds, the way there and back costs more than the answer; and while every thread is
rendering or making a poster, it would wait for them. So the loop looks first: where the fast path
(``fastpath.py``) has a true copy, head and body go out from here, in one piece. Everything else
takes the usual way.

All requests that the loop has read in one round are answered before it sleeps again, with one read
of the clock for all of them: the more visitors, the less each costs. Where it has moved, one look
at stamps tells which copies are true still: a write somewhere else sends nobody to the threads.

The loop must never wait. Reading the clock takes tens of microseconds; when it takes long once,
because its server hangs, the loop leaves it to the threads for a while.
"""

import logging
import time
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from socket import socket
from typing import Any, Final

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import BaseWSGIServer
from waitress.utilities import build_http_date

from .fast_path import FastPathMiddleware

TOO_LONG: Final = 0.1
"""Seconds for which one round of answers may keep the loop."""

REST: Final = 5.0
"""Seconds for which threads answer alone after a round that took too long."""

_GET: Final = b"GET "
_ASKED: Final = ("ACCEPT_ENCODING", "IF_NONE_MATCH")
_KEY: Final = -1
"""Where the desk stands among the loop's sockets, which are numbered from 0."""

_log: Final = logging.getLogger(__name__)


def install(sockets: MutableMapping[int, Any], fast: FastPathMiddleware) -> None:
    """Have the connections of the servers in a loop look for hits; call it before it runs.

    ``sockets`` is the map that ``waitress.create_server`` was given. An application under a prefix
    is left alone: its paths are not those that the book knows.
    """
    servers = [each for each in sockets.values() if isinstance(each, BaseWSGIServer)]
    if any(server.adj.url_prefix for server in servers):
        return

    shared = _HitResponder(fast)
    for server in servers:

        class Channel(_Channel):
            desk = shared
            error_task_class = server.channel_class.error_task_class

        server.channel_class = Channel
    sockets[_KEY] = shared


class _HitResponder:
    """Requests that wait for the end of the loop's round, and the fast path that answers them.

    It stands among the loop's sockets, and has none: what the loop asks of all of them before it
    sleeps, whether they want to read or write, is when a round is over.
    """

    accepting = False

    def __init__(self, fast: FastPathMiddleware) -> None:
        self._fast = fast
        self._waiting: list[tuple[_Channel, dict[str, str]]] = []
        self._rests_until = 0.0

    def readable(self) -> bool:
        """Answer; there is nothing to read. Whatever went wrong must not end the loop."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            try:
                self._answer(waiting)
            except Exception:
                _log.exception("not answered in the loop")
                for channel, _ in waiting:
                    channel.leave_to_threads()
        return False

    def writable(self) -> bool:
        """There is nothing to write either."""
        return False

    def close(self) -> None:
        """The loop has ended."""

    def may_know(self, data: bytes) -> bool:
        """Whether a request that begins like this could be a hit; most could not.

        A path with an escape in it never is: it would name another page than the one it spells.
        """
        if time.monotonic() < self._rests_until:
            return False
        path = _path_of(data)
        return "%" not in path and self._fast.knows(path)

    def wait(self, channel: "_Channel", data: bytes, headers: Mapping[str, str]) -> None:
        """Answer a request at the end of the round."""
        environ = {f"HTTP_{name}": headers[name] for name in _ASKED if name in headers}
        self._waiting.append((channel, {"PATH_INFO": _path_of(data), **environ}))

    def _answer(self, waiting: "list[tuple[_Channel, dict[str, str]]]") -> None:
        began = time.monotonic()
        answers = self._fast.in_memory([environ for _, environ in waiting])
        now = time.monotonic()
        if now - began > TOO_LONG:
            self._rests_until = now + REST
        for (channel, _), answer in zip(waiting, answers, strict=True):
            if answer is None:
                channel.leave_to_threads()
            else:
                channel.answer(*answer)


class _Channel(HTTPChannel):
    """A connection that has its requests looked at before they are queued for a thread."""

    desk: _HitResponder

    def __init__(
        self,
        server: BaseWSGIServer,
        sock: socket,
        addr: Any,
        adj: Any,
        map: Any = None,  # noqa: A002 - as waitress names it
    ) -> None:
        """As waitress makes one; what has come with the connection is read at once.

        That is a whole request, mostly, and spares the loop a round for it.
        """
        super().__init__(server, sock, addr, adj, map)
        try:
            data = sock.recv(adj.recv_bytes)
        except OSError:  # nothing yet, or gone already: the loop will see
            return
        try:
            if data:
                self.last_activity = time.time()
                self.received(data)
        except Exception:  # it would be taken for an error of the socket that listens
            _log.exception("not read")
            self.handle_close()

    def received(self, data: bytes) -> bool:
        """What the loop has read. True, as waitress has it, unless it is to be thrown away."""
        if not (data.startswith(_GET) and self._is_idle() and self.desk.may_know(data)):
            return super().received(data)
        request = self.parser_class(self.adj)
        if not _is_plain(request, data):
            request.close()
            return super().received(data)
        # While it stands here, the loop reads no other request of this connection.
        self.requests = [request]
        self.desk.wait(self, data, request.headers)
        return True

    def _is_idle(self) -> bool:
        """Whether nothing of another request is under way, in or out; only the loop begins one."""
        return not (
            self.requests
            or self.request
            or self.total_outbufs_len
            or self.will_close
            or self.close_when_flushed
        )

    def leave_to_threads(self) -> None:
        """What waitress does with any request."""
        if self.requests:
            self.server.add_task(self)  # type: ignore[arg-type]  # it takes channels, and no tasks

    def answer(self, head: bytes, body: bytes) -> None:
        """Send what the connection takes at once; the loop sends the rest when it takes more."""
        for request in self.requests:
            request.close()
        self.requests = []
        if self.socket is None or not self.connected:  # closed meanwhile
            return
        self.last_activity = time.time()
        head += _servers_own(self.adj.ident, int(self.last_activity))
        try:
            sent = self.socket.sendmsg((head, body))
        except BlockingIOError:
            sent = 0
        except OSError:  # gone
            self.handle_close()
            return
        if sent < len(head) + len(body):
            self.write_soon((head + body)[sent:])
            # As after any answer: the next one begins a buffer of its own.
            self.current_outbuf_count = self.adj.outbuf_high_watermark


def _path_of(data: bytes) -> str:
    """The path that a request begins with, as WSGI spells it if nothing in it is escaped."""
    target = data[len(_GET) : data.find(b" ", len(_GET))]
    return target.partition(b"?")[0].decode("latin-1")


def _is_plain(request: HTTPRequestParser, data: bytes) -> bool:
    """Whether this is one whole request, with nothing about it that is waitress's to handle."""
    return (
        request.received(data) == len(data)
        and request.completed
        and not request.error
        and request.version == "1.1"
        and not request.connection_close
        and not request.expect_continue
    )


@lru_cache(maxsize=4)
def _servers_own(ident: str | None, now: int) -> bytes:
    """The lines that a server adds, and the end of the head. ``now`` is in Unix seconds."""
    server = f"Server: {ident}\r\n" if ident else ""
    return f"{server}Date: {build_http_date(now)}\r\n\r\n".encode("latin-1")
