"""HTTP connections to checked IP addresses, with a budget of time and bytes.

urllib3's connections are used without their pools: a fetch is one request, and urllib3 must not
retry, redirect, use a proxy or reuse a connection. Two things differ from urllib3. `_new_conn` (the
method that SOCKS support overrides, too) connects to a checked address, while the Host header, SNI
and the certificate check use the URL's host name. The connected socket is wrapped, so that every
read is counted against the budget.
"""

import io
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from ipaddress import ip_address
from threading import Thread
from typing import TYPE_CHECKING, Any, cast

from urllib3.connection import HTTPConnection, HTTPSConnection

from .url_policy import IPAddress, ParsedUrl

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

AddressRecord = tuple[int, int, int, str, tuple[Any, ...]]
Resolver = Callable[[str, int, int, int], Sequence[AddressRecord]]
"""``resolver(host, port, family, type)`` as `socket.getaddrinfo`; it raises OSError on failure."""

MAX_ATTEMPTS = 4
"""How many addresses of a host are tried; the remaining time is divided among them."""


class WireLimitError(Exception):
    """The server sent more bytes than the budget allows."""


class RequestBudget:
    """The remaining budget of a fetch: seconds until its deadline, and bytes to receive."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._expires_at = clock() + seconds
        self._bytes = 0

    def seconds_left(self) -> float:
        """Return the positive number of seconds until the deadline; raise TimeoutError after it."""
        left = self._expires_at - self._clock()
        if left <= 0:
            raise TimeoutError("the deadline of the fetch has passed")
        return left

    def grant(self, count: int) -> None:
        """Set the number of bytes that may be received from now on."""
        self._bytes = count

    def spend(self, count: int) -> None:
        """Count received bytes; raise `WireLimitError` if they exceed the granted number."""
        self._bytes -= count
        if self._bytes < 0:
            raise WireLimitError("more bytes than granted")


def resolve(
    resolver: Resolver, host: str, port: int, budget: RequestBudget
) -> tuple[IPAddress, ...]:
    """Resolve ``host`` once and return its distinct addresses in the resolver's order.

    Raises TimeoutError at the deadline, OSError if the lookup fails, and ValueError if the name or
    a returned address is malformed.
    """
    future: Future[Sequence[AddressRecord]] = Future()

    def look_up() -> None:
        try:
            future.set_result(resolver(host, port, socket.AF_UNSPEC, socket.SOCK_STREAM))
        except Exception as error:
            future.set_exception(error)

    # getaddrinfo has no timeout, so it runs in a thread that is abandoned at the deadline. libc's
    # own timeout (resolv.conf: 5 s per attempt) bounds the number of such threads.
    Thread(target=look_up, name="poster-lookup", daemon=True).start()
    records = future.result(budget.seconds_left())
    return tuple(dict.fromkeys(ip_address(str(record[4][0])) for record in records))


@contextmanager
def open_connection(
    target: ParsedUrl,
    addresses: Sequence[IPAddress],
    budget: RequestBudget,
    ssl_context: ssl.SSLContext,
) -> Iterator[HTTPConnection]:
    """Yield a connection for ``target`` that connects only to one of ``addresses``.

    It connects with the first request. The socket is always closed at the end of the context.
    """
    connection: PinnedHTTPConnection
    if target.scheme == "http":
        connection = PinnedHTTPConnection(target, addresses, budget)
    else:
        connection = PinnedHTTPSConnection(target, addresses, budget, ssl_context=ssl_context)
    try:
        yield connection
    finally:
        connection.close_socket()


class PinnedHTTPConnection(HTTPConnection):
    """An HTTP connection to one of ``addresses``; the target's host is only sent as a name."""

    def __init__(
        self,
        target: ParsedUrl,
        addresses: Sequence[IPAddress],
        budget: RequestBudget,
        **options: Any,
    ) -> None:
        super().__init__(target.host, target.port, **options)
        self._addresses = addresses
        self._budget = budget
        self._raw_socket: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        return _open_socket(self._addresses, self.port, self._budget)

    def connect(self) -> None:
        """Connect, with the TLS handshake for https, and count the bytes that follow."""
        super().connect()
        self._raw_socket = self.sock
        if self._raw_socket is not None:
            # The wrapper has all methods of a socket that http.client uses.
            self.sock = cast("socket.socket", _MeteredSocket(self._raw_socket, self._budget))

    def close_socket(self) -> None:
        """Close the socket itself; `close` leaves it open for reading the response."""
        self.close()
        if self._raw_socket is not None:
            self._raw_socket.close()


class PinnedHTTPSConnection(PinnedHTTPConnection, HTTPSConnection):
    """The same over TLS; the certificate must be valid for the host name."""


class _MeteredSocket:
    """The socket methods that http.client uses, limited by the budget."""

    def __init__(self, sock: socket.socket, budget: RequestBudget) -> None:
        self._sock = sock
        self._budget = budget

    def sendall(self, data: "ReadableBuffer") -> None:
        self._sock.settimeout(self._budget.seconds_left())
        self._sock.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_MeteredReader(self._sock, self._budget))

    def settimeout(self, _seconds: float | None) -> None:
        """Ignore it: timeouts follow from the budget."""

    def close(self) -> None:
        """Do nothing: http.client closes before the body is read; see `close_socket`."""


class _MeteredReader(io.RawIOBase):
    """Reads a socket within the budget's time and bytes."""

    def __init__(self, sock: socket.socket, budget: RequestBudget) -> None:
        self._sock = sock
        self._budget = budget

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        self._sock.settimeout(self._budget.seconds_left())
        count = self._sock.recv_into(buffer)
        self._budget.spend(count)
        return count


def _open_socket(addresses: Sequence[IPAddress], port: int, budget: RequestBudget) -> socket.socket:
    attempts = addresses[:MAX_ATTEMPTS]
    for tried, address in enumerate(attempts, 1):
        share = budget.seconds_left() / (len(attempts) - tried + 1)
        try:
            sock = socket.create_connection((str(address), port), timeout=share)
        except OSError:
            if tried == len(attempts):
                raise
        else:
            return _prepare(sock, budget)
    raise OSError("no address to connect to")


def _prepare(sock: socket.socket, budget: RequestBudget) -> socket.socket:
    try:
        # This timeout applies to the TLS handshake as a whole, not to each read.
        sock.settimeout(budget.seconds_left())
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        sock.close()
        raise
    return sock
