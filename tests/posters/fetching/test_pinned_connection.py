"""Allowances, lookups, and connections that go where they are told."""

import socket
import ssl
from ipaddress import ip_address

import pytest
from urllib3.exceptions import ProtocolError

from moziweb.posters.fetching.pinned_connection import (
    AddressRecord,
    RequestBudget,
    WireLimitError,
    look_up,
    open_connection,
)
from moziweb.posters.fetching.url_policy import parse_image_url
from tests.posters.hostile_host import LOOPBACK, HostileHost, head, raw

IN_TIME = 8.0


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def plenty() -> RequestBudget:
    """Time and bytes enough for any of these tests."""
    allowance = RequestBudget(IN_TIME, Clock())
    allowance.grant(1_000_000)
    return allowance


def test_time_runs_out() -> None:
    clock = Clock()
    allowance = RequestBudget(2.0, clock)

    clock.now += 1.5
    assert allowance.seconds_left() == 0.5
    clock.now += 0.5
    with pytest.raises(TimeoutError):
        allowance.seconds_left()


def test_bytes_run_out() -> None:
    allowance = plenty()
    allowance.grant(10)

    allowance.spend(4)
    allowance.spend(6)
    with pytest.raises(WireLimitError):
        allowance.spend(1)


def test_a_grant_replaces_what_was_left() -> None:
    allowance = plenty()

    allowance.grant(5)
    with pytest.raises(WireLimitError):
        allowance.spend(6)


def test_a_lookup_gives_each_address_once_in_order() -> None:
    def resolver(host: str, port: int, family: int, kind: int) -> list[AddressRecord]:
        assert (host, port, family, kind) == (
            "posters.test",
            443,
            socket.AF_UNSPEC,
            socket.SOCK_STREAM,
        )
        found = ("93.184.216.34", "2606:4700:4700::1111", "93.184.216.34")
        return [(0, kind, 6, "", (address, port)) for address in found]

    assert look_up(resolver, "posters.test", 443, plenty()) == (
        ip_address("93.184.216.34"),
        ip_address("2606:4700:4700::1111"),
    )


def test_the_systems_resolver_fits() -> None:
    assert ip_address(LOOPBACK) in look_up(socket.getaddrinfo, LOOPBACK, 80, plenty())


@pytest.mark.parametrize(
    "error", [socket.gaierror(socket.EAI_AGAIN, "later"), UnicodeError("idna")]
)
def test_a_lookup_passes_errors_on(error: Exception) -> None:
    def resolver(_host: str, _port: int, _family: int, _kind: int) -> list[AddressRecord]:
        raise error

    with pytest.raises(type(error)):
        look_up(resolver, "posters.test", 80, plenty())


def test_the_socket_is_closed_whatever_became_of_the_response() -> None:
    """http.client lets go of a response that ends with the connection, urllib3 of a bad one."""
    with HostileHost() as host:
        host.on("/a", raw(head(200, {}) + b"picture"))
        target = parse_image_url(host.url("/a"))
        addresses = [ip_address(LOOPBACK)]
        with open_connection(target, addresses, plenty(), ssl.create_default_context()) as it:
            it.request("GET", "/a", preload_content=False)
            response = it.getresponse()
        with pytest.raises(ProtocolError, match="Bad file descriptor"):
            response.read()


def test_no_address_is_no_connection() -> None:
    target = parse_image_url("http://posters.test/")
    with (
        open_connection(target, [], plenty(), ssl.create_default_context()) as connection,
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
def test_the_host_header_is_the_urls(url: str, host: bytes) -> None:
    target = parse_image_url(url)
    near, far = socket.socketpair()
    with near, far, open_connection(target, [], plenty(), ssl.create_default_context()) as it:
        it.sock = near
        it.request("GET", target.path)
        assert b"\r\nHost: " + host + b"\r\n" in far.recv(65536)
