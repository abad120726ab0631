"""The manager's cookies as browsers and others send them."""

import time

import pytest
from pyramid.registry import Registry
from pyramid.testing import DummyRequest

from moziweb.manager.auth.cookies import SESSION


def read(header: str) -> str:
    request = DummyRequest(environ={"HTTP_COOKIE": header})
    request.registry = Registry()
    request.registry.settings = {"site.base_url": "https://moziweb.example"}
    return SESSION.read(request)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("", ""),
        ("__Secure-moziweb_session=abc", "abc"),
        ("other=1; __Secure-moziweb_session=abc; x=2", "abc"),
        ("other=1;__Secure-moziweb_session=abc;x=2", "abc"),
        ("__Secure-moziweb_session=first; __Secure-moziweb_session=second", "first"),
        ("__Secure-moziweb_session=a=b==", "a=b=="),
        ("moziweb_session=abc", ""),
        ("x__Secure-moziweb_session=abc", ""),
        ("__Secure-moziweb_session", ""),
        ("a; =; ==; __Secure-moziweb_session=abc", "abc"),
    ],
)
def test_session_cookie_is_read(header: str, value: str) -> None:
    assert read(header) == value


@pytest.mark.parametrize("header", ["a" * 16_000, 'x="' + "a" * 16_000, "(" * 16_000, "a;" * 8_000])
def test_costly_header_is_read_at_once(header: str) -> None:
    began = time.thread_time()
    assert read(header) == ""
    assert time.thread_time() - began < 0.1
