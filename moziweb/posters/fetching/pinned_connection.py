"""Connections to validated addresses, under one allowance of time and bytes.

urllib3's connections are used without their pools: a fetch is one request, and retries, redirects,
proxies and reuse are exactly what must not happen behind its back. Two things are changed, both
where urllib3 and http.client leave room for it: `_new_conn` opens the socket (SOCKS support
overrides the same method), so that name, SNI and certificate check stay those of the URL while the
address is the one that was checked; and the connected socket is wrapped, so that every read spends
from the allowance.
"""

import io
import socket
import ssl
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
"""``resolver(host, port, family, type)`` as `socket.getaddrinfo`, raising OSError when it fails."""

MAX_ATTEMPTS = 4
"""How many of a name's addresses are tried; each gets its share of the time that is left."""


class WireLimitError(Exception):
    """The server sent more bytes than were granted."""


class RequestBudget:
    """What a fetch may still spend: seconds until its one deadline, and bytes on the wire."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._expires_at = clock() + seconds
        self._bytes = 0

    def seconds_left(self) -> float:
        """Seconds until the deadline, always positive; raises TimeoutError once it has passed."""
        left = self._expires_at - self._clock()
        if left <= 0:
            raise TimeoutError("the deadline of the fetch has passed")
        return left

    def grant(self, count: int) -> None:
        """Set how many bytes may be received from now on."""
        self._bytes = count

    def spend(self, count: int) -> None:
        """Count received bytes; raises `WireLimitError` beyond what was granted."""
        self._bytes -= count
        if self._bytes < 0:
            raise WireLimitError("more bytes than granted")


def look_up(
    resolver: Resolver, host: str, port: int, allowance: RequestBudget
) -> tuple[IPAddress, ...]:
    """Resolve ``host`` once and return every address, in the resolver's order, without doubles.

    Raises TimeoutError at the deadline, OSError when the lookup fails, ValueError when the name or
    an answer makes no sense.
    """
    answer: Future[Sequence[AddressRecord]] = Future()
    # getaddrinfo knows no time-out, so it runs in a thread that can be left behind. libc gives up
    # by itself (resolv.conf: 5 s a try), which bounds how many such threads can linger.
    Thread(
        target=_answer, args=(answer, resolver, host, port), name="poster-lookup", daemon=True
    ).start()
    records = answer.result(allowance.seconds_left())
    return tuple(dict.fromkeys(ip_address(str(record[4][0])) for record in records))


@contextmanager
def open_connection(
    target: ParsedUrl,
    addresses: Sequence[IPAddress],
    allowance: RequestBudget,
    ssl_context: ssl.SSLContext,
) -> Iterator[HTTPConnection]:
    """Yield a connection for ``target`` that will connect to one of ``addresses`` and no other.

    It connects with the first request, and its socket is closed with the context, whatever became
    of the response.
    """
    connection: PinnedHTTPConnection
    if target.scheme == "http":
        connection = PinnedHTTPConnection(target, addresses, allowance)
    else:
        connection = PinnedHTTPSConnection(target, addresses, allowance, ssl_context=ssl_context)
    try:
        yield connection
    finally:
        connection.close_socket()


class PinnedHTTPConnection(HTTPConnection):
    """An HTTP connection whose host is only a name: it connects to ``addresses``."""

    def __init__(
        self,
        target: ParsedUrl,
        addresses: Sequence[IPAddress],
        allowance: RequestBudget,
        **options: Any,
    ) -> None:
        super().__init__(target.host, target.port, **options)
        self._addresses = addresses
        self._allowance = allowance
        self._wire: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        return _open_socket(self._addresses, self.port, self._allowance)

    def connect(self) -> None:
        """Connect, with the TLS handshake where there is one, and meter what follows."""
        super().connect()
        self._wire = self.sock
        if self._wire is not None:
            # http.client asks of a socket no more than the wrapper has.
            self.sock = cast("socket.socket", _MeteredSocket(self._wire, self._allowance))

    def close_socket(self) -> None:
        """Close the socket itself, which `close` leaves open for the response to be read."""
        self.close()
        if self._wire is not None:
            self._wire.close()


class PinnedHTTPSConnection(PinnedHTTPConnection, HTTPSConnection):
    """The same over TLS; the certificate must be the name's, whatever the address."""


class _MeteredSocket:
    """The part of a socket that http.client uses, each use under the allowance."""

    def __init__(self, sock: socket.socket, allowance: RequestBudget) -> None:
        self._sock = sock
        self._allowance = allowance

    def sendall(self, data: "ReadableBuffer") -> None:
        self._sock.settimeout(self._allowance.seconds_left())
        self._sock.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_MeteredReader(self._sock, self._allowance))

    def settimeout(self, _seconds: float | None) -> None:
        """Ignore it: the allowance alone says how long to wait."""

    def close(self) -> None:
        """Leave it to `hang_up`: http.client closes before the body has been read."""


class _MeteredReader(io.RawIOBase):
    """Reads a socket, waiting no longer and taking no more than the allowance has."""

    def __init__(self, sock: socket.socket, allowance: RequestBudget) -> None:
        self._sock = sock
        self._allowance = allowance

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        self._sock.settimeout(self._allowance.seconds_left())
        count = self._sock.recv_into(buffer)
        self._allowance.spend(count)
        return count


def _open_socket(
    addresses: Sequence[IPAddress], port: int, allowance: RequestBudget
) -> socket.socket:
    attempts = addresses[:MAX_ATTEMPTS]
    for tried, address in enumerate(attempts, 1):
        share = allowance.seconds_left() / (len(attempts) - tried + 1)
        try:
            sock = socket.create_connection((str(address), port), timeout=share)
        except OSError:
            if tried == len(attempts):
                raise
        else:
            return _prepare(sock, allowance)
    raise OSError("no address to connect to")


def _prepare(sock: socket.socket, allowance: RequestBudget) -> socket.socket:
    try:
        # A TLS handshake has this time-out as a whole, however many reads it takes.
        sock.settimeout(allowance.seconds_left())
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        sock.close()
        raise
    return sock


def _answer(
    answer: Future[Sequence[AddressRecord]], resolver: Resolver, host: str, port: int
) -> None:
    try:
        answer.set_result(resolver(host, port, socket.AF_UNSPEC, socket.SOCK_STREAM))
    except Exception as error:
        answer.set_exception(error)
