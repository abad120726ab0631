"""The two heartbeats."""

from pathlib import Path

import pytest
from webtest import TestApp

from moziweb.db import Database, migrations
from tests.conftest import QueryCounter, raw_settings, running_app
from tests.services.ports import free_port


def test_all_is_well(app: TestApp) -> None:
    response = app.get("/__heartbeat__")
    assert response.json == {"status": "ok", "checks": {"database": "ok", "storage": "ok"}}
    assert response.cache_control.no_store


def test_the_balancers_heartbeat_asks_nothing(app: TestApp, query_counter: QueryCounter) -> None:
    with query_counter(app.app.registry["database"].engine) as statements:
        assert app.get("/__lbheartbeat__").json == {"status": "ok"}
    assert statements == []


def test_an_old_schema_is_outdated(app: TestApp, database: Database) -> None:
    migrations.downgrade(database.engine, "base")
    response = app.get("/__heartbeat__", status=503)
    assert response.json["checks"] == {"database": "outdated", "storage": "ok"}


def test_a_database_that_is_away_is_unavailable(
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


def test_a_storage_that_is_gone_is_unavailable(app: TestApp, settings: dict[str, str]) -> None:
    folder = Path(settings["storage.disk.path"])
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()
    folder.write_text("a file where the folder was")
    response = app.get("/__heartbeat__", status=503)
    assert response.json["checks"] == {"database": "ok", "storage": "unavailable"}
