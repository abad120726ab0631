"""The configuration of SQLite: WAL, foreign keys, snapshots, and writers that wait."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from moziweb.db import create_engine
from moziweb.db.engine import writing


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
