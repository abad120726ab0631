"""``/metrics``: who may read it, and what it tells of a site at work."""

from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.orm import Session
from webob import Request, Response
from webtest import TestApp

from moziweb.cache import NotStoredReason
from moziweb.cache.http.refresh import REFRESH
from moziweb.movies.models import Movie
from moziweb.ops.metrics import CacheMetrics
from moziweb.services import services_of
from tests.conftest import running_app
from tests.registry import location_of, page_cache_of
from tests.services.ports import free_port
from tests.site.cached import CACHED, Movies, fill, pages, ready_variant, site, write

TOKEN = "a-token-of-some-length"
OPEN = {"metrics.token": TOKEN}
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def movies(dbsession: Session) -> Movies:
    return fill(dbsession)


@pytest.fixture
def watched(settings: dict[str, str], movies: Movies) -> Iterator[TestApp]:
    """A cached site whose metrics may be read."""
    with site(settings | CACHED | OPEN) as app:
        yield app


def value(app: TestApp, name: str, **labels: str) -> float | None:
    """The sample of a metric with these labels; None when there is none."""
    text = app.get("/metrics", headers=BEARER).text
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                found: float = sample.value
                return found
    return None


def asked(app: TestApp, remote: str | None, **headers: str) -> Response:
    """The answer to somebody at ``remote``."""
    request = Request.blank("/metrics", headers=headers)
    if remote is not None:
        request.environ["REMOTE_ADDR"] = remote
    return request.get_response(app.app)


def test_by_default_there_is_none_and_nothing_is_counted(app: TestApp) -> None:
    app.get("/metrics", status=404)
    assert "metrics" not in app.app.registry
    assert not isinstance(services_of(app.app.registry).cache_events, CacheMetrics)


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN, "Bearer \xe1"]
)
def test_without_the_token_it_is_closed(watched: TestApp, header: str) -> None:
    headers = {"Authorization": header} if header else {}
    answer = asked(watched, "127.0.0.1", **headers)
    assert answer.status_int == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert b"moziweb_" not in answer.body


def test_with_the_token_it_is_open_and_not_kept(watched: TestApp) -> None:
    answer = asked(watched, "203.0.113.9", **BEARER)
    assert answer.status_int == 200
    assert answer.cache_control.no_store


@pytest.mark.parametrize(
    ("remote", "status"),
    [("127.0.0.1", 200), ("10.1.2.3", 200), ("11.1.2.3", 401), ("::1", 401), (None, 401)],
)
def test_an_address_may_open_it(settings: dict[str, str], remote: str, status: int) -> None:
    with running_app(settings | {"metrics.allow": "127.0.0.1 10.0.0.0/8"}) as app:
        assert asked(app, remote).status_int == status


def test_it_speaks_openmetrics_to_who_asks_for_that(watched: TestApp) -> None:
    answer = asked(watched, None, **BEARER, Accept="application/openmetrics-text; version=1.0.0")
    assert answer.content_type == "application/openmetrics-text"
    assert answer.body.endswith(b"# EOF\n")


def test_each_way_of_serving_is_counted(watched: TestApp, movies: Movies) -> None:
    path = pages(movies)["week"]
    for _ in range(4):
        watched.get(path)
    for status, times in (("miss", 1), ("hit", 1), ("l1", 2)):
        name = "moziweb_cache_served_total"
        assert value(watched, name, region="pages", status=status) == times
    assert value(watched, "moziweb_cache_render_seconds_count", region="pages") == 1
    assert value(watched, "moziweb_cache_rendered_total", region="pages") == 1
    assert value(watched, "moziweb_cache_entry_bytes_count", region="pages") == 1
    assert value(watched, "moziweb_cache_made_total", region="pages", kind="page") == 1
    assert value(watched, "moziweb_cache_made_total", region="fragments", kind="shell") == 1
    assert value(watched, "moziweb_cache_l1_bytes", region="pages")


def test_a_write_is_counted_by_the_kinds_of_its_tags(watched: TestApp, movies: Movies) -> None:
    write(watched, lambda session: session.add(ready_variant(movies)))
    name = "moziweb_cache_invalidations_total"
    assert value(watched, name, kind="variant") == 1
    assert value(watched, name, kind="movie") is None


def test_a_page_that_is_too_big_is_counted(settings: dict[str, str], movies: Movies) -> None:
    with site(settings | CACHED | OPEN | {"cache.pages.max_bytes": "300"}) as app:
        assert app.get(pages(movies)["week"]).headers["X-Cache"] == "bypass"
        assert value(app, "moziweb_cache_refused_total", reason=NotStoredReason.TOO_BIG) == 1
        assert value(app, "moziweb_cache_served_total", status="bypass") == 1


def test_a_corrupt_entry_is_counted(watched: TestApp, movies: Movies) -> None:
    watched.get(pages(movies)["week"])
    registry = watched.app.registry
    place = location_of(registry, pages(movies)["week"])
    backend: Any = page_cache_of(registry).cache.dogpile["pages"].actual_backend
    backend.set_serialized(place.key, b"{}|junk")
    assert watched.get(pages(movies)["week"]).headers["X-Cache"] == "miss"
    assert value(watched, "moziweb_cache_corrupt_total", region="pages")


def test_stores_that_are_away_are_counted(settings: dict[str, str], movies: Movies) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    keys = {
        "cache.pages.backend": "dogpile.cache.pylibmc",
        "cache.pages.arguments.url": nobody,
    }
    with site(settings | CACHED | OPEN | keys) as app:
        assert app.get(pages(movies)["week"]).headers["X-Cache"] == "bypass"
        name = "moziweb_cache_store_failures_total"
        assert value(app, name, region="pages", operation="get")
        assert value(app, name, region="pages", operation="set")


def test_what_is_not_published_is_counted_and_waits_in_the_outbox(
    settings: dict[str, str], movies: Movies
) -> None:
    lost = {"cache.stamps.url": f"memcached://127.0.0.1:{free_port()}"}
    with site(settings | CACHED | OPEN | lost) as app:
        assert value(app, "moziweb_cache_outbox_age_seconds") == 0
        assert value(app, "moziweb_cache_journal_age_seconds") == 0, "the name of before"
        write(app, _rename(movies))
        assert value(app, "moziweb_cache_publish_errors_total") == 1
        age = value(app, "moziweb_cache_outbox_age_seconds")
        assert age is not None
        assert 0 < age < 60


def test_the_outbox_age_is_unknown_without_a_database(settings: dict[str, str]) -> None:
    url = f"postgresql://nobody@127.0.0.1:{free_port()}/nothing"
    with running_app(settings | CACHED | OPEN | {"sqlalchemy.url": url}) as app:
        age = value(app, "moziweb_cache_outbox_age_seconds")
        assert age != age


def test_requests_are_timed_by_route_and_status(watched: TestApp, movies: Movies) -> None:
    watched.get(pages(movies)["week"])
    watched.get("/week/9999-W99", status=404)
    watched.get("/nowhere/at/all", status=404)
    name = "moziweb_http_request_seconds_count"
    assert value(watched, name, route="week", status="200") == 1
    assert value(watched, name, route="week", status="404") == 1
    assert value(watched, name, route="none", status="404") == 1


def test_a_renewal_is_a_render_and_nobodys_request(watched: TestApp, movies: Movies) -> None:
    request = Request.blank(pages(movies)["week"])
    request.environ[REFRESH] = True
    assert request.get_response(watched.app).status_int == 204
    assert value(watched, "moziweb_http_request_seconds_count", route="week") is None
    assert value(watched, "moziweb_cache_rendered_total", region="pages") == 1


def _rename(movies: Movies) -> Any:
    def rename(session: Session) -> None:
        session.get_one(Movie, movies.here).title = "Más"

    return rename
