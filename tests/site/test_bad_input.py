"""Invalid and hostile requests get an error page, never a 500."""

import re
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from webtest import TestApp
from webtest.lint import WSGIWarning

from moziweb.site import OTHERS, PAGES

ODD = [
    "0",
    "-1",
    "1.5",
    "1e9",
    "2147483648",
    "9223372036854775808",
    "9" * 400,
    "%00",
    "1%00",
    "1-%00",
    "2026-W54",
    "2027-W53",
    "2026-W00",
    "1800-01",
    "9999-12",
    "0000-00",
    "2026-13",
    "%ff",
    "%c3%28",
    "%ed%a0%80",
    "..",
    "%2e%2e%2f",
    "%0d%0aSet-Cookie:a",
    "'; DROP TABLE movie;--",
    "%F0%9F%8E%AC",
    "a" * 3000,
    "",
    "%",
    "{}",
    "${1}",
    "<script>",
]
PLACES = [
    *(re.sub(r"{.+?}", "{}", path) for _name, path in (*PAGES, *OTHERS) if "{" in path),
    "/{}",
    "/en{}",
    "/en/movie/{}",
    "/en/week/{}",
    "/jump?date={}",
    "/suggest?q={}",
    "/my.ics?m={}",
    "/api/{}",
    "/api/v1/{}",
    "/poster/{}",
    "/poster/{}-x.1.jpg",
    "/poster/1-x.{}.thumb.webp",
    "/objects/{}",
    "/static/{}",
    "/?{}",
    "/week/2026-W34?{}",
]
EXPECTED = {200, 301, 302, 400, 404}


def request_status(app: TestApp, path: str) -> int:
    """Request a path without quoting it and return the status. Errors must be pages of the site."""
    response = app.get(path.replace(" ", "%20"), expect_errors=True)
    if response.status_int in {400, 404} and response.content_type == "text/html":
        assert 'class="masthead"' in response.text
    status: int = response.status_int
    return status


@pytest.mark.parametrize("place", PLACES)
def test_odd_values_never_raise_500(demo_app: TestApp, place: str) -> None:
    for value in ODD:
        assert request_status(demo_app, place.replace("{}", value)) in EXPECTED, value


@given(
    place=st.sampled_from(PLACES),
    raw=st.one_of(
        st.binary(max_size=40), st.text(max_size=20).map(lambda t: t.encode("utf-8", "replace"))
    ),
)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_arbitrary_bytes_never_raise_500(demo_app: TestApp, place: str, raw: bytes) -> None:
    assert request_status(demo_app, place.replace("{}", quote(raw, safe="/-.:"))) in EXPECTED


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nincs", 404),
        ("/week/2026-W54", 404),
        ("/week/2027-W53", 404),
        ("/month/1800-01", 404),
        ("/movie/999999-x", 404),
        ("/%ff", 400),
        ("/jump?date=nonsense", 400),
    ],
)
def test_error_page_is_in_the_language_of_its_path(
    demo_app: TestApp, path: str, status: int
) -> None:
    page = demo_app.get(path, status=status)
    assert '<html lang="hu">' in page.text
    assert 'content="noindex"' in page.text
    assert 'rel="canonical"' not in page.text
    assert re.search(r'<ul class="ways-out">.*?href="/week/2026-W34"', page.text, re.DOTALL)
    if status == 404:
        assert '<html lang="en">' in demo_app.get(f"/en{path}", status=404).text


@pytest.mark.parametrize("path", ["/", "/week/2026-W34", "/movie/1-x", "/api/main/", "/robots.txt"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_pages_reject_other_methods(demo_app: TestApp, path: str, method: str) -> None:
    response = demo_app.request(path, method=method, status=405)
    assert response.allow == ("GET", "HEAD", "OPTIONS")


@pytest.mark.parametrize(
    "path",
    ["/", "/en/week/2026-W34", "/movie/1-x", "/api/main/", "/robots.txt", "/static/site.css"],
)
def test_options_lists_methods(demo_app: TestApp, path: str) -> None:
    response = demo_app.options(path, status=204)
    assert response.allow == ("GET", "HEAD", "OPTIONS")
    assert response.body == b""
    assert "Content-Security-Policy" in response.headers


def test_options_of_an_unknown_path_is_404(demo_app: TestApp) -> None:
    demo_app.options("/nincs", status=404)


def test_unknown_method_is_405(demo_app: TestApp) -> None:
    for path, status in (("/", 405), ("/nincs", 404), ("/poster/999999-x.1.jpg", 404)):
        with pytest.warns(WSGIWarning, match="BREW"):
            demo_app.request(path, method="BREW", status=status)


@pytest.mark.parametrize(
    "path", ["/", "/week/2026-W34", "/api/main/", "/static/site.css", "/nincs"]
)
def test_head_is_get_without_the_body(demo_app: TestApp, path: str) -> None:
    get = demo_app.get(path, expect_errors=True)
    head = demo_app.head(path, expect_errors=True)
    assert head.body == b""
    assert (head.status, head.content_type) == (get.status, get.content_type)


def test_host_header_is_not_reflected(demo_app: TestApp) -> None:
    headers = {"Host": "evil.test", "X-Forwarded-Host": "evil.test"}
    paths = ("/", "/movie/1", "/jump?date=2026-08-20", "/api/main/", "/en", "/nincs", "/api/main")
    for path in (*paths, "/static/fonts", "/objects", "/objects/poster", "/poster"):
        response = demo_app.get(path, headers=headers, expect_errors=True)
        assert "evil.test" not in response.text
        assert "evil.test" not in str(response.headers)


def test_other_charset_is_400(demo_app: TestApp) -> None:
    for path in ("/search?q=a", "/jump?date=x", "/", "/week/2026-W34?a=b"):
        headers = {"Content-Type": "text/html; charset=odd"}
        answer = demo_app.get(path, headers=headers, expect_errors=True)
        assert answer.status_int in EXPECTED, path
