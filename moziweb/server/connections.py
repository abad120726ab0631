"""waitress's connections with limits on what one client may hold (docs/decisions/0014)."""

import logging
import socket
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from waitress.channel import ClientDisconnected, HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import BaseWSGIServer
from waitress.task import ErrorTask, Task, WSGITask

from moziweb.logs.outage import Outage
from moziweb.request import BODY_TOO_LARGE
from moziweb.timings import ARRIVED

from .parser import LimitedParser, use_linear_patterns
from .shutdown import GracefulShutdown

WAITRESS_OPTIONS: Final = {
    "connection_limit": "400",
    "channel_timeout": "120",
    "cleanup_interval": "5",
    "max_request_header_size": "16384",
    "inbuf_overflow": "65536",
}
"""Options of waitress with other defaults here. docs/deployment.md gives the reasons."""

BYTES_PER_SECOND: Final = 4_096
"""Bytes of a request that extend the time for it to arrive by one second.

Bytes that are not kept do so only while they arrive: a client that stops must not count as fast.
"""

ACCEPT_PAUSE: Final = 0.5
"""Seconds between two attempts to accept a connection while no file descriptor is free."""

FD_SETSIZE: Final = 1_024
"""``select()`` raises an exception, which would end the loop, for this file descriptor and above.
``poll()`` does not (``asyncore_use_poll``)."""

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Times in seconds. waitress's own options limit the number and the sizes."""

    request_timeout: float
    write_timeout: float


def install_limits(
    servers: Iterable[BaseWSGIServer],
    limits: ConnectionLimits,
    headers: Mapping[str, str],
    shutdown: GracefulShutdown,
) -> None:
    """Limit the connections of these servers; answer ``HEARTBEAT_PATH`` in the loop.

    ``headers`` are added to responses that are not the application's. Call it before the servers
    run.
    """

    class LimitedErrorTask(ErrorTask):
        def execute(self) -> None:
            self.response_headers = [*self.response_headers, *headers.items()]
            super().execute()

    attributes = {
        "limits": limits,
        "error_task_class": LimitedErrorTask,
        "heartbeat_task_class": type(
            "Heartbeat", (_HeartbeatTask,), {"headers": headers, "shutdown": shutdown}
        ),
        "shutdown": shutdown,
        "parser_class": type("Parser", (LimitedParser,), {"shutdown": shutdown}),
    }
    for server in servers:
        server.channel_class = type("Channel", (LimitedChannel,), attributes)
        server.maintenance = _Maintenance(server)  # type: ignore[method-assign]
        _Acceptor(server).install()
    use_linear_patterns()


class _Maintenance:
    """Replaces ``maintenance`` of a server, which the loop calls every ``cleanup_interval``."""

    def __init__(self, server: BaseWSGIServer) -> None:
        self._server = server

    def __call__(self, now: float) -> None:
        """Close the connections that have exceeded a time limit; log the evictions."""
        channels: dict[int, Any] = self._server.active_channels  # type: ignore[assignment]
        for channel in list(channels.values()):
            if channel.is_overdue(now):
                channel.abort()
        kind: Any = self._server.channel_class
        if kind.evicted:
            _log.warning(
                "closed %d waiting connections for new ones: connection_limit = %d is reached",
                kind.evicted,
                self._server.adj.connection_limit,
            )
            kind.evicted = 0


class _Acceptor:
    """Replaces ``handle_accept`` of a server, for when no file descriptor is free.

    waitress logs a traceback, and the loop tries again at once. Here a waiting connection is closed
    for the new one. If there is none, the server accepts no connection for ``ACCEPT_PAUSE``
    seconds.
    """

    def __init__(self, server: BaseWSGIServer) -> None:
        self._server = server
        self._sockets: Mapping[int, Any] = vars(server)["_map"]
        self._outage = Outage("the listening socket")
        self._paused_until = 0.0

    def install(self) -> None:
        """Replace the two methods."""
        server: Any = self._server
        server.handle_accept, server.readable = self.accept, self.readable

    def readable(self) -> bool:
        """Whether to accept. See ``BaseWSGIServer.readable``, which also calls ``maintenance``."""
        accepts = type(self._server).readable(self._server)
        return accepts and time.monotonic() >= self._paused_until

    def accept(self) -> None:
        """Accept a connection."""
        server: Any = self._server
        try:
            pair = server.accept()
        except OSError as error:
            self._outage.failed(f"{error}; raise ulimit -n, or lower connection_limit")
            if not _evict_waiting(self._sockets):
                self._paused_until = time.monotonic() + ACCEPT_PAUSE
            return
        if self._outage.is_active:
            self._outage.worked()
        if pair is None:
            return
        connection, address = pair
        try:
            server.set_socket_options(connection)
        except OSError as error:  # the client has closed it
            _log.debug("a new connection was closed: %s", error)
            connection.close()
            return
        server.channel_class(
            server, connection, server.fix_addr(address), server.adj, self._sockets
        )


class _HeartbeatTask(Task):
    """The response to ``HEARTBEAT_PATH``: 200, or 503 from the beginning of a shutdown."""

    complete = True
    headers: ClassVar[Mapping[str, str]]
    shutdown: ClassVar[GracefulShutdown]

    def execute(self) -> None:
        """Write the response."""
        stopping = self.shutdown.is_stopping
        self.status = "503 Service Unavailable" if stopping else "200 OK"
        body = b'{"status": "stopping"}' if stopping else b'{"status": "ok"}'
        headers = {**self.headers, "Content-Type": "application/json", "Cache-Control": "no-store"}
        self.response_headers = list(headers.items())
        self.content_length = len(body)
        request: Any = self.request
        self.write(body if request.command == "GET" else b"")


class _Task(WSGITask):
    """Runs the application for a request; the environ says when the request had arrived."""

    def get_environment(self) -> dict[str, Any]:
        environ = super().get_environment()
        request: Any = self.request
        environ[ARRIVED] = request.arrived
        if request.is_too_large:
            environ[BODY_TOO_LARGE] = request.adj.max_request_body_size
        return environ


class LimitedChannel(HTTPChannel):
    """A connection with one request at a time, and with limits on its times.

    waitress parses all requests that it has read, up to 450, and its threads wait while a client
    does not read the responses. Here the next request is parsed after the response to the one
    before it was sent, so no thread waits for a client.
    """

    parser_class = LimitedParser
    task_class = _Task
    heartbeat_task_class: ClassVar[type[Task]]
    limits: ClassVar[ConnectionLimits]
    shutdown: ClassVar[GracefulShutdown]
    evicted: ClassVar[int] = 0
    requests: list[HTTPRequestParser]
    requests_lock: threading.Lock
    _map: Mapping[int, Any]
    _fileno: int
    socket: socket.socket

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._unparsed = b""
        self._began = 0.0
        super().__init__(*arguments, **options)
        if len(self._map) >= self.adj.connection_limit and _evict_waiting(self._map, besides=self):
            type(self).evicted += 1
        if self._fileno >= FD_SETSIZE and not self.adj.asyncore_use_poll:
            _log.warning(
                "closed a connection: select() needs file descriptors below %d", FD_SETSIZE
            )
            self.handle_close()

    @property
    def has_unparsed(self) -> bool:
        """Whether a part of the next request has arrived."""
        return self._unparsed != b""

    def readable(self) -> bool:
        """Whether to read: not before the response to the request before it was sent."""
        return not (
            self.requests
            or self.total_outbufs_len
            or self._unparsed
            or self.will_close
            or self.close_when_flushed
        )

    def writable(self) -> bool:
        """Whether there is something to do when the client can take data."""
        return (
            self.total_outbufs_len > 0
            or self.will_close
            or self.close_when_flushed
            or (self._unparsed != b"" and not self.requests)
        )

    def handle_write(self) -> None:
        """Send; parse the next request when everything was sent."""
        super().handle_write()
        if self._unparsed and self.connected and not (self.requests or self.total_outbufs_len):
            self._parse(b"")

    def handle_expt(self) -> None:
        """Close a connection with TCP urgent data, which would wake the loop again at once."""
        self.handle_close()

    def received(self, data: bytes) -> bool:
        """Handle what the loop has read. See ``HTTPChannel.received``."""
        return bool(data) and self._parse(data)

    def _parse(self, data: bytes) -> bool:
        """Parse until one request is complete, and queue it for a thread."""
        with self.requests_lock:
            if self.will_close or self.close_when_flushed:
                return False
            data = self._unparsed + data
            while data and not (self.requests or self.close_when_flushed):
                data = data[self._parse_some(data) :]
            self._unparsed = data
        return True

    def _parse_some(self, data: bytes) -> int:
        if self.request is None:
            self.request = self.parser_class(self.adj)
            self._began = time.time()
        request = self.request
        consumed = request.received(data)
        if getattr(request, "is_too_large", False):
            self._began -= max(0.0, self.waiting_since() - time.time())
        if request.completed:
            self.request = None
            self.sent_continue = False
            if getattr(request, "is_heartbeat", False) and not request.error:
                self._answer_heartbeat(request)
            elif not request.empty:
                self.requests.append(request)
                self.server.add_task(self)  # type: ignore[arg-type]  # it takes channels
        elif request.expect_continue and request.headers_finished and not self.sent_continue:
            self.send_continue()
        return consumed

    def service(self) -> None:
        """Answer a request. While the server shuts down, the response closes the connection."""
        self._close_after(self.requests[0])
        super().service()

    def _close_after(self, request: Any) -> None:
        if self.shutdown.is_stopping and not self._unparsed:
            request.headers["CONNECTION"] = "close"  # as if the client had asked

    def _answer_heartbeat(self, request: Any) -> None:
        """Answer in the loop. Nothing else is in the output, so this does not block."""
        self._close_after(request)
        task = self.heartbeat_task_class(self, request)
        with suppress(ClientDisconnected):
            task.service()
        self.close_when_flushed = task.close_on_finish
        self.current_outbuf_count = self.adj.outbuf_high_watermark  # as after any response
        request.close()

    def abort(self) -> None:
        """Make the loop close the connection in this iteration, even if the client does not read.

        Not closed here: the loop may have given the descriptor to ``select()``, which would fail.
        """
        self.will_close = True
        with suppress(OSError):  # the client has closed it
            self.socket.shutdown(socket.SHUT_RDWR)

    def is_overdue(self, now: float) -> bool:
        """Whether a time limit is exceeded at ``now``, in Unix seconds."""
        quiet = now - self.last_activity
        if self.total_outbufs_len or (self._unparsed and not self.requests):
            return quiet > self.limits.write_timeout  # it waits until the client reads
        if self.requests:  # a thread is working
            return False
        if self.request is not None:
            return now - self.waiting_since() > self.limits.request_timeout
        return quiet > self.adj.channel_timeout

    def waiting_since(self) -> float:
        """Since when the server has waited for the client, in Unix seconds.

        Each ``BYTES_PER_SECOND`` of a request add a second: while it arrives faster than that, this
        is in the future, unless its body is not kept.
        """
        if self.request is None:
            return self.last_activity
        arrived = self.request.header_bytes_received + self.request.body_bytes_received
        return self._began + arrived // BYTES_PER_SECOND


def _evict_waiting(sockets: Mapping[int, Any], besides: LimitedChannel | None = None) -> bool:
    """Close the connection whose client has kept the server waiting for the longest time.

    So clients without a request, or with one that does not arrive, never keep others from
    connecting, and they are closed before uploads that arrive. Of these, the slowest is closed.
    Returns whether there was one.
    """
    waiting = [
        each
        for each in sockets.values()
        if isinstance(each, LimitedChannel) and each is not besides and not each.requests
    ]
    if waiting:
        min(waiting, key=LimitedChannel.waiting_since).handle_close()
    return bool(waiting)
