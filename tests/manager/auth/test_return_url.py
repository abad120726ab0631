"""Where a browser goes after sign-in: paths of the manager only."""

import pytest
from webtest import TestApp

from moziweb.manager.auth.return_url import has_own_origin, safe_return_url
from moziweb.request import Request


@pytest.mark.parametrize(
    "url",
    [
        "/manager",
        "/en/manager",
        "/manager/movies/12",
        "/manager/movies?show=no-date&sort=title&after=t~abc~1",
        "/manager/movies?q=%C5%B1r+odiss%C3%A9a",
        "/manager/movies/new?copy=3",
    ],
)
def test_page_of_the_manager_is_safe(url: str) -> None:
    assert safe_return_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/",
        "/search?q=x",
        "/managers",
        "/manager.evil.example",
        "/manager@evil.example",
        "//evil.example/manager",
        "///evil.example",
        "/\\evil.example",
        "/manager/\\evil.example",
        "/manager//evil.example",
        "https://evil.example/manager",
        "javascript:alert(1)//manager",
        "/manager/../search",
        "/manager/./movies",
        "/manager/%2e%2e/search",
        "/manager/movies\r\nSet-Cookie: x=1",
        "/manager/movies?x=\n",
        "/manager\n",
        " /manager",
        "/manager/movies#x",
        "/manager/movies?x=<script>",
        "/hu/manager",
        "/manager/" + "x" * 1000,
    ],
)
def test_anything_else_is_not(url: str) -> None:
    assert safe_return_url(url) is None


@pytest.mark.parametrize(
    ("origin", "is_own"),
    [
        ("http://localhost", True),
        ("https://localhost", False),
        ("http://localhost:80", False),
        ("http://localhost.evil.example", False),
        ("http://localhost/", False),
        ("null", False),
        ("", False),
        (None, False),
    ],
)
def test_own_origin(site: TestApp, origin: str | None, is_own: bool) -> None:
    request = Request.blank("/manager", headers={"Origin": origin} if origin is not None else {})
    request.registry = site.app.registry
    assert has_own_origin(request) is is_own
