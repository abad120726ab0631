"""The two heartbeats."""

import time
from pathlib import Path

import pytest
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.caching import OUTBOX
from moziweb.db import Database, migrations
from moziweb.services import services_of
from tests.conftest import QueryCounter, raw_settings, running_app
from tests.services.memcached import MemcachedServer
from tests.services.ports import free_port
from tests.site.cached import CACHED


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


def test_unreachable_database_is_unavailable(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"postgresql://nobody@127.0.0.1:{free_port()}/nothing"
    with running_app(raw_settings(url, tmp_path)) as app:
        response = app.get("/__heartbeat__", status=503)
        assert app.get("/__lbheartbeat__", status=200)
    assert response.json == {
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


def test_cache_is_checked_too(settings: dict[str, str]) -> None:
    with running_app(settings | CACHED) as app:
        body = app.get("/__heartbeat__").json
    assert body["checks"] == dict.fromkeys(
        ("database", "storage", "stamps", "entries", "outbox"), "ok"
    )
    assert body["outbox_age"] == 0


def test_old_outbox_row_is_reported(settings: dict[str, str], dbsession: Session) -> None:
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
