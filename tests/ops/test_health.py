"""The two heartbeats."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.caching import OUTBOX
from moziweb.db import Database, migrations
from moziweb.ops import health
from moziweb.services import services_of
from moziweb.storage import StorageUnavailable
from moziweb.storage.disk import DiskStorage
from tests.conftest import QueryCounter, raw_settings, running_app
from tests.posters.hostile_host import HostileHost, silence
from tests.services.memcached import MemcachedServer
from tests.services.ports import free_port
from tests.site.cached import CACHED
from tests.threads import wait_until


def test_healthy_site_is_ok(app: TestApp) -> None:
    response = app.get("/__heartbeat__")
    assert response.json == {"status": "ok", "checks": {"database": "ok", "storage": "ok"}}
    assert response.cache_control.no_store


def test_lbheartbeat_runs_no_query(app: TestApp, query_counter: QueryCounter) -> None:
    with query_counter(services_of(app.app.registry).database.engine) as statements:
        assert app.get("/__lbheartbeat__").json == {"status": "ok"}
    assert statements == []


def test_old_schema_is_outdated(app: TestApp, database: Database) -> None:
    migrations.downgrade(database.engine, "base")
    response = app.get("/__heartbeat__", status=503)
    assert response.json["checks"] == {"database": "outdated", "storage": "ok"}
    assert response.json["reasons"].keys() == {"database"}
    assert "the schema is at None, not at" in response.json["reasons"]["database"]


def test_unreachable_database_is_unavailable(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"postgresql://nobody@127.0.0.1:{free_port()}/nothing"
    with running_app(raw_settings(url, tmp_path)) as app:
        response = app.get("/__heartbeat__", status=503)
        assert app.get("/__lbheartbeat__", status=200)
    body = response.json
    (reason,) = body.pop("reasons").values()
    assert reason.startswith("connection failed: ")
    assert body == {
        "status": "unavailable",
        "checks": {"database": "unavailable", "storage": "ok"},
    }
    assert "OperationalError" in caplog.text


def test_missing_storage_is_unavailable(app: TestApp, settings: dict[str, str]) -> None:
    folder = Path(settings["storage.disk.path"])
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()
    folder.write_text("a file in place of the folder")
    response = app.get("/__heartbeat__", status=503)
    assert response.json["checks"] == {"database": "ok", "storage": "unavailable"}
    assert str(folder) in response.json["reasons"]["storage"]


def test_cache_is_checked_too(settings: dict[str, str]) -> None:
    with running_app(settings | CACHED) as app:
        body = app.get("/__heartbeat__").json
    assert body["checks"] == dict.fromkeys(
        ("database", "storage", "stamps", "entries", "outbox"), "ok"
    )
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
    assert {name for name, state in body["checks"].items() if state != "ok"} == {"stamps"}


def test_one_unreachable_server_of_a_ring_is_reported(
    settings: dict[str, str], memcached_server: MemcachedServer
) -> None:
    ring = f"{memcached_server.address} 127.0.0.1:{free_port()}"
    keys = {"cache.pages.backend": "dogpile.cache.pylibmc", "cache.pages.arguments.url": ring}
    with running_app(settings | CACHED | keys) as app:
        body = app.get("/__heartbeat__", status=503).json
    assert {name for name, state in body["checks"].items() if state != "ok"} == {"entries"}


def test_region_that_is_off_is_ok(settings: dict[str, str]) -> None:
    with running_app(settings | CACHED | {"cache.pages.backend": "dogpile.cache.null"}) as app:
        assert app.get("/__heartbeat__").json["checks"]["entries"] == "ok"


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
        assert body["checks"] == {"database": "ok", "storage": "unavailable"}
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
