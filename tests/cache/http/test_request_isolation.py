"""A cached view gets the path and the declared parameters of a request, and nothing else."""

from typing import Any

import pytest
from pyramid.request import Request

from moziweb.cache import (
    UndeclaredInputError,
)
from moziweb.cache.http.request_isolation import declared_params, isolated
from tests.cache.http.cached_site import Look, Site


@pytest.mark.parametrize(
    ("look", "what"),
    [
        (lambda r: r.session["user"], "the session"),
        (lambda r: r.session.get("user"), "the session"),
        (lambda r: r.session.flash("x"), "the session"),
        (lambda r: "x" if r.session else "y", "the session"),
        (lambda r: r.cookies["user"], "a cookie"),
        (lambda r: r.cookies.get("user"), "a cookie"),
        (lambda r: "user" in r.cookies, "a cookie"),
        (lambda r: dict(r.cookies), "a cookie"),
        (lambda r: r.GET["q"], "parameter 'q'"),
        (lambda r: r.GET.get("q"), "parameter 'q'"),
        (lambda r: r.GET.getall("q"), "parameter 'q'"),
        (lambda r: "q" in r.GET, "parameter 'q'"),
        (lambda r: r.params.get("q"), "parameter 'q'"),
    ],
)
def test_reading_data_of_one_visitor_raises(site: Site, look: Look, what: str) -> None:
    site.look = look
    with pytest.raises(UndeclaredInputError, match=what):
        site.get("/page/a?q=1", Cookie="user=me")


def test_request_is_restored_after_the_render(site: Site) -> None:
    seen: list[Any] = []
    site.app.app.registry["seen"] = seen

    def look(request: Any) -> str:
        request.add_response_callback(
            lambda r, _: seen.append((r.GET["q"], r.cookies["user"], r.host, r.session.new))
        )
        return "page"

    site.look = look
    site.get("/page/a?q=1", Cookie="user=me", Host="other.example")
    assert seen == [("1", "me", "other.example", True)]


@pytest.mark.parametrize(
    "look",
    [
        lambda r: sorted(k for k in r.environ if k.startswith("HTTP_")),
        lambda r: dict(r.GET),
        lambda r: r.url,
        lambda r: r.host_url + r.path_qs,
        lambda r: (r.remote_addr, r.user_agent, r.method, r.body),
        lambda r: r.route_url("page", name="b"),
        lambda r: str(r.accept_language) + str(r.accept_encoding),
    ],
)
def test_page_is_the_same_for_all_requests(look: Look) -> None:
    plain, odd = Site(), Site()
    plain.look = odd.look = look
    headers = {
        "Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "gopher",
        "Forwarded": "host=evil.example", "User-Agent": "<script>", "Cookie": "_LOCALE_=en",
        "Accept-Language": "en", "X-HTTP-Method-Override": "POST", "X-Original-URL": "/evil",
        "Authorization": "Basic x", "Referer": "https://evil.example",
    }  # fmt: skip
    one = plain.app.get("/page/a")
    other = odd.app.get("/page/a?q=evil&page=9", headers=headers)
    assert one.body == other.body
    assert "evil" not in other.text


def test_declared_parameters_are_part_of_the_key(paged: Site) -> None:
    paged.look = lambda r: (r.GET.get("page"), r.GET.getall("sort"), r.params.get("page"))
    assert paged.get("/page/a?page=2").text == "('2', [], '2')"
    assert paged.get("/page/a").text == "(None, [], None)"
    assert paged.get("/page/a?page=2").text == "('2', [], '2')"
    assert paged.renders == 2


@pytest.mark.parametrize(
    "query", ["?page=2&sort=a", "?sort=a&page=2", "?sort=a&utm=x&page=2", "?page=2&sort=%61"]
)
def test_order_of_parameters_and_undeclared_ones_do_not_matter(paged: Site, query: str) -> None:
    paged.look = lambda r: r.query_string
    assert paged.get("/page/a?page=2&sort=a").text == "page=2&sort=a"
    assert paged.get(f"/page/a{query}").text == "page=2&sort=a"
    assert paged.renders == 1


def test_value_cannot_look_like_another_parameter(paged: Site) -> None:
    paged.look = lambda r: (r.GET.get("page"), r.GET.get("sort"))
    pages = {
        paged.get(f"/page/a?{query}").text
        for query in ("page=1%26sort%3D2", "page=1&sort=2", "sort=1&page=2", "page=1", "page=")
    }
    assert len(pages) == paged.renders == 5


def test_query_that_is_not_utf8_is_rejected(paged: Site) -> None:
    paged.app.get("/page/a?page=%ff", status=400)
    assert paged.renders == 0


def visitor_request(**environ: str) -> Request:
    request = Request.blank("/page/a?q=1&page=2")
    request.environ.update(environ)
    request.headers["Cookie"] = "user=me"
    return request


def test_environ_is_restored_if_the_render_raises() -> None:
    request = visitor_request(REMOTE_ADDR="192.0.2.1", SSL_CLIENT_CERT="me")
    request.session = {"user": "me"}
    before, session = dict(request.environ), request.session

    def render() -> None:
        with isolated(request, (), (), "https://site.example"):
            raise LookupError

    with pytest.raises(LookupError):
        render()
    assert request.environ == before
    assert request.session is session


@pytest.mark.parametrize(
    ("base_url", "port"),
    [
        ("https://site.example", "443"),
        ("http://site.example", "80"),
        ("http://site.example:8", "8"),
    ],
)
def test_neutral_request_has_the_host_of_the_site(base_url: str, port: str) -> None:
    request = visitor_request(REQUEST_METHOD="HEAD", HTTP_HOST="evil.example")
    with isolated(request, (("page", "2"),), ("page",), base_url):
        assert request.url == f"{base_url}/page/a?page=2"
        assert (request.method, request.environ["SERVER_PORT"]) == ("GET", port)
        assert (request.body, request.remote_addr) == (b"", None)
        assert not {"SSL_CLIENT_CERT", "CONTENT_TYPE"} & request.environ.keys()


def test_declared_parameters_are_sorted_and_repeated_ones_keep_their_order() -> None:
    request = Request.blank("/?b=2&a=1&b=1&c=3")
    assert declared_params(request, ["b", "a"]) == (("a", "1"), ("b", "2"), ("b", "1"))
    assert declared_params(request, []) == ()
