"""The thread pool makes committed and due sources, and ends in order."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import insert, update

from moziweb.clock import utc_now
from moziweb.db import Database
from moziweb.posters.generation.leases import SourceLeases
from moziweb.posters.generation.service import PosterService
from moziweb.posters.generation.thread_pool import CAPACITY, ThreadPool
from moziweb.posters.generation.triggers import SourceChangeListener
from moziweb.posters.models import PosterSource, SourceKind, SourceState
from moziweb.storage.disk import DiskStorage
from tests.posters.conftest import LEASE, StubReader, picture, source_of
from tests.threads import wait_until

URL = "https://example.com/a.jpg"
PATIENCE = 20.0


@pytest.fixture
def stub_service(database: Database, disk: DiskStorage, stub_reader: StubReader) -> PosterService:
    """A service on the real clock; ``stub_reader`` has the external image."""
    stub_reader.pictures[URL] = picture()
    leases = SourceLeases(database, utc_now, LEASE)
    return PosterService(database, disk, {SourceKind.URL: stub_reader}, leases)


@contextmanager
def running(database: Database, service: PosterService, period: float = 60) -> Iterator[ThreadPool]:
    pool = ThreadPool(database, service, utc_now, jobs=2, period=period)
    database.watch(SourceChangeListener(pool).listen)
    pool.start()
    yield pool
    pool.stop()


def is_ready(database: Database, source_id: int) -> Callable[[], bool]:
    return lambda: source_of(database, source_id).state is SourceState.READY


def test_committed_source_is_made_in_the_background(
    database: Database, stub_service: PosterService, stub_reader: StubReader, movie_id: int
) -> None:
    with running(database, stub_service):
        with database.write() as session:
            session.add(source := PosterSource(movie_id=7, kind=SourceKind.URL, url=URL))
        wait_until(is_ready(database, source.id))
    assert stub_reader.reads == 1


def test_sweep_finds_a_source_inserted_by_sql(
    database: Database, stub_service: PosterService, movie_id: int
) -> None:
    with running(database, stub_service, period=0.05):
        with database.write() as session:
            row = {"id": 5, "movie_id": 7, "kind": SourceKind.URL, "url": URL}
            defaults = {"chosen": False, "focal_x": 0.5, "focal_y": 0.5, "attempts": 0}
            state = {"state": SourceState.PENDING, "created_at": utc_now()}
            session.execute(insert(PosterSource).values({**row, **defaults, **state}))
        wait_until(is_ready(database, 5))


def test_sweep_finds_a_source_whose_worker_died(
    database: Database, stub_service: PosterService, movie_id: int
) -> None:
    with database.write() as session:
        session.add(source := PosterSource(movie_id=7, kind=SourceKind.URL, url=URL))
        session.flush()
        session.execute(
            update(PosterSource).values(
                state=SourceState.GENERATING, lease_token="gone", lease_until=utc_now() - LEASE
            )
        )
    with running(database, stub_service, period=0.05):
        wait_until(is_ready(database, source.id))


def test_full_queue_does_not_block(
    database: Database, stub_service: PosterService, stub_reader: StubReader
) -> None:
    pool = ThreadPool(database, stub_service, utc_now, jobs=1, period=60)
    pool.enqueue_after_commit(range(1, 10))  # ignored before the start
    pool.start()
    pool.enqueue_after_commit(range(1, 10 * CAPACITY))  # unknown sources, which take no time
    pool.stop()
    assert stub_reader.reads == 0


def test_thread_survives_an_unexpected_error(
    database: Database,
    stub_service: PosterService,
    movie_id: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    ensure, calls = stub_service.ensure_variants, iter(range(100))

    def break_once(source_id: int) -> object:
        if next(calls) == 0:
            raise ZeroDivisionError
        return ensure(source_id)

    monkeypatch.setattr(stub_service, "ensure_variants", break_once)
    with running(database, stub_service, period=0.05):
        with database.write() as session:
            session.add(source := PosterSource(movie_id=7, kind=SourceKind.URL, url=URL))
        wait_until(is_ready(database, source.id))
    assert "unexpected error in the background" in caplog.text


def test_stop_waits_for_the_running_source(
    database: Database, stub_service: PosterService, stub_reader: StubReader, movie_id: int
) -> None:
    with running(database, stub_service):
        stub_reader.before_read = lambda: time.sleep(0.3)
        with database.write() as session:
            session.add(source := PosterSource(movie_id=7, kind=SourceKind.URL, url=URL))
        wait_until(lambda: stub_reader.reads == 1)
    assert is_ready(database, source.id)()
