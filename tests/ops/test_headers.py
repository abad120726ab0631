"""Security headers, on whatever is answered."""

from pathlib import Path

import pytest
from pyramid.request import Request
from pyramid.response import Response
from webtest import TestApp

from moziweb.ops.headers import (
    HSTS,
    content_security_policy,
    headers_tween_factory,
    origin_of,
    security_headers,
)
from tests.conftest import raw_settings, running_app

EXPECTED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/nincs",
        "/%ff",
        "/jump?date=2026-08-20",
        "/jump",
        "/static/site.css",
        "/static/nincs.css",
        "/api/main/",
        "/api/movie/1",
        "/poster/1-x.1.jpg",
        "/objects/x",
        "/robots.txt",
        "/favicon.ico",
        "/__lbheartbeat__",
        "/__heartbeat__",
    ],
)
def test_every_response_carries_them(app: TestApp, path: str) -> None:
    headers = app.get(path, expect_errors=True).headers
    for name, value in EXPECTED.items():
        assert headers[name] == value
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "camera=()" in headers["Permissions-Policy"]
    assert "Strict-Transport-Security" not in headers


def test_the_policy_allows_nothing_inline() -> None:
    policy = content_security_policy("")
    assert policy == (
        "default-src 'none'; base-uri 'none'; connect-src 'self'; font-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; img-src 'self'; manifest-src 'self'; "
        "script-src 'self'; style-src 'self'"
    )


def test_pictures_may_come_from_storage() -> None:
    assert "img-src 'self' https://cdn.test;" in content_security_policy("https://cdn.test")


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://cdn.test/bucket/poster", "https://cdn.test"),
        ("http://127.0.0.1:9000/bucket/poster", "http://127.0.0.1:9000"),
        ("/objects/poster", ""),
    ],
)
def test_the_origin_of_an_address(url: str, origin: str) -> None:
    assert origin_of(url) == origin


def test_storage_of_another_host_is_in_the_policy(tmp_path: Path, migrated_sqlite: Path) -> None:
    settings = raw_settings(f"sqlite:///{migrated_sqlite}", tmp_path)
    with running_app(settings | {"storage.base_url": "https://cdn.test/img"}) as app:
        policy = app.get("/__lbheartbeat__").headers["Content-Security-Policy"]
    assert "img-src 'self' https://cdn.test;" in policy


def test_hsts_is_sent_where_it_is_wanted(tmp_path: Path, migrated_sqlite: Path) -> None:
    settings = raw_settings(f"sqlite:///{migrated_sqlite}", tmp_path)
    with running_app(settings | {"site.hsts": "true"}) as app:
        assert app.get("/").headers["Strict-Transport-Security"] == HSTS
    assert "Strict-Transport-Security" not in security_headers("", hsts=False)


def test_a_response_keeps_what_it_set_itself(app: TestApp) -> None:
    def strict(request: Request) -> Response:
        return Response(headerlist=[("Referrer-Policy", "no-referrer")])

    tween = headers_tween_factory(strict, app.app.registry)
    assert tween(Request.blank("/")).headers["Referrer-Policy"] == "no-referrer"


def test_when_even_the_error_page_fails_something_is_said(
    app: TestApp, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(request: Request) -> Response:
        raise RuntimeError("the template of the error page is broken")

    response = headers_tween_factory(broken, app.app.registry)(Request.blank("/x?y"))
    assert response.status_int == 500
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "RuntimeError" in caplog.text
    assert "GET /x?y" in caplog.text
