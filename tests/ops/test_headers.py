"""Security headers on every response."""

import re
import shutil
import socket
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from http.client import HTTPResponse
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from pyramid.interfaces import IRoutesMapper
from pyramid.response import Response
from webtest import TestApp

from moziweb.db import retry
from moziweb.ops.headers import (
    FAILURE_CACHE_CONTROL,
    HSTS,
    UNCACHED,
    content_security_policy,
    headers_tween_factory,
    origin_of,
    security_headers,
)
from moziweb.request import Request
from moziweb.server import bind
from moziweb.services import services_of, set_services
from tests import factories
from tests.conftest import BASE_URL, raw_settings, running_app
from tests.services.ports import free_port
from tests.site.cached import CACHED

EXPECTED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Strict-Transport-Security": HSTS,
}
METHODS = ("GET", "HEAD", "POST", "OPTIONS", "DELETE")
PLACEHOLDERS = {"locale": "", "part": "", "week": "2026-W34", "month": "2026-08", "movie": "1-film"}
"""Values of placeholders in route patterns; 1 for all others."""

MORE_URLS = (
    "/static/site.css", "/static/nincs.css", "/nincs", "/%ff", "/jump?date=2026-08-20", "/movie/1",
    "/poster/1-x.1.jpg", "/poster/1-film.jpg", "/poster/1-film.1.thumb.webp", "/week/2026-W99",
)  # fmt: skip


@pytest.fixture
def production(tmp_path: Path, migrated_sqlite: Path) -> Iterator[TestApp]:
    """The application with the settings of production.ini: HSTS, metrics, caches; one movie."""
    copy = tmp_path / "site.sqlite"
    shutil.copyfile(migrated_sqlite, copy)
    settings = raw_settings(f"sqlite:///{copy}", tmp_path) | CACHED
    with running_app(settings | {"site.hsts": "true", "metrics.allow": "127.0.0.1"}) as app:
        app.extra_environ["REMOTE_ADDR"] = "127.0.0.1"
        with services_of(app.app.registry).database.write() as session:
            movie = factories.make_movie(session, "Film", id=1)
            factories.make_premiere(session, movie, date(2026, 8, 20))
            factories.add_poster(session, movie)
        yield app


def urls(app: TestApp) -> list[str]:
    """A URL of every route of the application, so that new routes are tested, too."""
    routes = app.app.registry.getUtility(IRoutesMapper).get_routes()
    found = set(MORE_URLS)
    for route in routes:
        names = re.findall(r"(?:{|\*)(\w+)", route.pattern)
        found.add(route.generate({name: PLACEHOLDERS.get(name, "1") for name in names}))
    assert len(found) > 40
    return sorted(found)


def check(headers: Mapping[str, str], context: object) -> None:
    for name, value in EXPECTED.items():
        assert headers[name] == value, context
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy, context
    assert "unsafe" not in policy, context
    assert "camera=()" in headers["Permissions-Policy"], context
    assert headers.get("Cache-Control"), context


def test_every_response_has_them(production: TestApp) -> None:
    """Cached and other pages, redirects, errors, posters, feeds, files, health checks."""
    seen = set()
    for path in urls(production):
        for method in METHODS:
            answer = production.request(path, method=method, status="*")
            check(answer.headers, (method, path))
            seen.add(answer.status_int)
        etag = production.get(path, status="*").headers.get("ETag")
        if etag:
            same = production.get(path, headers={"If-None-Match": etag}, status="*")
            check(same.headers, (etag, path))
            if same.status_int == 304:
                fresh = production.get(path, headers={"If-None-Match": '"x"'})
                assert same.headers["Cache-Control"] == fresh.headers["Cache-Control"], path
            seen.add(same.status_int)
    assert seen >= {200, 204, 301, 302, 303, 304, 400, 403, 404, 405}

    def broken_clock() -> datetime:
        raise TypeError("the clock is broken")

    services = services_of(production.app.registry)
    set_services(production.app.registry, replace(services, clock=broken_clock))
    for path in ("/undated", "/manager/sign-in", "/jump?date=x"):
        answer = production.get(path, headers={"Cache-Control": "no-cache"}, status="*")
        check(answer.headers, path)
        seen.add(answer.status_int)
        assert answer.status_int < 500 or "no-store" in answer.headers["Cache-Control"]
    assert 500 in seen


def test_errors_of_the_server_have_them(production: TestApp) -> None:
    server: Any = bind(
        production.app, {"host": "127.0.0.1", "port": "0", "max_request_body_size": "10"}
    )
    ended = Event()

    def run() -> None:
        while not ended.is_set():
            server.asyncore.loop(0.02, map=server._map, count=1)

    thread = Thread(target=run)
    thread.start()
    try:
        for code, request_bytes in (
            (400, b"GET / HTTP/1.1\r\nHost: x\r\nno header <script>\r\n\r\n"),
            (400, b"get / HTTP/1.1\r\n\r\n"),
            (413, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n"),
            (501, b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: odd\r\n\r\n"),
        ):
            with socket.create_connection(("127.0.0.1", server.effective_port), 30) as connection:
                connection.sendall(request_bytes)
                with HTTPResponse(connection) as answer:
                    answer.begin()
                    assert answer.status == code
                    check(dict(answer.headers), request_bytes)
                    assert answer.headers["Cache-Control"] == FAILURE_CACHE_CONTROL
    finally:
        ended.set()
        thread.join()
        server.task_dispatcher.shutdown()
        server.asyncore.close_all(server._map)


@pytest.mark.parametrize(
    ("path", "status", "control"),
    [
        ("/search?q=film", 200, UNCACHED),
        ("/about", 200, UNCACHED),
        ("/en/about", 200, UNCACHED),
        ("/jump?date=2026-08-20", 302, UNCACHED),
        ("/jump?date=x", 400, UNCACHED),
        ("/nincs", 404, UNCACHED),
        ("/api/nincs", 404, UNCACHED),
        ("/movie/2-film", 404, "no-cache"),
        ("/movie/1-film", 200, "no-cache"),
        ("/robots.txt", 200, "max-age=86400"),
        ("/static/site.css", 200, "no-store"),
        ("/manager", 303, "private, no-store"),
        ("/manager/sign-in", 200, "private, no-store"),
        ("/__lbheartbeat__", 200, "no-store"),
    ],
)
def test_cache_control(production: TestApp, path: str, status: int, control: str) -> None:
    answer = production.get(path, status=status)
    assert answer.headers["Cache-Control"] == control


def test_failures_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "OUTAGE_SECONDS", 0.0)  # do not wait for the database
    url = f"postgresql://nobody@127.0.0.1:{free_port()}/nothing"
    with running_app(raw_settings(url, tmp_path)) as app:
        for path in ("/", "/search?q=film", "/api/main/", "/premieres.ics"):
            assert app.get(path, status=503).headers["Cache-Control"] == FAILURE_CACHE_CONTROL
        assert app.get("/manager", status="*").headers["Cache-Control"] == FAILURE_CACHE_CONTROL


def test_policy_forbids_inline_content() -> None:
    policy = content_security_policy("")
    assert policy == (
        "default-src 'none'; base-uri 'none'; connect-src 'self'; font-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; frame-src https://www.youtube-nocookie.com; "
        "img-src 'self'; manifest-src 'self'; script-src 'self'; style-src 'self'; "
        "worker-src 'self'"
    )


def test_policy_allows_images_of_the_storage() -> None:
    policy = content_security_policy("https://moziweb.test", "https://cdn.test")
    assert "img-src 'self' https://moziweb.test https://cdn.test;" in policy
    assert "img-src 'self' https://cdn.test;" in content_security_policy("", "https://cdn.test")


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://cdn.test/bucket/poster", "https://cdn.test"),
        ("http://127.0.0.1:9000/bucket/poster", "http://127.0.0.1:9000"),
        ("/objects/poster", ""),
    ],
)
def test_origin_of_a_url(url: str, origin: str) -> None:
    assert origin_of(url) == origin


def test_policy_has_the_host_of_the_storage(tmp_path: Path, migrated_sqlite: Path) -> None:
    settings = raw_settings(f"sqlite:///{migrated_sqlite}", tmp_path)
    with running_app(settings | {"storage.base_url": "https://cdn.test/img"}) as app:
        policy = app.get("/__lbheartbeat__").headers["Content-Security-Policy"]
    assert f"img-src 'self' {BASE_URL} https://cdn.test;" in policy


def test_hsts_is_not_sent_if_it_is_off() -> None:
    assert "Strict-Transport-Security" not in security_headers("", hsts=False)


def test_response_keeps_its_own_header(app: TestApp) -> None:
    def strict(request: Request) -> Response:
        return Response(headerlist=[("Referrer-Policy", "no-referrer")])

    tween = headers_tween_factory(strict, app.app.registry)
    assert tween(Request.blank("/")).headers["Referrer-Policy"] == "no-referrer"


def test_failing_error_page_is_answered_and_logged(
    app: TestApp, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(request: Request) -> Response:
        raise RuntimeError("the template of the error page is broken")

    response = headers_tween_factory(broken, app.app.registry)(Request.blank("/x?y"))
    assert response.status_int == 500
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "RuntimeError" in caplog.text
    assert "GET /x failed" in caplog.text  # a query may have the token of a link
