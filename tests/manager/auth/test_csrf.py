"""CSRF tokens: of the session, and before sign-in of the browser."""

from typing import Any

import pytest
from pyramid.response import Response
from webtest import TestApp

from moziweb.manager.auth.csrf import CSRFTokens
from moziweb.request import Request
from tests.manager.conftest import csrf_of

TOKENS = CSRFTokens()


def request_of(site: TestApp, path: str = "/manager/sign-in", **cookies: str) -> Request:
    """A request with cookies, before a view runs."""
    text = "; ".join(f"{name}={value}" for name, value in cookies.items())
    request = Request.blank(path, headers={"Cookie": text} if text else {})
    request.registry = site.app.registry
    return request


def cookies_set(request: Any) -> list[str]:
    """The ``Set-Cookie`` headers that the response to a request would have."""
    response = Response()
    request._process_response_callbacks(response)
    return response.headers.getall("Set-Cookie")


def test_new_browser_gets_one_token_for_both_languages(site: TestApp) -> None:
    request = request_of(site)
    token = TOKENS.get_csrf_token(request)
    assert len(token) >= 43  # 256 bits
    assert TOKENS.get_csrf_token(request) == token
    set_ = cookies_set(request)
    assert [each.partition(";")[0] for each in set_] == [f"moziweb_before={token}"] * 2
    assert [("Path=/manager;" in each, "Path=/en/manager;" in each) for each in set_] == [
        (True, False),
        (False, True),
    ]
    assert all("HttpOnly" in each and "SameSite=Lax" in each for each in set_)
    assert TOKENS.get_csrf_token(request_of(site)) != token


def test_browser_keeps_its_token(site: TestApp) -> None:
    request = request_of(site, moziweb_before="given-before")
    assert TOKENS.get_csrf_token(request) == "given-before"
    assert cookies_set(request) == []
    assert TOKENS.check_csrf_token(request, "given-before")


def test_session_has_a_token_of_its_own(site: TestApp, editor: TestApp) -> None:
    session = editor.cookies["moziweb_session"]
    request = request_of(site, "/manager", moziweb_session=session, moziweb_before="given-before")
    token = TOKENS.get_csrf_token(request)
    assert token == csrf_of(editor)
    assert token == editor.get("/manager/account").forms[0]["csrf_token"].value
    assert TOKENS.check_csrf_token(request, token)
    assert not TOKENS.check_csrf_token(request, "given-before")
    assert not TOKENS.check_csrf_token(request, session)
    assert cookies_set(request) == []


def test_token_of_another_session_is_refused(
    site: TestApp, editor: TestApp, admin: TestApp
) -> None:
    request = request_of(site, "/manager", moziweb_session=editor.cookies["moziweb_session"])
    assert not TOKENS.check_csrf_token(request, csrf_of(admin))


@pytest.mark.parametrize(
    "supplied", ["", "x", "given-befor", "given-before ", "GIVEN-BEFORE", "\xff"]
)
def test_only_the_whole_token_is_accepted(site: TestApp, supplied: str) -> None:
    assert not TOKENS.check_csrf_token(request_of(site, moziweb_before="given-before"), supplied)


@pytest.mark.parametrize("cookies", [{}, {"moziweb_before": ""}, {"moziweb_session": "over"}])
def test_browser_without_a_token_has_no_valid_one(site: TestApp, cookies: dict[str, str]) -> None:
    for supplied in ("", "x"):
        assert not TOKENS.check_csrf_token(request_of(site, **cookies), supplied)


@pytest.mark.parametrize(
    "supplied", [b"\xff\xfe", b"%ED%A0%80", b"%00", "é".encode(), b"x" * 50_000]
)
def test_malformed_token_is_400(anonymous: TestApp, supplied: bytes) -> None:
    anonymous.get("/manager/sign-in")
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    body = b"name=x&password=y&csrf_token=" + supplied
    assert anonymous.post("/manager/sign-in", body, headers, status="*").status_int == 400
    headers |= {"X-CSRF-Token": supplied[:1000].decode("latin-1")}
    assert anonymous.post("/manager/sign-in", b"name=x", headers, status="*").status_int == 400
