"""Security headers, on whatever is answered."""

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

from moziweb.ops.headers import (
    HSTS,
    content_security_policy,
    headers_tween_factory,
    origin_of,
    security_headers,
)
from moziweb.request import Request
from moziweb.server import bind
from moziweb.services import services_of, set_services
from tests import factories
from tests.conftest import raw_settings, running_app
from tests.site.cached import CACHED

EXPECTED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Strict-Transport-Security": HSTS,
}
METHODS = ("GET", "HEAD", "POST", "OPTIONS", "DELETE")
VALUES = {"locale": "", "part": "", "week": "2026-W34", "month": "2026-08", "movie": "1-film"}
"""What stands in the addresses of routes, and 1 for the rest."""

MORE = (
    "/static/site.css", "/static/nincs.css", "/nincs", "/%ff", "/jump?date=2026-08-20", "/movie/1",
    "/poster/1-x.1.jpg", "/poster/1-film.jpg", "/poster/1-film.1.thumb.webp", "/week/2026-W99",
)  # fmt: skip


@pytest.fixture
def production(tmp_path: Path, migrated_sqlite: Path) -> Iterator[TestApp]:
    """The application with what production.ini turns on: HSTS, metrics, caches; one film."""
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


def addresses(app: TestApp) -> list[str]:
    """An address of every route of the application: one that is added is tested with the others."""
    routes = app.app.registry.getUtility(IRoutesMapper).get_routes()
    found = set(MORE)
    for route in routes:
        names = re.findall(r"(?:{|\*)(\w+)", route.pattern)
        found.add(route.generate({name: VALUES.get(name, "1") for name in names}))
    assert len(found) > 40
    return sorted(found)


def check(headers: Mapping[str, str], told: object) -> None:
    for name, value in EXPECTED.items():
        assert headers[name] == value, told
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy, told
    assert "unsafe" not in policy, told
    assert "camera=()" in headers["Permissions-Policy"], told


def test_every_response_carries_them(production: TestApp) -> None:
    """Pages from the cache and not, redirects, errors, posters, feeds, files, what ops ask for."""
    seen = set()
    for path in addresses(production):
        for method in METHODS:
            answer = production.request(path, method=method, status="*")
            check(answer.headers, (method, path))
            seen.add(answer.status_int)
        etag = production.get(path, status="*").headers.get("ETag")
        if etag:
            same = production.get(path, headers={"If-None-Match": etag}, status="*")
            check(same.headers, (etag, path))
            seen.add(same.status_int)
    assert seen >= {200, 204, 301, 302, 303, 304, 400, 403, 404, 405}

    def broken_clock() -> datetime:
        raise TypeError("the clock is broken")

    services = services_of(production.app.registry)
    set_services(production.app.registry, replace(services, clock=broken_clock))
    for path in ("/undated", "/manager/sign-in", "/jump?date=x"):
        answer = production.get(path, headers={"Cache-Control": "no-cache"}, status="*")
        check(answer.headers, path)


def test_what_the_server_refuses_by_itself_carries_them(production: TestApp) -> None:
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
        for code, sent in (
            (400, b"GET / HTTP/1.1\r\nHost: x\r\nno header <script>\r\n\r\n"),
            (400, b"get / HTTP/1.1\r\n\r\n"),
            (413, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n"),
            (501, b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: odd\r\n\r\n"),
        ):
            with socket.create_connection(("127.0.0.1", server.effective_port), 30) as connection:
                connection.sendall(sent)
                with HTTPResponse(connection) as answer:
                    answer.begin()
                    assert answer.status == code
                    check(dict(answer.headers), sent)
    finally:
        ended.set()
        thread.join()
        server.task_dispatcher.shutdown()
        server.asyncore.close_all(server._map)


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


def test_hsts_is_not_sent_where_it_is_not_wanted() -> None:
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
