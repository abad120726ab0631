"""The queue in PostgreSQL: jobs are committed and rolled back with their sources."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text, update

from moziweb.db import Database, create_engine
from moziweb.posters.generation import procrastinate_queue
from moziweb.posters.generation.procrastinate_queue import (
    PRIORITY_NEW,
    PRIORITY_SWEEP,
    QUEUE,
    TASK,
    ProcrastinateQueue,
)
from moziweb.posters.generation.procrastinate_worker import PosterWorker
from moziweb.posters.generation.service import PosterService
from moziweb.posters.generation.triggers import SourceChangeListener
from moziweb.posters.models import PosterSource, SourceKind, SourceState
from tests.posters.conftest import NOON, Clock
from tests.posters.generation.test_triggers import new, rolled_back

JOBS = text(
    "SELECT (args ->> 'source_id')::int, priority, task_name, status::text "
    "FROM procrastinate.procrastinate_jobs ORDER BY id"
)
TAKEN = (
    "UPDATE procrastinate.procrastinate_jobs SET status = 'doing' "
    "WHERE (args ->> 'source_id')::int = :source"
)


@pytest.fixture
def database(postgres_url: str) -> Iterator[Database]:
    engine = create_engine({"sqlalchemy.url": postgres_url, "sqlalchemy.pool_size": 4})
    yield Database(engine)
    engine.dispose()


@pytest.fixture
def jobs(database: Database) -> ProcrastinateQueue:
    found = ProcrastinateQueue(database)
    database.watch(SourceChangeListener(found).listen)
    return found


def queued(database: Database) -> list[tuple[int, int]]:
    with database.read() as session:
        rows = session.execute(JOBS).all()
    assert {tuple(row[2:]) for row in rows} <= {(TASK, "todo")}
    return [(row[0], row[1]) for row in rows]


def test_job_is_committed_with_its_source(
    database: Database, jobs: ProcrastinateQueue, movie_id: int
) -> None:
    with database.write() as session:
        session.add(source := new())
        session.flush()
        assert queued(database) == []
    assert queued(database) == [(source.id, PRIORITY_NEW)]


def test_rollback_removes_the_job(
    database: Database, jobs: ProcrastinateQueue, movie_id: int
) -> None:
    with rolled_back(database) as session:
        session.add(new())
        session.flush()
    assert queued(database) == []


def test_rollback_of_a_savepoint_removes_its_jobs(
    database: Database, jobs: ProcrastinateQueue, movie_id: int
) -> None:
    with database.write() as session:
        session.add(kept := new())
        session.flush()
        savepoint = session.begin_nested()
        session.add(new())
        session.flush()
        savepoint.rollback()
    assert queued(database) == [(kept.id, PRIORITY_NEW)]


def test_sweep_defers_due_sources_once(
    database: Database, jobs: ProcrastinateQueue, movie_id: int
) -> None:
    with database.write() as session:
        session.add_all(sources := [new() for _ in range(3)])
    with database.write() as session:
        session.execute(text("TRUNCATE procrastinate.procrastinate_jobs CASCADE"))
    assert jobs.sweep(NOON) == 3
    # They are due at the same time, so PostgreSQL may return them in any order.
    assert sorted(queued(database)) == [(source.id, PRIORITY_SWEEP) for source in sources]
    assert jobs.sweep(NOON) == 0
    with database.write() as session:  # as after a worker was killed
        session.execute(text(TAKEN), {"source": sources[1].id})
    assert jobs.sweep(NOON) == 1


def test_sweep_is_locked_between_workers(
    database: Database, jobs: ProcrastinateQueue, service: PosterService, clock: Clock
) -> None:
    worker = PosterWorker(database.engine.url, service, jobs, clock, jobs=1)
    (sweep,) = worker._app().periodic_registry.periodic_tasks.values()
    assert (sweep.task.name, sweep.cron) == ("posters.sweep", "* * * * *")
    assert (sweep.task.queue, sweep.task.queueing_lock) == (QUEUE, "posters.sweep")


def test_sweep_bounds_the_backlog(
    database: Database, jobs: ProcrastinateQueue, movie_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(procrastinate_queue, "BACKLOG", 5)
    with database.write() as session:
        session.add_all([new(kind=SourceKind.DRAWN, regenerate_requested=True) for _ in range(8)])
    assert jobs.sweep(NOON) == 5
    assert jobs.sweep(NOON) == 0
    with database.write() as session:
        done = [source_id for source_id, _ in queued(database)]
        session.execute(
            update(PosterSource).where(PosterSource.id.in_(done)).values(state=SourceState.READY)
        )
    assert jobs.sweep(NOON) == 0, "as long as the jobs stand there"
    with database.write() as session:
        session.execute(text("TRUNCATE procrastinate.procrastinate_jobs CASCADE"))
    assert jobs.sweep(NOON) == 3
