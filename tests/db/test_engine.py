"""The engines. SQLite: WAL, foreign keys, snapshots, writers that wait. PostgreSQL: limits."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyramid.config import Configurator
from sqlalchemy import Engine, text
from sqlalchemy.exc import InternalError, OperationalError
from sqlalchemy.pool import QueuePool

from moziweb.db import Database, create_engine, query_limits_of
from moziweb.db.engine import POOL_TIMEOUT, QUERY_LIMITS, writing
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


SESSION = "SELECT current_setting(unnest(ARRAY[{}]))".format(
    ", ".join(f"'{name}'" for name in ("jit", "max_parallel_workers_per_gather", *QUERY_LIMITS))
)

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.mark.parametrize(
    ("keys", "limits"),
    [
        ({}, ["10s", "3s", "1min"]),
        ({"sqlalchemy.statement_timeout": "0.5"}, ["500ms", "3s", "1min"]),
        ({f"sqlalchemy.{name}": "" for name in QUERY_LIMITS}, ["0", "0", "0"]),
    ],
)
@on_postgresql
def test_web_connections_have_limits(
    database_url: str, tmp_path: Path, keys: dict[str, str], limits: list[str]
) -> None:
    with Configurator(settings=load(raw_settings(database_url, tmp_path) | keys)) as config:
        config.include("moziweb.db")
    engine = services_of(config.registry).database.engine
    for _ in range(2):  # also after the rollback of the first connection's transaction
        with engine.connect() as connection:
            assert connection.scalars(text(SESSION)).all() == ["off", "0", *limits]
    engine.dispose()


@pytest.mark.parametrize(
    ("process", "limits"),
    [("worker", ["1min", "10s", "1min"]), ("command", ["0", "10s", "0"])],
)
@on_postgresql
def test_other_processes_have_limits_of_their_own(
    database_url: str, tmp_path: Path, process: str, limits: list[str]
) -> None:
    settings = load(raw_settings(database_url, tmp_path))
    engine = create_engine(settings | query_limits_of(settings, process))
    with engine.connect() as connection:
        assert connection.scalars(text(SESSION)).all() == ["off", "0", *limits]
    engine.dispose()


@on_postgresql
def test_long_statement_is_cancelled(database_url: str) -> None:
    engine = create_engine(
        {
            "sqlalchemy.url": database_url,
            "sqlalchemy.pool_size": 1,
            "sqlalchemy.statement_timeout": 0.1,
        }
    )
    with engine.connect() as connection, pytest.raises(OperationalError, match="statement timeout"):
        connection.execute(text("SELECT pg_sleep(60)"))
    engine.dispose()


@on_postgresql
def test_wait_for_a_lock_is_cancelled(database: Database, settings: dict[str, str]) -> None:
    engine = create_engine(load(settings | {"sqlalchemy.lock_timeout": "0.1"}))
    with database.engine.begin() as holder, engine.connect() as other:
        holder.execute(text("LOCK TABLE movie"))
        with pytest.raises(OperationalError, match="lock timeout"):
            other.execute(text("SELECT FROM movie"))
    engine.dispose()


@on_postgresql
def test_transaction_that_waits_for_its_client_is_ended(
    database: Database, settings: dict[str, str]
) -> None:
    keys = {"sqlalchemy.idle_in_transaction_session_timeout": "0.1"}
    engine = create_engine(load(settings | keys))
    with engine.connect() as holder, database.engine.begin() as other:
        holder.execute(text("LOCK TABLE movie"))
        other.execute(text("SELECT FROM movie"))  # waits until the other connection is closed
        with pytest.raises(InternalError, match="idle-in-transaction"):
            holder.execute(text("SELECT 1"))
        holder.invalidate()
    engine.dispose()


@pytest.mark.parametrize(
    ("url", "keys", "timeout"),
    [
        ("postgresql+psycopg://host/name", {}, "5"),
        ("postgresql+psycopg://host/name", {"sqlalchemy.connect_timeout": 2}, "2"),
        ("postgresql+psycopg://host/name?connect_timeout=9", {}, "9"),
    ],
)
def test_connect_timeout_is_in_the_url(url: str, keys: dict[str, int], timeout: str) -> None:
    engine = create_engine({"sqlalchemy.url": url, "sqlalchemy.pool_size": 1, **keys})
    assert engine.url.query["connect_timeout"] == timeout


def test_pool_has_the_sizes_of_the_keys() -> None:
    engine = create_engine(
        {
            "sqlalchemy.url": "postgresql+psycopg://host/name",
            "sqlalchemy.pool_size": 3,
            "sqlalchemy.max_overflow": 2,
        }
    )
    pool = engine.pool
    assert isinstance(pool, QueuePool)
    assert (pool.size(), pool._max_overflow) == (3, 2)
    assert pool.timeout() == POOL_TIMEOUT
