"""Request budgets, lookups, and connections to checked addresses."""

import socket
import ssl
from ipaddress import ip_address

import pytest
from urllib3.exceptions import ProtocolError

from moziweb.posters.fetching.pinned_connection import (
    AddressRecord,
    RequestBudget,
    WireLimitError,
    open_connection,
    resolve,
)
from moziweb.posters.fetching.url_policy import parse_image_url
from tests.posters.hostile_host import LOOPBACK, HostileHost, head, raw

IN_TIME = 8.0


class Clock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def ample_budget() -> RequestBudget:
    """A budget that is large enough for all tests of this module."""
    budget = RequestBudget(IN_TIME, Clock())
    budget.grant(1_000_000)
    return budget


def test_deadline_raises_timeout() -> None:
    clock = Clock()
    budget = RequestBudget(2.0, clock)

    clock.now += 1.5
    assert budget.seconds_left() == 0.5
    clock.now += 0.5
    with pytest.raises(TimeoutError):
        budget.seconds_left()


def test_bytes_above_the_grant_are_an_error() -> None:
    budget = ample_budget()
    budget.grant(10)

    budget.spend(4)
    budget.spend(6)
    with pytest.raises(WireLimitError):
        budget.spend(1)


def test_grant_replaces_the_remaining_bytes() -> None:
    budget = ample_budget()

    budget.grant(5)
    with pytest.raises(WireLimitError):
        budget.spend(6)


def test_lookup_returns_distinct_addresses_in_order() -> None:
    def resolver(host: str, port: int, family: int, kind: int) -> list[AddressRecord]:
        assert (host, port, family, kind) == (
            "posters.test",
            443,
            socket.AF_UNSPEC,
            socket.SOCK_STREAM,
        )
        found = ("93.184.216.34", "2606:4700:4700::1111", "93.184.216.34")
        return [(0, kind, 6, "", (address, port)) for address in found]

    assert resolve(resolver, "posters.test", 443, ample_budget()) == (
        ip_address("93.184.216.34"),
        ip_address("2606:4700:4700::1111"),
    )


def test_lookup_works_with_the_system_resolver() -> None:
    assert ip_address(LOOPBACK) in resolve(socket.getaddrinfo, LOOPBACK, 80, ample_budget())


@pytest.mark.parametrize(
    "error", [socket.gaierror(socket.EAI_AGAIN, "later"), UnicodeError("idna")]
)
def test_lookup_raises_the_resolvers_errors(error: Exception) -> None:
    def resolver(_host: str, _port: int, _family: int, _kind: int) -> list[AddressRecord]:
        raise error

    with pytest.raises(type(error)):
        resolve(resolver, "posters.test", 80, ample_budget())


def test_socket_is_closed_before_the_response_is_read() -> None:
    """Neither http.client nor urllib3 closes it: the response may still be read."""
    with HostileHost() as host:
        host.on("/a", raw(head(200, {}) + b"picture"))
        target = parse_image_url(host.url("/a"))
        addresses = [ip_address(LOOPBACK)]
        with open_connection(target, addresses, ample_budget(), ssl.create_default_context()) as it:
            it.request("GET", "/a", preload_content=False)
            response = it.getresponse()
        with pytest.raises(ProtocolError, match="Bad file descriptor"):
            response.read()


def test_connection_without_an_address_fails() -> None:
    target = parse_image_url("http://posters.test/")
    with (
        open_connection(target, [], ample_budget(), ssl.create_default_context()) as connection,
        pytest.raises(OSError, match="no address"),
    ):
        connection.request("GET", "/")


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://[2606:4700:4700::1111]/", b"[2606:4700:4700::1111]"),
        ("http://[2606:4700:4700::1111]:8080/", b"[2606:4700:4700::1111]:8080"),
        ("http://posters.test./", b"posters.test"),
        ("http://filmek.hu/", b"filmek.hu"),
        ("http://őszi.filmek.hu/", b"xn--szi-5xa.filmek.hu"),
    ],
)
def test_host_header_is_the_urls_host(url: str, host: bytes) -> None:
    target = parse_image_url(url)
    near, far = socket.socketpair()
    with near, far, open_connection(target, [], ample_budget(), ssl.create_default_context()) as it:
        it.sock = near
        it.request("GET", target.path)
        assert b"\r\nHost: " + host + b"\r\n" in far.recv(65536)
