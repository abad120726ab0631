"""``/metrics``: access, and the values after requests."""

from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.orm import Session
from waitress.server import create_server
from webob import Request, Response
from webtest import TestApp

from moziweb.cache import NotStoredReason
from moziweb.cache.http.refresh import REFRESH_MARK
from moziweb.cache.protocol.invalidation_log import LogCheck
from moziweb.movies.models import Movie
from moziweb.ops.metrics import APDEX, CacheMetrics
from moziweb.server.load import report_load
from moziweb.services import services_of
from moziweb.timings import Part
from tests.conftest import running_app
from tests.db.faults import terminator
from tests.registry import location_of, page_cache_of
from tests.services.ports import free_port
from tests.site.cached import CACHED, Movies, fill, pages, ready_variant, site, write
from tests.threads import wait_until

TOKEN = "a-token-of-some-length"
OPEN = {"metrics.token": TOKEN}
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def movies(dbsession: Session) -> Movies:
    return fill(dbsession)


@pytest.fixture
def measured(settings: dict[str, str], movies: Movies) -> Iterator[TestApp]:
    """A cached site with readable metrics."""
    with site(settings | CACHED | OPEN) as app:
        yield app


def value(app: TestApp, name: str, **labels: str) -> float | None:
    """The sample of a metric with these labels; None without one."""
    text = app.get("/metrics", headers=BEARER).text
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                found: float = sample.value
                return found
    return None


def scrape(app: TestApp, remote: str | None, **headers: str) -> Response:
    """The response to a client at ``remote``."""
    request = Request.blank("/metrics", headers=headers)
    if remote is not None:
        request.environ["REMOTE_ADDR"] = remote
    return request.get_response(app.app)


def test_without_access_there_are_no_metrics(app: TestApp) -> None:
    app.get("/metrics", status=404)
    assert "metrics" not in app.app.registry
    assert not isinstance(services_of(app.app.registry).cache_events, CacheMetrics)


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN, "Bearer \xe1"]
)
def test_wrong_token_is_rejected(measured: TestApp, header: str) -> None:
    headers = {"Authorization": header} if header else {}
    answer = scrape(measured, "127.0.0.1", **headers)
    assert answer.status_int == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert b"moziweb_" not in answer.body


def test_token_gives_access_and_response_is_not_stored(measured: TestApp) -> None:
    answer = scrape(measured, "203.0.113.9", **BEARER)
    assert answer.status_int == 200
    assert answer.cache_control.no_store


@pytest.mark.parametrize(
    ("remote", "status"),
    [("127.0.0.1", 200), ("10.1.2.3", 200), ("11.1.2.3", 401), ("::1", 401), (None, 401)],
)
def test_allowed_address_gives_access(settings: dict[str, str], remote: str, status: int) -> None:
    with running_app(settings | {"metrics.allow": "127.0.0.1 10.0.0.0/8"}) as app:
        assert scrape(app, remote).status_int == status


def test_openmetrics_is_sent_if_requested(measured: TestApp) -> None:
    answer = scrape(measured, None, **BEARER, Accept="application/openmetrics-text; version=1.0.0")
    assert answer.content_type == "application/openmetrics-text"
    assert answer.body.endswith(b"# EOF\n")


def test_each_cache_status_is_counted(measured: TestApp, movies: Movies) -> None:
    path = pages(movies)["week"]
    for _ in range(4):
        measured.get(path)
    for status, times in (("miss", 1), ("hit", 1), ("l1", 2)):
        name = "moziweb_cache_served_total"
        assert value(measured, name, region="pages", status=status) == times
    assert value(measured, "moziweb_cache_render_seconds_count", region="pages") == 1
    assert value(measured, "moziweb_cache_rendered_total", region="pages") == 1
    assert value(measured, "moziweb_cache_entry_bytes_count", region="pages") == 1
    for name in ("moziweb_cache_created_total", "moziweb_cache_made_total"):  # deprecated
        assert value(measured, name, region="pages", kind="page") == 1
    assert value(measured, "moziweb_cache_created_total", region="fragments", kind="template") == 1
    assert value(measured, "moziweb_cache_l1_bytes", region="pages")


def test_uses_of_the_invalidation_log_are_counted(measured: TestApp, movies: Movies) -> None:
    name, path = "moziweb_cache_log_checks_total", pages(movies)["week"]
    for _ in range(3):
        measured.get(path)
    before = {result: value(measured, name, result=result) or 0 for result in LogCheck}
    fetches = value(measured, "moziweb_cache_log_fetches_total") or 0
    page_cache_of(measured.app.registry).cache.stamps.publish(["movie:987654"])
    assert measured.get(path).headers["X-Cache"] == "l1"
    after = {result: value(measured, name, result=result) for result in LogCheck}
    assert after == {**before, LogCheck.CONFIRMED: before[LogCheck.CONFIRMED] + 1}
    assert value(measured, "moziweb_cache_log_fetches_total") == fetches + 1
    assert value(measured, "moziweb_cache_log_resets_total", reason="missing") == 0


def test_invalidations_are_counted_by_kind(measured: TestApp, movies: Movies) -> None:
    write(measured, lambda session: session.add(ready_variant(movies)))
    name = "moziweb_cache_invalidations_total"
    assert value(measured, name, kind="variant") == 1
    assert value(measured, name, kind="movie") is None


def test_page_over_the_size_limit_is_counted(settings: dict[str, str], movies: Movies) -> None:
    with site(settings | CACHED | OPEN | {"cache.pages.max_bytes": "300"}) as app:
        assert app.get(pages(movies)["week"]).headers["X-Cache"] == "bypass"
        assert value(app, "moziweb_cache_not_stored_total", reason=NotStoredReason.TOO_BIG) == 1
        assert value(app, "moziweb_cache_served_total", status="bypass") == 1


def test_corrupt_entry_is_counted(measured: TestApp, movies: Movies) -> None:
    measured.get(pages(movies)["week"])
    registry = measured.app.registry
    place = location_of(registry, pages(movies)["week"])
    backend: Any = page_cache_of(registry).cache.dogpile["pages"].actual_backend
    backend.set_serialized(place.key, b"{}|junk")
    assert measured.get(pages(movies)["week"]).headers["X-Cache"] == "miss"
    assert value(measured, "moziweb_cache_corrupt_total", region="pages")


def test_failures_of_a_store_are_counted(settings: dict[str, str], movies: Movies) -> None:
    unreachable = f"127.0.0.1:{free_port()}"
    keys = {
        "cache.pages.backend": "dogpile.cache.pylibmc",
        "cache.pages.arguments.url": unreachable,
    }
    with site(settings | CACHED | OPEN | keys) as app:
        assert app.get(pages(movies)["week"]).headers["X-Cache"] == "bypass"
        name = "moziweb_cache_store_failures_total"
        assert value(app, name, region="pages", operation="get")
        assert value(app, name, region="pages", operation="set")


def test_failed_publication_is_counted_and_waits_in_the_outbox(
    settings: dict[str, str], movies: Movies
) -> None:
    lost = {"cache.stamps.url": f"memcached://127.0.0.1:{free_port()}"}
    with site(settings | CACHED | OPEN | lost) as app:
        assert value(app, "moziweb_cache_outbox_age_seconds") == 0
        assert value(app, "moziweb_cache_journal_age_seconds") == 0, "the former name"
        write(app, _rename(movies))
        assert value(app, "moziweb_cache_publish_errors_total") == 1
        age = value(app, "moziweb_cache_outbox_age_seconds")
        assert age is not None
        assert 0 < age < 60


def test_outbox_age_is_unknown_without_a_database(settings: dict[str, str]) -> None:
    url = f"postgresql://unreachable@127.0.0.1:{free_port()}/nothing"
    with running_app(settings | CACHED | OPEN | {"sqlalchemy.url": url}) as app:
        age = value(app, "moziweb_cache_outbox_age_seconds")
        assert age != age


def test_requests_are_timed_by_route_and_status(measured: TestApp, movies: Movies) -> None:
    measured.get(pages(movies)["week"])
    measured.get("/week/9999-W99", status=404)
    measured.get("/nowhere/at/all", status=404)
    name = "moziweb_http_request_seconds_count"
    assert value(measured, name, route="week", status="200") == 1
    assert value(measured, name, route="week", status="404") == 1
    assert value(measured, name, route="none", status="404") == 1


def test_parts_queries_and_apdex_are_exposed_by_route(measured: TestApp, movies: Movies) -> None:
    for _ in range(4):
        measured.get(pages(movies)["week"])
    name = "moziweb_http_request_seconds"
    assert value(measured, f"{name}_count", route="week", status="200") == 4
    assert value(measured, f"{name}_bucket", route="week", status="200", le="+Inf") == 4
    assert value(measured, f"{name}_bucket", route="week", status="200", le="10.0") == 4
    total = value(measured, f"{name}_sum", route="week", status="200")
    parts = {
        part: value(measured, "moziweb_http_part_seconds_total", route="week", part=part)
        for part in Part
    }
    assert sum(each or 0 for each in parts.values()) == pytest.approx(total)
    assert (parts[Part.RENDER] or 0) > 0
    assert (value(measured, "moziweb_http_queries_total", route="week") or 0) > 0
    results = [
        value(measured, "moziweb_apdex_requests_total", route="week", result=result)
        for result in APDEX
    ]
    assert sum(each or 0 for each in results) == 4
    assert value(measured, "moziweb_apdex_threshold_seconds") == 0.5


def test_threads_and_connections_are_exposed(settings: dict[str, str]) -> None:
    with running_app(settings | OPEN) as app:
        registry = app.app.registry
        assert value(app, "moziweb_server_threads") is None  # no server runs
        sockets: dict[int, Any] = {}
        server = create_server(app.app, map=sockets, host="127.0.0.1", port=0, threads=3)
        report_load(app.app, sockets)
        wait_until(lambda: value(app, "moziweb_server_busy_threads") == 0)
        assert value(app, "moziweb_server_threads") == 3
        assert value(app, "moziweb_server_queue") == 0
        assert value(app, "moziweb_server_connections") == 0
        is_pooled = services_of(registry).database.engine.dialect.name == "postgresql"
        assert value(app, "moziweb_database_pool_limit") == (12 if is_pooled else None)
        assert value(app, "moziweb_database_pool_used") == (0 if is_pooled else None)
        server.task_dispatcher.shutdown()
        server.close()


def test_refresh_is_a_render_and_not_a_request(measured: TestApp, movies: Movies) -> None:
    request = Request.blank(pages(movies)["week"])
    request.environ[REFRESH_MARK] = True
    assert request.get_response(measured.app).status_int == 204
    assert value(measured, "moziweb_http_request_seconds_count", route="week") is None
    assert value(measured, "moziweb_cache_rendered_total", region="pages") == 1


def _rename(movies: Movies) -> Any:
    def rename(session: Session) -> None:
        session.get_one(Movie, movies.here).title = "Más"

    return rename


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_failed_attempt_of_a_request_is_not_counted(measured: TestApp) -> None:
    with terminator(services_of(measured.app.registry).database.engine) as fault:
        fault.before = 1
        measured.get("/undated", status=200)
        assert fault.count == 1
    name = "moziweb_http_request_seconds_count"
    assert value(measured, name, route="undated", status="200") == 1
    assert value(measured, name, route="undated", status="503") is None
