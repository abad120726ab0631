"""The engines. SQLite: WAL, foreign keys, snapshots, writers that wait. PostgreSQL: limits."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyramid.config import Configurator
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from moziweb.db import create_engine
from moziweb.db.engine import writing
from moziweb.services import services_of
from moziweb.settings import load
from tests.conftest import raw_settings


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine({"sqlalchemy.url": f"sqlite:///{tmp_path}/test.sqlite"})
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE counter (value INTEGER)"))
        connection.execute(text("INSERT INTO counter VALUES (0)"))
    yield engine
    engine.dispose()


@pytest.mark.parametrize(
    ("pragma", "value"), [("journal_mode", "wal"), ("foreign_keys", 1), ("synchronous", 1)]
)
def test_pragmas(engine: Engine, pragma: str, value: str | int) -> None:
    with engine.connect() as connection:
        assert connection.scalar(text(f"PRAGMA {pragma}")) == value


def test_read_transaction_is_one_snapshot(engine: Engine) -> None:
    with engine.connect() as reader:
        assert reader.scalar(text("SELECT value FROM counter")) == 0
        with engine.begin() as writer:
            writer.execute(text("UPDATE counter SET value = 1"))
        assert reader.scalar(text("SELECT value FROM counter")) == 0
        reader.rollback()
        assert reader.scalar(text("SELECT value FROM counter")) == 1


def test_rolled_back_transaction_leaves_nothing(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE other (value INTEGER)"))
        connection.rollback()
        assert connection.scalar(text("SELECT count(*) FROM sqlite_schema")) == 1


def test_writers_that_read_first_wait_for_each_other(engine: Engine) -> None:
    """With a deferred BEGIN this fails with 'database is locked', for any timeout."""

    def add_ten() -> None:
        for _ in range(10):
            with writing(engine).begin() as connection:
                value = connection.scalar(text("SELECT value FROM counter"))
                connection.execute(text("UPDATE counter SET value = :v"), {"v": (value or 0) + 1})

    threads = [threading.Thread(target=add_ten) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT value FROM counter")) == 40


SETTINGS = "SELECT current_setting('jit'), current_setting('statement_timeout')"

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.mark.parametrize(
    ("keys", "timeout"),
    [
        ({}, "10s"),
        ({"sqlalchemy.statement_timeout": "0.5"}, "500ms"),
        ({"sqlalchemy.statement_timeout": ""}, "0"),
    ],
)
@on_postgresql
def test_web_connections_have_limits(
    database_url: str, tmp_path: Path, keys: dict[str, str], timeout: str
) -> None:
    with Configurator(settings=load(raw_settings(database_url, tmp_path) | keys)) as config:
        config.include("moziweb.db")
    engine = services_of(config.registry).database.engine
    for _ in range(2):  # also after the rollback of the first connection's transaction
        with engine.connect() as connection:
            assert tuple(connection.execute(text(SETTINGS)).one()) == ("off", timeout)
    engine.dispose()


@on_postgresql
def test_commands_have_no_timeout(database_url: str) -> None:
    engine = create_engine({"sqlalchemy.url": database_url, "sqlalchemy.pool_size": 1})
    with engine.connect() as connection:
        assert tuple(connection.execute(text(SETTINGS)).one()) == ("off", "0")
    engine.dispose()


@on_postgresql
def test_long_statement_is_cancelled(database_url: str) -> None:
    settings = {"sqlalchemy.url": database_url, "sqlalchemy.pool_size": 1}
    engine = create_engine(settings, statement_timeout=0.1)
    with engine.connect() as connection, pytest.raises(OperationalError, match="statement timeout"):
        connection.execute(text("SELECT pg_sleep(60)"))
    engine.dispose()
