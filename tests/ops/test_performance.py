"""One row a minute with the requests of a process."""

import shutil
import time
from pathlib import Path

import pytest
from sqlalchemy import select, text

import moziweb
from moziweb.db import Database, create_engine
from moziweb.ops import performance
from moziweb.ops.models import PerformanceMinute
from moziweb.ops.performance import KEEP_MINUTES, PerformanceRecorder, release_of
from moziweb.ops.transactions import TransactionCounters
from moziweb.timings import Part
from tests.conftest import raw_settings
from tests.services.web import WebServer
from tests.threads import wait_until

MINUTE = 28_000_000


class Clock:
    """Unix time that the test sets."""

    def __init__(self) -> None:
        self.now = MINUTE * 60.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def transactions() -> TransactionCounters:
    return TransactionCounters(0.5)


@pytest.fixture
def recorder(
    database: Database, transactions: TransactionCounters, clock: Clock
) -> PerformanceRecorder:
    return PerformanceRecorder(database, transactions, "r1", clock)


def rows(database: Database) -> list[PerformanceMinute]:
    with database.read() as session:
        query = select(PerformanceMinute).order_by(PerformanceMinute.minute)
        return list(session.scalars(query))


def test_each_row_has_the_requests_of_its_minute(
    database: Database,
    transactions: TransactionCounters,
    clock: Clock,
    recorder: PerformanceRecorder,
) -> None:
    transactions.answered("index", "200", 0.25, 0.5)
    transactions.answered("week", "503", 0.25, 0.0)
    clock.now += 60
    recorder.record()
    transactions.answered("index", "200", 0.25, 0.0)
    clock.now += 60
    recorder.record()
    first, second = rows(database)
    assert (first.minute, second.minute) == (MINUTE, MINUTE + 1)
    assert first.process == second.process
    assert (first.release, first.requests, first.errors) == ("r1", 2, 1)
    assert (first.queue, first.cache, first.render) == (0.5, 0.5, 0.0)
    assert first.routes == {"index": [1, 0, 0.75], "week": [1, 1, 0.25]}
    assert (second.requests, second.errors, second.satisfied, second.cache) == (1, 0, 1, 0.25)
    assert second.routes == {"index": [1, 0, 0.25]}


def test_rows_wait_while_the_database_is_down(
    database: Database,
    transactions: TransactionCounters,
    clock: Clock,
    recorder: PerformanceRecorder,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with database.write() as session:
        session.execute(text("ALTER TABLE performance_minute RENAME TO gone"))
    for _ in range(3):
        transactions.answered("index", "200", 0.1, 0.0)
        clock.now += 60
        recorder.record()
    (message,) = [each.message for each in caplog.records if each.name == performance.__name__]
    assert "performance_minute" in message
    with database.write() as session:
        session.execute(text("ALTER TABLE gone RENAME TO performance_minute"))
    clock.now += 60
    recorder.record()
    assert [row.requests for row in rows(database)] == [1, 1, 1, 0]


def test_old_rows_are_deleted(
    database: Database, clock: Clock, transactions: TransactionCounters
) -> None:
    for _ in range(2):
        PerformanceRecorder(database, transactions, "r1", clock).record()
        clock.now += 60 * (KEEP_MINUTES + 1)
    assert [row.minute for row in rows(database)] == [MINUTE + KEEP_MINUTES + 1]


def test_last_row_is_written_at_the_end(
    database: Database, transactions: TransactionCounters, recorder: PerformanceRecorder
) -> None:
    recorder.start()
    transactions.answered("index", "200", 0.1, 0.0)
    assert rows(database) == []
    recorder.stop()
    assert [row.requests for row in rows(database)] == [1]


def test_thread_records_when_a_minute_has_ended(
    database: Database, transactions: TransactionCounters
) -> None:
    began = time.monotonic()

    def now() -> float:
        return MINUTE * 60 + 59.9 + time.monotonic() - began

    recorder = PerformanceRecorder(database, transactions, "r1", now)
    transactions.answered("index", "200", 0.1, 0.0)
    recorder.start()
    wait_until(lambda: len(rows(database)) > 0)
    recorder.stop()
    assert rows(database)[0].minute == MINUTE


@pytest.fixture
def package(tmp_path: Path) -> Path:
    (tmp_path / "a.py").write_text("A = 1")
    (tmp_path / "notes.txt").write_text("")
    return tmp_path


def test_release_differs_between_versions_of_the_code(package: Path) -> None:
    before = release_of(package)
    (package / "notes.txt").write_text("other")
    assert release_of(package) == before
    (package / "a.py").write_text("A = 2")
    assert release_of(package) != before
    assert len(release_of(Path(moziweb.__file__).parent)) == 12


def test_every_part_is_a_column() -> None:
    assert {part.value for part in Part} <= set(PerformanceMinute.__table__.columns.keys())


def test_web_process_records_its_requests_until_its_end(
    migrated_sqlite: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "site.sqlite"
    shutil.copyfile(migrated_sqlite, copy)
    keys = {**raw_settings(f"sqlite:///{copy}", tmp_path), "server.drain_seconds": "0"}
    with WebServer(keys) as web:
        for _ in range(3):
            assert web.get("/about")[0] == 200
        assert web.get("/__lbheartbeat__")[0] == 200
        web.stop()
    engine = create_engine({"sqlalchemy.url": f"sqlite:///{copy}"})
    found = rows(Database(engine))
    engine.dispose()
    assert sum(row.requests for row in found) == 3
    assert sum(row.queue for row in found) > 0  # the wait for a thread
    assert {tuple(row.routes) for row in found if row.requests} == {("about",)}
