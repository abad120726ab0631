"""HTTP client for external image URLs, safe against SSRF and bounded in time and bytes.

An editor enters the URL, but the server, its DNS and its redirects are untrusted. Each hop is
resolved once, every address of it must be public, and the connection goes to one of the checked
addresses, so DNS rebinding has no effect. One deadline covers lookups, connections, TLS, headers,
redirects and the body. Proxies, netrc and cookies are not used: bare urllib3 connections have none.
"""

import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from http.client import HTTPException, IncompleteRead
from io import BytesIO
from typing import Final

from urllib3 import HTTPResponse
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError

from . import response_headers
from .errors import NO_VALIDATORS, FetchCode, Fetched, FetchError, Validators
from .pinned_connection import RequestBudget, Resolver, WireLimitError, open_connection, resolve
from .url_policy import (
    AllowedNetwork,
    ForbiddenPort,
    ForbiddenUrl,
    IPAddress,
    ParsedUrl,
    is_public,
    parse_image_url,
)

MAX_RESPONSE_HEAD_BYTES = 64 * 1024
"""Maximum size of all response headers with interim responses; typical servers send about 1 KiB."""

_CHUNK_BYTES = 64 * 1024

ACCEPT = "image/jpeg, image/png, image/webp, image/avif;q=0.9, image/gif;q=0.8, */*;q=0.1"
"""The formats that `imaging` reads; formats in which originals are usually published come first."""

_ERROR_CODES: tuple[tuple[type[Exception], FetchCode], ...] = (
    (TimeoutError, FetchCode.TIMEOUT),
    (WireLimitError, FetchCode.TOO_MANY_BYTES),
    (IncompleteRead, FetchCode.TRUNCATED),
    (ssl.SSLError, FetchCode.TLS_FAILED),
    (ConnectionError, FetchCode.CONNECTION_FAILED),
    (HTTPException, FetchCode.BAD_RESPONSE),
    (HTTPError, FetchCode.BAD_RESPONSE),
    (OSError, FetchCode.CONNECTION_FAILED),
)
"""Codes of the exceptions of urllib3, http.client and sockets, subclasses before base classes."""

_EXPECTED = tuple(kind for kind, _ in _ERROR_CODES)


@dataclass(frozen=True, slots=True)
class FetchPolicy:
    """Limits of every fetch.

    ``max_bytes`` limits the body; ``deadline_seconds`` covers the whole fetch (15 MB in 20 s is 6
    Mbit/s); up to ``max_redirects`` redirects are followed, and each target is checked again.
    ``allow_addresses`` are exceptions to the rules for addresses and ports; ``test_host`` is the
    host and port of one more, for development.
    """

    max_bytes: int = 15_000_000
    deadline_seconds: float = 20.0
    max_redirects: int = 3
    allowed_ports: frozenset[int] = frozenset({80, 443})
    user_agent: str = "moziweb"
    allow_addresses: tuple[AllowedNetwork, ...] = ()
    test_host: tuple[str, int] | None = None

    def check_url(self, url: str) -> None:
        """Raise `ForbiddenUrl` for a URL that is never fetched, by its form and its port."""
        target = parse_image_url(url)
        if not self.permits_port(target):
            raise ForbiddenPort(f"port {target.port}")

    def permits_port(self, target: ParsedUrl) -> bool:
        """Return whether the port of a URL is allowed for any address."""
        ports = {*self.allowed_ports, *(allowed.port for allowed in self.allow_addresses)}
        return target.port in ports or self.is_test_host(target)

    def is_test_host(self, target: ParsedUrl) -> bool:
        """Return whether a URL is at ``test_host``, which may have any address."""
        return (target.host, target.port) == self.test_host

    def permits(self, address: IPAddress, port: int) -> bool:
        """Return whether a connection to ``address`` on ``port`` is allowed."""
        is_usual = port in self.allowed_ports and is_public(address)
        return is_usual or any(each.permits(address, port) for each in self.allow_addresses)


DEFAULT_POLICY: Final = FetchPolicy()
"""The usual limits, and no exception to the rules."""


@cache
def _system_authorities() -> ssl.SSLContext:
    """Load the system's CA certificates on first use: this is slow compared to the start-up."""
    return ssl.create_default_context()


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches images under a policy. It has no state between fetches, so threads can share it.

    ``resolver`` has the signature of `socket.getaddrinfo`; ``ssl_context`` must verify certificates
    and host names (default: the system's CA certificates).
    """

    policy: FetchPolicy
    resolver: Resolver = socket.getaddrinfo
    ssl_context: ssl.SSLContext | None = None

    def fetch(self, url: str, validators: Validators = NO_VALIDATORS) -> Fetched | None:
        """Fetch ``url``; return the response, or None if the server answers 304.

        ``validators`` come from an earlier `Fetched`. They are sent to their ``final_url`` only
        (default: ``url``). Raises `FetchError` for every failure of the network or the server.
        """
        budget = RequestBudget(self.policy.deadline_seconds)
        target = self._target(url)
        validators = replace(validators, final_url=validators.final_url or target.url)
        for _ in range(self.policy.max_redirects + 1):
            with _converted_errors():
                outcome = self._hop(target, validators, budget)
            if not isinstance(outcome, ParsedUrl):
                return outcome
            target = outcome
        raise FetchError(FetchCode.TOO_MANY_REDIRECTS, target.url)

    def _hop(
        self, target: ParsedUrl, validators: Validators, budget: RequestBudget
    ) -> Fetched | ParsedUrl | None:
        """The response, the target of a redirect, or None after a 304."""
        addresses = self._addresses(target, budget)
        conditions = _conditions(validators) if target.url == validators.final_url else {}
        trust = self.ssl_context or _system_authorities()
        with open_connection(target, addresses, budget, trust) as connection:
            response = self._request(connection, target, conditions, budget)
            with closing(response):
                status, headers = response.status, response.headers
                if status in response_headers.REDIRECTS:
                    return self._target(response_headers.redirect_location(headers, target.url))
                if status == 304 and conditions:
                    return None
                if status != 200:
                    raise response_headers.status_error(status, headers)
                return self._fetched(response, target, budget)

    def _target(self, url: str) -> ParsedUrl:
        try:
            target = parse_image_url(url)
        except ForbiddenUrl as error:
            raise FetchError(FetchCode.BAD_URL, str(error)) from error
        if not self.policy.permits_port(target):
            raise FetchError(FetchCode.FORBIDDEN_PORT, f"port {target.port}")
        return target

    def _addresses(self, target: ParsedUrl, budget: RequestBudget) -> tuple[IPAddress, ...]:
        """Return the target's addresses; raise `FetchError` if any of them is not permitted."""
        addresses = (target.address,) if target.address else self._resolved(target, budget)
        for address in () if self.policy.is_test_host(target) else addresses:
            if not self.policy.permits(address, target.port):
                raise FetchError(FetchCode.FORBIDDEN_ADDRESS, f"{target.host} is at {address}")
        return addresses

    def _resolved(self, target: ParsedUrl, budget: RequestBudget) -> tuple[IPAddress, ...]:
        try:
            addresses = resolve(self.resolver, target.host, target.port, budget)
        except TimeoutError:
            raise
        except (OSError, ValueError) as error:
            raise FetchError(FetchCode.DNS_FAILED, f"{target.host}: {error}") from error
        if not addresses:
            raise FetchError(FetchCode.DNS_FAILED, f"{target.host} has no address")
        return addresses

    def _request(
        self,
        connection: HTTPConnection,
        target: ParsedUrl,
        conditions: dict[str, str],
        budget: RequestBudget,
    ) -> HTTPResponse:
        headers = {
            "User-Agent": self.policy.user_agent,
            "Accept": ACCEPT,
            "Accept-Encoding": "identity",
            "Connection": "close",
            **conditions,
        }
        budget.grant(MAX_RESPONSE_HEAD_BYTES)
        try:
            connection.request("GET", target.path, headers=headers, preload_content=False)
            return connection.getresponse()
        except WireLimitError as error:
            raise FetchError(FetchCode.BAD_RESPONSE, "headers without end") from error

    def _fetched(self, response: HTTPResponse, target: ParsedUrl, budget: RequestBudget) -> Fetched:
        headers = response.headers
        response_headers.refuse_pages(headers)
        response_headers.require_identity_encoding(headers)
        if (response_headers.announced_bytes(headers) or 0) > self.policy.max_bytes:
            raise FetchError(FetchCode.TOO_MANY_BYTES, "by its Content-Length")
        # Typical servers need less than 1 % for chunk framing. MAX_RESPONSE_HEAD_BYTES covers bytes
        # of the body that were received together with the headers.
        budget.grant(2 * self.policy.max_bytes + MAX_RESPONSE_HEAD_BYTES)
        etag = response_headers.entity_tag(headers.get("etag"))
        last_modified = response_headers.http_date(headers.get("last-modified"))
        return Fetched(self._body(response), Validators(etag, last_modified, target.url))

    def _body(self, response: HTTPResponse) -> bytes:
        body = BytesIO()
        while chunk := response.read1(_CHUNK_BYTES, decode_content=False):
            if body.tell() + len(chunk) > self.policy.max_bytes:
                raise FetchError(FetchCode.TOO_MANY_BYTES, "by count")
            body.write(chunk)
        return body.getvalue()


def _conditions(validators: Validators) -> dict[str, str]:
    headers = {
        "If-None-Match": response_headers.entity_tag(validators.etag),
        "If-Modified-Since": response_headers.http_date(validators.last_modified),
    }
    return {name: value for name, value in headers.items() if value is not None}


@contextmanager
def _converted_errors() -> Iterator[None]:
    try:
        yield
    except _EXPECTED as error:
        # urllib3 wraps exceptions of the socket and http.client that occur in the body.
        wrapped = isinstance(error, HTTPError) and isinstance(error.__cause__, _EXPECTED)
        cause = error.__cause__ if wrapped else error
        code = next(code for kind, code in _ERROR_CODES if isinstance(cause, kind))
        raise FetchError(code, repr(cause)) from error
