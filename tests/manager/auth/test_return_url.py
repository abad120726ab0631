"""Where a browser goes after sign-in: paths of the manager only."""

from types import SimpleNamespace
from typing import Any

import pytest
from pyramid.testing import DummyRequest

from moziweb.manager.auth.return_url import (
    has_own_origin,
    is_htmx,
    keeps_draft,
    return_url_of,
    safe_return_url,
)


@pytest.mark.parametrize(
    "url",
    [
        "/manager",
        "/en/manager",
        "/manager/movies/12",
        "/manager/movies?show=no-date&sort=title&after=t~abc~1",
        "/manager/movies?q=%C5%B1r+odiss%C3%A9a",
        "/manager/movies/new?copy=3",
        "/manager/" + "x" * 991,
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
        "/manager/" + "x" * 992,
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
def test_own_origin(origin: str | None, is_own: bool) -> None:
    request = DummyRequest(headers={} if origin is None else {"Origin": origin})
    request.registry = SimpleNamespace(settings={"site.base_url": "http://localhost"})
    assert has_own_origin(request) is is_own


ORIGIN = "https://site.example"


def request_of(method: str, path: str, route: str = "", query: str = "") -> Any:
    request = DummyRequest(path=path, method=method, headers={"Origin": ORIGIN})
    request.registry = SimpleNamespace(settings={"site.base_url": ORIGIN})
    request.path_qs = path + query
    request.matched_route = SimpleNamespace(name=route) if route else None
    return request


def test_get_returns_to_its_url_with_the_query() -> None:
    assert (
        return_url_of(request_of("GET", "/manager/movies", query="?q=a")) == "/manager/movies?q=a"
    )
    assert return_url_of(request_of("GET", "/movie/7")) == ""


@pytest.mark.parametrize(
    ("route", "returned"),
    [
        ("manager.movie", "/manager/movies/7"),
        ("manager.new_movie", "/manager/movies/7"),
        ("manager.users", ""),
        ("manager.sign_out", ""),
        ("", ""),
    ],
)
def test_post_returns_only_to_a_form_that_is_kept(route: str, returned: str) -> None:
    request = request_of("POST", "/manager/movies/7", route, "?q=a")
    assert return_url_of(request) == returned
    assert keeps_draft(request) is bool(returned)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_unsafe_path_is_returned_to_as_the_overview(method: str) -> None:
    request = request_of(method, "/manager/movies/<script>", "manager.movie")
    assert return_url_of(request) == ""


def test_form_of_another_site_keeps_no_draft() -> None:
    request = request_of("POST", "/manager/movies/7", "manager.movie")
    request.headers["Origin"] = "https://evil.example"
    assert not keeps_draft(request)
    assert return_url_of(request) == ""


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_only_a_post_of_a_form_keeps_a_draft(method: str) -> None:
    assert not keeps_draft(request_of(method, "/manager/movies/7", "manager.movie"))


@pytest.mark.parametrize(("header", "is_so"), [("true", True), ("false", False), (None, False)])
def test_htmx_is_known_by_its_header(header: str | None, is_so: bool) -> None:
    headers = {} if header is None else {"HX-Request": header}
    assert is_htmx(DummyRequest(headers=headers)) is is_so
