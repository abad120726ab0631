"""Error responses without a database and for unexpected exceptions."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from webtest import TestApp

from moziweb.db import Database, migrations, retry
from moziweb.services import services_of, set_services
from tests.conftest import raw_settings, running_app
from tests.services.ports import free_port


@pytest.fixture
def app_without_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestApp]:
    """The application with the URL of a PostgreSQL that is not running, and not waited for."""
    monkeypatch.setattr(retry, "OUTAGE_SECONDS", 0.0)
    url = f"postgresql://nobody@127.0.0.1:{free_port()}/nothing"
    with running_app(raw_settings(url, tmp_path)) as app:
        yield app


@pytest.mark.parametrize("path", ["/", "/en/week/2026-W34", "/movie/1-x", "/genre/drama"])
def test_page_without_database_is_503(
    app_without_database: TestApp, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    page = app_without_database.get(path, status=503)
    assert page.headers["Retry-After"] == "30"
    assert 'class="masthead"' in page.text
    (line,) = (each.getMessage() for each in caplog.records if each.levelname == "ERROR")
    assert line.startswith("the database is unavailable: connection failed: ")


def test_api_without_database_is_json_503(app_without_database: TestApp) -> None:
    response = app_without_database.get("/api/main/", status=503)
    assert response.json == {"error": {"code": 503, "message": "Service Unavailable"}}


def test_pages_without_queries_need_no_database(app_without_database: TestApp) -> None:
    for path in ("/about", "/en/about", "/static/site.css", "/robots.txt", "/favicon.ico"):
        app_without_database.get(path, status=200)
    app_without_database.get("/nincs", status=404)


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("SELECT", {}, Exception("the database is locked")),
        InterfaceError("SELECT", {}, Exception("the connection is closed")),
        InternalError("SELECT", {}, Exception("the transaction is aborted")),
        PendingRollbackError("roll back first"),
        PoolTimeoutError("no connection is free"),
    ],
)
def test_error_of_the_database_is_503(app: TestApp, error: Exception) -> None:
    def broken_clock() -> Any:
        raise error

    services = services_of(app.app.registry)
    times = iter([broken_clock, services.clock, broken_clock])  # for the page, its error, again
    clock = replace(services, clock=lambda: next(times, services.clock)())
    set_services(app.app.registry, clock)
    page = app.get("/en/", status=503)
    assert page.headers["Retry-After"] == "30"
    assert 'class="masthead"' in page.text


@pytest.mark.parametrize(
    "error",
    [ZeroDivisionError("a mistake"), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "a mistake")],
)
def test_unexpected_error_is_500_and_logged(
    app: TestApp, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def broken_clock() -> Any:
        raise error

    times = iter([broken_clock])
    working = services_of(app.app.registry).clock
    set_services(
        app.app.registry,
        replace(services_of(app.app.registry), clock=lambda: next(times, working)()),
    )
    page = app.get("/en/", status=500)
    assert 'class="masthead"' in page.text
    assert "a mistake" not in page.text
    assert "Traceback" in caplog.text
    assert "GET /en/ failed" in caplog.text


@pytest.mark.parametrize(
    ("reports", "sentence"),
    [(True, "We have been notified"), (False, "Please try again in a minute")],
)
def test_page_of_an_unexpected_error_mentions_a_report_only_with_a_reporter(
    app: TestApp, reports: bool, sentence: str
) -> None:
    services = services_of(app.app.registry)
    times = iter([lambda: 1 / 0])
    set_services(
        app.app.registry,
        replace(
            services,
            clock=lambda: next(times, services.clock)(),  # type: ignore[arg-type,return-value]
            reports_errors=reports,
        ),
    )
    assert sentence in app.get("/en/", status=500).text


def test_missing_schema_is_an_error_page(
    app: TestApp, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    migrations.downgrade(database.engine, "base")
    response = app.get("/", expect_errors=True)
    assert response.status_int in {500, 503}
    assert 'class="masthead"' in response.text
    assert "genre" in caplog.text
