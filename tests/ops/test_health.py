"""The two heartbeats."""

import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.cache.stores import circuit_breaker
from moziweb.caching import OUTBOX
from moziweb.clock import utc_now
from moziweb.db import Database, migrations
from moziweb.db.schema_state import head_revision
from moziweb.ops import health
from moziweb.posters.generation.host_breaker import STORAGE, THRESHOLD, HostCircuitBreaker
from moziweb.posters.generation.procrastinate_queue import PRIORITY_SWEEP, defer
from moziweb.services import services_of
from moziweb.storage import StorageUnavailable
from moziweb.storage.disk import DiskStorage
from tests.conftest import QueryCounter, raw_settings, running_app
from tests.posters.hostile_host import HostileHost, silence
from tests.services.memcached import MemcachedServer
from tests.services.ports import free_port
from tests.services.postgres import PostgresServer
from tests.site.cached import CACHED
from tests.threads import wait_until

PARTS = ("database", "posters", "storage", "disk")
"""The parts of a site without a cache and without workers."""


def failing(body: dict[str, Any]) -> dict[str, str]:
    """The states of the parts that are not ok."""
    return {name: state for name, state in body["checks"].items() if state != "ok"}


def test_healthy_site_is_ok(app: TestApp) -> None:
    response = app.get("/__heartbeat__")
    body = response.json
    assert body.pop("disk_free_mb") > 0
    assert body == {"status": "ok", "checks": dict.fromkeys(PARTS, "ok")}
    assert response.cache_control.no_store


def test_lbheartbeat_runs_no_query(app: TestApp, query_counter: QueryCounter) -> None:
    with query_counter(services_of(app.app.registry).database.engine) as statements:
        assert app.get("/__lbheartbeat__").json == {"status": "ok"}
    assert statements == []


def test_old_schema_is_outdated(app: TestApp, database: Database) -> None:
    migrations.downgrade(database.engine, "base")
    response = app.get("/__heartbeat__", status=503)
    assert failing(response.json) == {"database": "outdated", "posters": "unavailable"}
    assert response.json["reasons"].keys() == {"database", "posters"}
    assert "the schema is at None, not at" in response.json["reasons"]["database"]
    assert "poster_host" in response.json["reasons"]["posters"]


def test_newer_schema_is_healthy(app: TestApp, database: Database) -> None:
    """A release runs on the schema of the next one, so that it can be rolled back to."""
    set_revision(database, "9999")
    response = app.get("/__heartbeat__")
    set_revision(database, head_revision())  # other tests use the database, too
    assert response.json["status"] == "ok"
    assert response.json["checks"]["database"] == "ahead"
    assert "the schema is at 9999, newer than" in response.json["reasons"]["database"]


def set_revision(database: Database, revision: str) -> None:
    with database.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'")


def test_unreachable_database_is_unavailable(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"postgresql://nobody@127.0.0.1:{free_port()}/nothing"
    with running_app(raw_settings(url, tmp_path)) as app:
        response = app.get("/__heartbeat__", status=503)
        assert app.get("/__lbheartbeat__", status=200)
    body = response.json
    assert body["status"] == "unavailable"
    assert failing(body) == dict.fromkeys(("database", "posters"), "unavailable")
    assert all(each.startswith("connection failed: ") for each in body["reasons"].values())
    assert "heartbeat: database is unavailable: connection failed: " in caplog.text


def test_missing_storage_is_unavailable(app: TestApp, settings: dict[str, str]) -> None:
    folder = Path(settings["storage.disk.path"])
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()
    folder.write_text("a file in place of the folder")
    response = app.get("/__heartbeat__", status=503)
    assert failing(response.json) == {"storage": "unavailable"}
    assert str(folder) in response.json["reasons"]["storage"]


def test_cache_is_checked_too(settings: dict[str, str]) -> None:
    with running_app(settings | CACHED) as app:
        body = app.get("/__heartbeat__").json
    assert body["checks"] == dict.fromkeys((*PARTS, "stamps", "entries", "outbox"), "ok")
    assert body["outbox_age"] == 0


def test_old_outbox_row_is_reported(
    settings: dict[str, str], dbsession: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "KEEP_SECONDS", 0.0)
    with running_app(settings | CACHED) as app:
        now = time.time()
        OUTBOX.add(dbsession.connection(), ["movie:1"], now=now - 5)
        dbsession.commit()
        body = app.get("/__heartbeat__").json
        assert body["checks"]["outbox"] == "ok"
        assert 5 <= body["outbox_age"] < 25
        OUTBOX.add(dbsession.connection(), ["movie:1"], now=now - 100)
        dbsession.commit()
        body = app.get("/__heartbeat__", status=503).json
    assert body["checks"]["outbox"] == "behind"
    assert body["outbox_age"] >= 100


def test_unreachable_stamps_are_reported(settings: dict[str, str]) -> None:
    keys = CACHED | {"cache.stamps.url": f"memcached://127.0.0.1:{free_port()}"}
    with running_app(settings | keys) as app:
        body = app.get("/__heartbeat__", status=503).json
    assert failing(body) == {"stamps": "unavailable"}


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_healed_memcached_is_ok_at_the_next_check(
    settings: dict[str, str], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Even without requests: the probe of the stamps sleeps then."""
    monkeypatch.setattr(health, "KEEP_SECONDS", 0.0)
    monkeypatch.setattr(circuit_breaker, "IDLE_SECONDS", 0.05)
    with MemcachedServer() as stamps, MemcachedServer() as entries:
        keys = CACHED | {
            "cache.stamps.url": f"memcached://{stamps.address}",
            "cache.default.backend": "dogpile.cache.pylibmc",
            "cache.default.arguments.url": entries.address,
        }
        with running_app(settings | keys) as app:
            app.get("/__heartbeat__", status=200)
            for server in (stamps, entries):
                server.kill() if how == "killed" else server.pause()
            for _ in range(2):
                body = app.get("/__heartbeat__", status=503).json
                assert failing(body) == dict.fromkeys(("stamps", "entries"), "unavailable")
                assert entries.address in body["reasons"]["entries"]
            time.sleep(0.1)
            for server in (stamps, entries):
                server.start() if how == "killed" else server.resume()
            statuses = [app.get("/__heartbeat__", status="*").status_int for _ in range(10)]
    assert statuses == [200] * 10


def test_one_unreachable_server_of_a_ring_is_reported(
    settings: dict[str, str], memcached_server: MemcachedServer
) -> None:
    ring = f"{memcached_server.address} 127.0.0.1:{free_port()}"
    keys = {"cache.pages.backend": "dogpile.cache.pylibmc", "cache.pages.arguments.url": ring}
    with running_app(settings | CACHED | keys) as app:
        body = app.get("/__heartbeat__", status=503).json
    assert failing(body) == {"entries": "unavailable"}


def test_region_that_is_off_is_ok(settings: dict[str, str]) -> None:
    with running_app(settings | CACHED | {"cache.pages.backend": "dogpile.cache.null"}) as app:
        assert app.get("/__heartbeat__").json["checks"]["entries"] == "ok"


def test_check_of_the_database_does_not_wait_for_the_pool(app: TestApp, database_url: str) -> None:
    engine = services_of(app.app.registry).database.engine
    with ExitStack() as held:
        for _ in range(12 if database_url.startswith("postgresql") else 1):
            held.enter_context(engine.connect())
        assert app.get("/__heartbeat__", status=200).json["checks"]["database"] == "ok"


def test_open_breaker_of_storage_is_reported(
    app: TestApp, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "KEEP_SECONDS", 0.0)
    breaker = HostCircuitBreaker(database, utc_now)
    for _ in range(THRESHOLD):
        assert app.get("/__heartbeat__").json["checks"]["posters"] == "ok"
        breaker.record_failure(STORAGE, "storage_unavailable")
    body = app.get("/__heartbeat__", status=503).json
    assert failing(body) == {"posters": "paused"}
    assert body["reasons"]["posters"].startswith(
        "storage has failed 5 times in a row (storage_unavailable); the next attempt is in "
    )
    breaker.record_success(STORAGE)
    app.get("/__heartbeat__", status=200)


def test_failing_image_host_is_ok(app: TestApp, database: Database) -> None:
    breaker = HostCircuitBreaker(database, utc_now)
    for _ in range(THRESHOLD):
        breaker.record_failure("pictures.example", "timeout")
    app.get("/__heartbeat__", status=200)


@pytest.fixture
def with_queue(
    postgres_server: PostgresServer,
    migrated_postgres: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[TestApp]:
    """The application with the queue of workers; no worker runs."""
    monkeypatch.setattr(health, "KEEP_SECONDS", 0.0)
    with postgres_server.reusable(migrated_postgres) as url:
        keys = raw_settings(url, tmp_path) | {"posters.background": "procrastinate"}
        with running_app(keys) as app:
            yield app


def execute(app: TestApp, statement: str) -> None:
    with services_of(app.app.registry).database.engine.begin() as connection:
        connection.execute(text("SET search_path = procrastinate"))
        connection.execute(text(statement))


def test_workers_are_checked(with_queue: TestApp) -> None:
    body = with_queue.get("/__heartbeat__", status=503).json
    assert failing(body) == {"worker": "unavailable"}
    assert body["reasons"] == {"worker": "no worker runs: moziweb worker"}
    execute(with_queue, "INSERT INTO procrastinate_workers DEFAULT VALUES")
    assert with_queue.get("/__heartbeat__").json["checks"]["worker"] == "ok"
    old = "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '50 s'"
    execute(with_queue, old)
    body = with_queue.get("/__heartbeat__", status=503).json
    assert body["reasons"] == {"worker": "the last worker has been silent for 50 s"}
    execute(with_queue, "INSERT INTO procrastinate_workers DEFAULT VALUES")  # another one
    assert with_queue.get("/__heartbeat__").json["checks"]["worker"] == "ok"


def test_age_of_the_queue_is_checked(with_queue: TestApp) -> None:
    execute(with_queue, "INSERT INTO procrastinate_workers DEFAULT VALUES")
    assert with_queue.get("/__heartbeat__").json["queue_age"] == 0
    with services_of(with_queue.app.registry).database.write() as session:
        defer(session.connection(), [7], PRIORITY_SWEEP)
        defer(session.connection(), [8], PRIORITY_SWEEP)
    execute(with_queue, "UPDATE procrastinate_events SET at = at - interval '50 s' WHERE id = 1")
    assert 50 <= with_queue.get("/__heartbeat__").json["queue_age"] < 90
    execute(with_queue, "UPDATE procrastinate_events SET at = at - interval '3600 s' WHERE id = 1")
    body = with_queue.get("/__heartbeat__", status=503).json
    assert failing(body) == {"queue": "behind"}
    assert body["reasons"]["queue"].startswith("the oldest poster has waited for 36")
    execute(with_queue, "UPDATE procrastinate_jobs SET status = 'doing' WHERE id = 1")
    assert with_queue.get("/__heartbeat__").json["queue_age"] < 40


@pytest.mark.parametrize(
    ("total", "free", "state"),
    [
        (10_000_000_000, 101_000_000, "ok"),
        (10_000_000_000, 99_000_000, "full"),
        (64_000_000, 4_000_000, "ok"),
        (64_000_000, 3_000_000, "full"),
    ],
)
def test_disk_space_is_checked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, total: int, free: int, state: str
) -> None:
    usage = SimpleNamespace(total=total, free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    result = health.check_disk([tmp_path])
    assert result.state == state
    assert result.reason == (f"{tmp_path} has {free / 1e6:.0f} MB left" if state == "full" else "")
    assert result.figures == {"disk_free_mb": free / 1e6}


def test_folders_of_the_site_are_checked(app: TestApp, settings: dict[str, str]) -> None:
    folders = health.folders_of(services_of(app.app.registry))
    url = settings["sqlalchemy.url"]
    database = [Path(url.removeprefix("sqlite:///")).parent] if url.startswith("sqlite") else []
    temporary = Path(tempfile.gettempdir())
    assert folders == [temporary, Path(settings["storage.disk.path"]), *database]


def test_folder_that_is_missing_has_no_figure(tmp_path: Path) -> None:
    assert health.check_disk([tmp_path / "nothing"]) == health.CheckResult()


class HangingCheck:
    """Replaces the check of the disk storage: hangs until ``ends`` is set, then fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        self.begun = threading.Event()
        self.ends = threading.Event()
        monkeypatch.setattr(DiskStorage, "check", lambda _storage: self())

    def __call__(self) -> None:
        self.calls += 1
        self.begun.set()
        self.ends.wait(60)
        raise StorageUnavailable("the server does not answer")


def test_hanging_storage_is_reported_in_time(app: TestApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "KEEP_SECONDS", 0.0)
    app.get("/__heartbeat__", status=200)
    monkeypatch.setattr(health, "LIMIT_SECONDS", 1.0)
    check = HangingCheck(monkeypatch)
    for _ in range(2):
        began = time.monotonic()
        body = app.get("/__heartbeat__", status=503).json
        assert time.monotonic() - began < 5
        assert failing(body) == {"storage": "unavailable"}
        assert body["reasons"] == {"storage": "no answer within 1 s"}
    assert check.calls == 1, "one check at a time"
    check.ends.set()
    monkeypatch.undo()
    monkeypatch.setattr(health, "KEEP_SECONDS", 0.0)
    wait_until(lambda: app.get("/__heartbeat__", status="*").status_int == 200)


def test_reason_of_a_failed_check_is_in_the_body(
    app: TestApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    HangingCheck(monkeypatch).ends.set()
    body = app.get("/__heartbeat__", status=503).json
    assert body["reasons"] == {"storage": "the server does not answer"}


def test_unexpected_error_of_a_check_is_reported(
    app: TestApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DiskStorage, "check", lambda _storage: 1 / 0)
    body = app.get("/__heartbeat__", status=503).json
    assert body["reasons"] == {"storage": "ZeroDivisionError: the log has the traceback"}


def test_result_is_kept(app: TestApp, monkeypatch: pytest.MonkeyPatch) -> None:
    check = HangingCheck(monkeypatch)
    check.ends.set()
    bodies = [app.get("/__heartbeat__", status=503).json for _ in range(20)]
    assert bodies == [bodies[0]] * 20
    assert check.calls == 1


def test_one_request_waits_and_others_get_the_previous_result(
    app: TestApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "KEEP_SECONDS", 0.0)
    healthy = app.get("/__heartbeat__").json
    monkeypatch.setattr(health, "LIMIT_SECONDS", 60.0)
    check = HangingCheck(monkeypatch)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(app.get, "/__heartbeat__", status=503)
        assert check.begun.wait(10)
        assert [app.get("/__heartbeat__").json for _ in range(5)] == [healthy] * 5
        check.ends.set()
        assert waiting.result(10).json["checks"]["storage"] == "unavailable"


def test_s3_that_hangs_holds_no_request_for_long(settings: dict[str, str]) -> None:
    """The client of S3 gives up after 30 s; ten requests get one result after two."""
    with HostileHost(greeting=silence()) as host:
        keys = {
            "storage.backend": "s3",
            "storage.s3.bucket": "posters",
            "storage.s3.endpoint_url": host.url(""),
            "storage.s3.access_key_id": "a",
            "storage.s3.secret_access_key": "b",
        }
        with running_app(settings | keys) as app, ThreadPoolExecutor(10) as pool:
            began = time.monotonic()
            answers = list(
                pool.map(lambda _: app.get("/__heartbeat__", status=503).json, range(10))
            )
            assert time.monotonic() - began < health.LIMIT_SECONDS + 3
        assert answers == [answers[0]] * 10
        assert answers[0]["reasons"] == {"storage": "no answer within 2 s"}
        assert len(host.connections) <= 1
