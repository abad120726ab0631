"""The manager's cookies: their paths, their names, and which one is read."""

from types import SimpleNamespace

import pytest
from pyramid.response import Response

from moziweb.manager.auth.cookies import PRE_LOGIN, SESSION, is_manager_request
from moziweb.request import Request


def request_of(cookie: str = "", path: str = "/manager", base_url: str = "https://x.hu") -> Request:
    request = Request.blank(path, headers={"Cookie": cookie} if cookie else {})
    request.registry = SimpleNamespace(settings={"site.base_url": base_url})
    return request


@pytest.mark.parametrize(
    ("base_url", "name", "secure"),
    [
        ("https://x.hu", "__Secure-moziweb_session", True),
        ("http://x.hu", "moziweb_session", False),
    ],
)
def test_cookie_is_set_for_both_languages(base_url: str, name: str, secure: bool) -> None:
    response = Response()
    SESSION.write(request_of(base_url=base_url), response, "token")
    hungarian, english = response.headers.getall("Set-Cookie")
    for text, path in ((hungarian, "/manager"), (english, "/en/manager")):
        value, *rest = text.split("; ")
        assert value == f"{name}=token"
        assert {"HttpOnly", "SameSite=Lax", f"Path={path}"} <= set(rest)
        assert ("secure" in rest) is secure
        assert not any(each.startswith(("Domain", "Max-Age", "expires")) for each in rest)


def test_removed_cookie_has_no_value_and_no_life() -> None:
    response = Response()
    SESSION.remove(request_of(), response)
    texts = response.headers.getall("Set-Cookie")
    assert len(texts) == 2
    for text in texts:
        assert text.startswith("__Secure-moziweb_session=; ")
        assert "Max-Age=0" in text


@pytest.mark.parametrize(
    ("cookie", "value"),
    [
        ("__Secure-moziweb_session=a", "a"),
        ("x=1; __Secure-moziweb_session=a; y=2", "a"),
        ("__Secure-moziweb_session=a; __Secure-moziweb_session=planted", "a"),
        ("moziweb_session=planted", ""),
        ("moziweb_session=planted; __Secure-moziweb_session=a", "a"),
        ("__Secure-moziweb_before=a", ""),
        ("x__Secure-moziweb_session=a", ""),
        ("__Secure-moziweb_session", ""),
        ("=; ;;,", ""),
        ("", ""),
    ],
)
def test_first_cookie_with_the_whole_name_is_read(cookie: str, value: str) -> None:
    assert SESSION.read(request_of(cookie)) == value


def test_cookies_do_not_share_values() -> None:
    request = request_of("__Secure-moziweb_before=b; __Secure-moziweb_session=s")
    assert (PRE_LOGIN.read(request), SESSION.read(request)) == ("b", "s")


@pytest.mark.parametrize(
    ("path", "is_inside"),
    [
        ("/manager", True),
        ("/manager/", True),
        ("/en/manager/movies", True),
        ("/", False),
        ("/managers", False),
        ("/MANAGER", False),
        ("/en/", False),
        ("/movie/1-manager", False),
    ],
)
def test_paths_of_the_manager(path: str, is_inside: bool) -> None:
    assert is_manager_request(request_of(path=path)) is is_inside
