"""Fetching a poster from an external URL, safely.

The URL is an operator's, but the server behind it, its DNS and its redirects are anybody's. So
each hop is resolved by us once, every address it has must be public, and the connection goes to
the very address that was checked, which leaves no window for a name that changes its mind. One
deadline covers lookups, connections, TLS, headers, redirects and body; bytes are counted on the
wire and after decompression. No proxy, netrc or cookie is ever consulted: urllib3's bare
connections know none.
"""

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException, IncompleteRead
from io import BytesIO

from urllib3 import HTTPResponse
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError

from . import response_headers
from .content_decoding import PIECE_BYTES, BadStreamError, CutStreamError, content_coding, inflate
from .errors import FetchCode, Fetched, FetchError, NotModified
from .pinned_connection import RequestBudget, Resolver, WireLimitError, look_up, open_connection
from .url_policy import (
    AllowedNetwork,
    ForbiddenUrl,
    IPAddress,
    ParsedUrl,
    is_public,
    parse_image_url,
)

__all__ = ["FetchCode", "FetchError", "FetchPolicy", "Fetched", "Fetcher", "NotModified"]

MAX_HEAD_BYTES = 64 * 1024
"""All of a response's headers, interim responses included; an honest server sends about 1 KiB."""

ACCEPT = "image/jpeg, image/png, image/webp, image/avif;q=0.9, image/gif;q=0.8, */*;q=0.1"
"""The formats that imaging reads, the usual originals first."""

_ERROR_CODES: tuple[tuple[type[Exception], FetchCode], ...] = (
    (TimeoutError, FetchCode.TIMEOUT),
    (WireLimitError, FetchCode.TOO_MANY_BYTES),
    (BadStreamError, FetchCode.BAD_ENCODING),
    (CutStreamError, FetchCode.TRUNCATED),
    (IncompleteRead, FetchCode.TRUNCATED),
    (ssl.SSLError, FetchCode.TLS_FAILED),
    (ConnectionError, FetchCode.CONNECTION_FAILED),
    (HTTPException, FetchCode.BAD_RESPONSE),
    (HTTPError, FetchCode.BAD_RESPONSE),
    (OSError, FetchCode.CONNECTION_FAILED),
)
"""What the layers below raise, the more special before the more general."""

_EXPECTED = tuple(kind for kind, _ in _ERROR_CODES)


@dataclass(frozen=True, slots=True)
class FetchPolicy:
    """The limits of every fetch.

    ``max_bytes`` is counted after decompression; ``deadline_seconds`` covers the whole fetch (15
    MB in 20 s is 6 Mbit/s); ``max_redirects`` hops are followed, each checked again.
    ``allow_addresses`` adds exceptions to the rule that addresses must be public and ports
    allowed.
    """

    max_bytes: int = 15_000_000
    deadline_seconds: float = 20.0
    max_redirects: int = 3
    allowed_ports: frozenset[int] = frozenset({80, 443})
    user_agent: str = "moziweb"
    allow_addresses: tuple[AllowedNetwork, ...] = ()

    def permits_port(self, port: int) -> bool:
        """Tell whether any address at all may be reached on ``port``."""
        return port in self.allowed_ports or any(
            allowed.port == port for allowed in self.allow_addresses
        )

    def permits(self, address: IPAddress, port: int) -> bool:
        """Tell whether ``address`` may be reached on ``port``."""
        if port in self.allowed_ports and is_public(address):
            return True
        return any(allowed.permits(address, port) for allowed in self.allow_addresses)


@dataclass(frozen=True, slots=True)
class _Validators:
    """What the caller has: an entity tag and a date, valid for ``url`` and no other."""

    etag: str | None
    last_modified: str | None
    url: str

    def headers(self, url: str) -> dict[str, str]:
        if url != self.url:
            return {}
        headers = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in headers.items() if value is not None}


@dataclass(frozen=True, slots=True)
class _Redirect:
    url: str


@cache
def _system_authorities() -> ssl.SSLContext:
    """Read once, when they are needed: that takes longer than all else about an application."""
    return ssl.create_default_context()


class Fetcher:
    """Fetches pictures under a policy; keeps no state between fetches, so threads may share it.

    ``resolver`` is called as `socket.getaddrinfo` is; ``ssl_context`` must verify certificates and
    host names (default: the system's authorities); ``clock`` is a monotonic clock in seconds.
    """

    def __init__(
        self,
        policy: FetchPolicy,
        *,
        resolver: Resolver = socket.getaddrinfo,
        ssl_context: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy = policy
        self._resolver = resolver
        self._ssl_context = ssl_context
        self._clock = clock

    def fetch(
        self,
        url: str,
        *,
        etag: str | None = None,
        last_modified: str | None = None,
        final_url: str | None = None,
    ) -> Fetched | NotModified:
        """Fetch ``url`` and return its body, or `NotModified` when the validators still hold.

        ``etag`` and ``last_modified`` come from an earlier `Fetched` with its ``final_url``. They
        say nothing about any other URL, so they are sent to that one only (to ``url`` when it is
        not given). Raises `FetchError`, and nothing else, for whatever the network does.
        """
        allowance = RequestBudget(self._policy.deadline_seconds, self._clock)
        target = self._target(url)
        validators = _Validators(
            response_headers.entity_tag(etag),
            response_headers.http_date(last_modified),
            final_url or target.url,
        )
        for _ in range(self._policy.max_redirects + 1):
            with _telling_errors():
                outcome = self._hop(target, validators, allowance)
            if not isinstance(outcome, _Redirect):
                return outcome
            target = self._target(outcome.url)
        raise FetchError(FetchCode.TOO_MANY_REDIRECTS, target.url)

    def _hop(
        self, target: ParsedUrl, validators: _Validators, allowance: RequestBudget
    ) -> Fetched | NotModified | _Redirect:
        addresses = self._addresses(target, allowance)
        conditions = validators.headers(target.url)
        trust = self._ssl_context or _system_authorities()
        with open_connection(target, addresses, allowance, trust) as connection:
            response = self._ask(connection, target, conditions, allowance)
            with closing(response):
                if response.status in response_headers.REDIRECTS:
                    return _Redirect(
                        response_headers.redirect_location(response.headers, target.url)
                    )
                if response.status == 304 and conditions:
                    return _not_modified(response, validators)
                if response.status != 200:
                    raise response_headers.refusal(response.status, response.headers)
                return self._fetched(response, target, allowance)

    def _target(self, url: str) -> ParsedUrl:
        try:
            target = parse_image_url(url)
        except ForbiddenUrl as error:
            raise FetchError(FetchCode.BAD_URL, str(error)) from error
        if not self._policy.permits_port(target.port):
            raise FetchError(FetchCode.FORBIDDEN_PORT, f"port {target.port}")
        return target

    def _addresses(self, target: ParsedUrl, allowance: RequestBudget) -> tuple[IPAddress, ...]:
        """Return the target's addresses, all of them permitted: one that is not spoils the rest."""
        addresses = (target.address,) if target.address else self._resolved(target, allowance)
        for address in addresses:
            if not self._policy.permits(address, target.port):
                raise FetchError(FetchCode.FORBIDDEN_ADDRESS, f"{target.host} is at {address}")
        return addresses

    def _resolved(self, target: ParsedUrl, allowance: RequestBudget) -> tuple[IPAddress, ...]:
        try:
            addresses = look_up(self._resolver, target.host, target.port, allowance)
        except TimeoutError:
            raise
        except (OSError, ValueError) as error:
            raise FetchError(FetchCode.DNS_FAILED, f"{target.host}: {error}") from error
        if not addresses:
            raise FetchError(FetchCode.DNS_FAILED, f"{target.host} has no address")
        return addresses

    def _ask(
        self,
        connection: HTTPConnection,
        target: ParsedUrl,
        conditions: dict[str, str],
        allowance: RequestBudget,
    ) -> HTTPResponse:
        headers = {
            "User-Agent": self._policy.user_agent,
            "Accept": ACCEPT,
            "Accept-Encoding": "identity",
            "Connection": "close",
            **conditions,
        }
        allowance.grant(MAX_HEAD_BYTES)
        try:
            connection.request("GET", target.path, headers=headers, preload_content=False)
            return connection.getresponse()
        except WireLimitError as error:
            raise FetchError(FetchCode.BAD_RESPONSE, "headers without end") from error

    def _fetched(
        self, response: HTTPResponse, target: ParsedUrl, allowance: RequestBudget
    ) -> Fetched:
        headers = response.headers
        content_type = response_headers.media_type(headers)
        coding = content_coding(headers.get("content-encoding", ""))
        if (response_headers.announced_bytes(headers) or 0) > self._policy.max_bytes:
            raise FetchError(FetchCode.TOO_MANY_BYTES, "by its Content-Length")
        # Framing costs an honest server less than 1 %; a compressed stream that never yields a byte
        # has to end somewhere too. The head's grant covers what was read ahead of it.
        allowance.grant(2 * self._policy.max_bytes + MAX_HEAD_BYTES)
        return Fetched(
            body=self._body(inflate(_pieces(response), coding)),
            content_type=content_type,
            etag=response_headers.entity_tag(headers.get("etag")),
            last_modified=response_headers.http_date(headers.get("last-modified")),
            final_url=target.url,
        )

    def _body(self, pieces: Iterator[bytes]) -> bytes:
        body = BytesIO()
        for piece in pieces:
            if body.tell() + len(piece) > self._policy.max_bytes:
                raise FetchError(FetchCode.TOO_MANY_BYTES, "by count")
            body.write(piece)
        return body.getvalue()


def _pieces(response: HTTPResponse) -> Iterator[bytes]:
    while piece := response.read1(PIECE_BYTES, decode_content=False):
        yield piece


def _not_modified(response: HTTPResponse, validators: _Validators) -> NotModified:
    """A 304 may bring newer validators; those it leaves out still hold (RFC 9111, 4.3.4)."""
    return NotModified(
        etag=response_headers.entity_tag(response.headers.get("etag")) or validators.etag,
        last_modified=response_headers.http_date(response.headers.get("last-modified"))
        or validators.last_modified,
        final_url=validators.url,
    )


@contextmanager
def _telling_errors() -> Iterator[None]:
    try:
        yield
    except _EXPECTED as error:
        # urllib3 wraps what the socket and http.client say while a body is read.
        wrapped = isinstance(error, HTTPError) and isinstance(error.__cause__, _EXPECTED)
        cause = error.__cause__ if wrapped else error
        code = next(code for kind, code in _ERROR_CODES if isinstance(cause, kind))
        raise FetchError(code, repr(cause)) from error
