"""A hostile image host: a real server on loopback with one behaviour per path.

A behaviour is a function of a `Visit`; it can send any bytes, slowly, or nothing. Every wait ends
when the server stops.

    with HostileHost() as host:
        host.on("/poster.jpg", drip(b"HTTP/1.1 200 OK\\r\\n\\r\\n", interval=0.05))
        fetcher.fetch(host.url("/poster.jpg"))
"""

import os
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import count, repeat
from socket import socket
from socketserver import BaseRequestHandler, ThreadingTCPServer
from types import TracebackType
from typing import Self

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Request:
    """A received request; ``address`` is the local address of the connection."""

    method: str
    path: str
    headers: Mapping[str, str]
    address: str


@dataclass(slots=True)
class Visit:
    """One connection and its request; None if a greeting replaces the request."""

    request: Request | None
    _connection: socket
    _closing: threading.Event

    def send(self, data: bytes) -> None:
        """Send ``data``; raises OSError if the client closed the connection."""
        self._connection.sendall(data)

    def send_bare(self, data: bytes) -> None:
        """Send ``data`` without TLS encryption, which breaks the TLS connection."""
        os.write(self._connection.fileno(), data)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait; return False if the server is stopping."""
        return not self._closing.wait(seconds)


Behaviour = Callable[[Visit], None]


@dataclass
class HostileHost:
    """A server on one free port of each of ``addresses``, with TLS if there is an SSL context.

    ``greeting`` replaces TLS and HTTP: it gets the bare connection.
    """

    addresses: tuple[str, ...] = (LOOPBACK,)
    ssl_context: ssl.SSLContext | None = None
    greeting: Behaviour | None = None
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    connections: list[str] = field(default_factory=list)
    _routes: dict[str, Behaviour] = field(default_factory=dict)
    _closing: threading.Event = field(default_factory=threading.Event)
    _servers: list[ThreadingTCPServer] = field(default_factory=list)

    def __enter__(self) -> Self:
        for address in self.addresses:
            server = _Server((address, self.port), _handler(self))
            self.port = server.server_address[1]
            self._servers.append(server)
            threading.Thread(target=server.serve_forever, args=(0.02,)).start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._closing.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def on(self, path: str, behaviour: Behaviour) -> str:
        """Set the behaviour of ``path`` (without its query) and return its URL."""
        self._routes[path] = behaviour
        return self.url(path)

    def url(self, path: str, name: str = LOOPBACK) -> str:
        """The URL of ``path``, on the loopback address or a name that a test's resolver knows."""
        scheme = "https" if self.ssl_context else "http"
        return f"{scheme}://{name}:{self.port}{path}"

    @property
    def paths(self) -> list[str]:
        """The requested paths, in order."""
        return [request.path for request in self.requests]

    def serve(self, connection: socket) -> None:
        """Serve one connection to its end."""
        address = connection.getsockname()[0]
        self.connections.append(address)
        connection.settimeout(10)
        if self.greeting is not None:
            self.greeting(Visit(None, connection, self._closing))
            return
        if self.ssl_context is not None:
            connection = self.ssl_context.wrap_socket(connection, server_side=True)
        with connection:
            request = _read_request(connection, address)
            self.requests.append(request)
            behaviour = self._routes.get(request.path.partition("?")[0], answer(status=404))
            behaviour(Visit(request, connection, self._closing))


def answer(
    body: bytes = b"",
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Behaviour:
    """Respond with the true Content-Length unless ``headers`` have one or a Transfer-Encoding.

    The host closes the connection after it, and says so.
    """
    fields = {"Content-Type": "image/jpeg", "Connection": "close", **(headers or {})}
    if not {"Content-Length", "Transfer-Encoding"} & fields.keys():
        fields["Content-Length"] = str(len(body))
    return raw(head(status, fields) + body)


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """The bytes of a status line and headers, with the empty line."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("utf-8")


def redirect(location: str, status: int = 302) -> Behaviour:
    """Redirect and set a cookie."""
    return answer(status=status, headers={"Location": location, "Set-Cookie": "visited=1"})


def redirect_for_ever() -> Behaviour:
    """Redirect to the same path with another query each time."""
    numbers = count(1)

    def behave(visit: Visit) -> None:
        redirect(f"?again={next(numbers)}")(visit)

    return behave


def raw(data: bytes) -> Behaviour:
    """Send exactly these bytes and close the connection."""

    def behave(visit: Visit) -> None:
        visit.send(data)

    return behave


def break_tls(start: bytes) -> Behaviour:
    """Send ``start`` by TLS, then bytes that are not TLS."""

    def behave(visit: Visit) -> None:
        visit.send(start)
        visit.send_bare(b"no TLS record" * 10)

    return behave


def stream(start: bytes, pieces: Iterable[bytes]) -> Behaviour:
    """Send ``start``, then ``pieces`` (may be infinite) as fast as the client reads."""

    def behave(visit: Visit) -> None:
        visit.send(start)
        for piece in pieces:
            if not visit.wait(0):
                return
            visit.send(piece)

    return behave


def drip(start: bytes, drops: Iterable[bytes] | None = None, *, interval: float) -> Behaviour:
    """Send ``start``, then one of ``drops`` (default: x forever) every ``interval`` seconds."""

    def behave(visit: Visit) -> None:
        visit.send(start)
        for drop in repeat(b"x") if drops is None else drops:
            if not visit.wait(interval):
                return
            visit.send(drop)

    return behave


def silence() -> Behaviour:
    """Read the request and send nothing."""

    def behave(visit: Visit) -> None:
        visit.wait()

    return behave


class _Server(ThreadingTCPServer):
    allow_reuse_address = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Do not log: clients close connections to this host on purpose."""


def _handler(host: HostileHost) -> type[BaseRequestHandler]:
    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            host.serve(self.request)

    return Handler


def _read_request(connection: socket, address: str) -> Request:
    received = b""
    while b"\r\n\r\n" not in received:
        data = connection.recv(65536)
        if not data:
            raise ConnectionError("hung up before the request ended")
        received += data
    start, *lines = received.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    method, path, _ = start.split(" ", 2)
    headers = dict(line.split(": ", 1) for line in lines)
    return Request(method, path, {name.lower(): headers[name] for name in headers}, address)
