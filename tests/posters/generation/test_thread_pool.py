"""The embedded pool: what is committed is made, what nobody told of is found, and it ends."""

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
from tests.posters.conftest import LEASE, Shelf, picture, source_of

URL = "https://example.com/a.jpg"
PATIENCE = 20.0


@pytest.fixture
def working(database: Database, disk: DiskStorage, shelf: Shelf) -> PosterService:
    """A service on the real clock whose external sources stand on the shelf."""
    shelf.pictures[URL] = picture()
    claims = SourceLeases(database, utc_now, LEASE)
    return PosterService(database, disk, {SourceKind.URL: shelf}, claims)


@contextmanager
def running(database: Database, service: PosterService, period: float = 60) -> Iterator[ThreadPool]:
    pool = ThreadPool(database, service, utc_now, jobs=2, period=period)
    database.watch(SourceChangeListener(pool).watch)
    pool.start()
    yield pool
    pool.stop()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_ready(database: Database, source_id: int) -> Callable[[], bool]:
    return lambda: source_of(database, source_id).state is SourceState.READY


def test_a_committed_source_is_made_without_a_visitor(
    database: Database, working: PosterService, shelf: Shelf, movie_id: int
) -> None:
    with running(database, working):
        with database.write() as session:
            session.add(source := PosterSource(movie_id=7, kind=SourceKind.URL, url=URL))
        wait_for(is_ready(database, source.id))
    assert shelf.reads == 1


def test_the_sweep_finds_what_nobody_told_of(
    database: Database, working: PosterService, movie_id: int
) -> None:
    with running(database, working, period=0.05):
        with database.write() as session:  # past every hook
            row = {"id": 5, "movie_id": 7, "kind": SourceKind.URL, "url": URL}
            defaults = {"chosen": False, "focal_x": 0.5, "focal_y": 0.5, "attempts": 0}
            state = {"state": SourceState.PENDING, "created_at": utc_now()}
            session.execute(insert(PosterSource).values({**row, **defaults, **state}))
        wait_for(is_ready(database, 5))


def test_the_sweep_takes_over_from_a_worker_that_died(
    database: Database, working: PosterService, movie_id: int
) -> None:
    with database.write() as session:
        session.add(source := PosterSource(movie_id=7, kind=SourceKind.URL, url=URL))
        session.flush()
        session.execute(
            update(PosterSource).values(
                state=SourceState.GENERATING, lease_token="gone", lease_until=utc_now() - LEASE
            )
        )
    with running(database, working, period=0.05):
        wait_for(is_ready(database, source.id))


def test_more_than_it_can_hold_does_not_make_the_writer_wait(
    database: Database, working: PosterService, shelf: Shelf
) -> None:
    pool = ThreadPool(database, working, utc_now, jobs=1, period=60)
    pool.committed(range(1, 10))  # before it runs: nothing is kept
    pool.start()
    pool.committed(range(1, 10 * CAPACITY))  # no such sources; they are gone through quickly
    pool.stop()
    assert shelf.reads == 0


def test_a_thread_outlives_what_nobody_foresaw(
    database: Database,
    working: PosterService,
    movie_id: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    ensure, calls = working.ensure_variants, iter(range(100))

    def break_once(source_id: int) -> object:
        if next(calls) == 0:
            raise ZeroDivisionError
        return ensure(source_id)

    monkeypatch.setattr(working, "ensure_variants", break_once)
    with running(database, working, period=0.05):
        with database.write() as session:
            session.add(source := PosterSource(movie_id=7, kind=SourceKind.URL, url=URL))
        wait_for(is_ready(database, source.id))
    assert "could not be made in the background" in caplog.text


def test_it_ends_after_what_it_is_making(
    database: Database, working: PosterService, shelf: Shelf, movie_id: int
) -> None:
    with running(database, working):
        shelf.before_read = lambda: time.sleep(0.3)
        with database.write() as session:
            session.add(source := PosterSource(movie_id=7, kind=SourceKind.URL, url=URL))
        wait_for(lambda: shelf.reads == 1)
    assert is_ready(database, source.id)()
