"""New and changed sources are passed to the background generator when they are committed."""

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from weakref import ref

import pytest
from sqlalchemy.orm import Session

from moziweb.db import Database, create_engine
from moziweb.posters.generation.triggers import SourceChangeListener
from moziweb.posters.models import PosterSource, SourceKind, SourceState


class Recorder:
    """Records its calls."""

    def __init__(self) -> None:
        self.in_transaction: list[int] = []
        self.after_commit: list[int] = []

    def enqueue_in_transaction(self, session: Session, source_ids: Iterable[int]) -> None:
        assert session.in_transaction()
        self.in_transaction += source_ids

    def enqueue_after_commit(self, source_ids: Iterable[int]) -> None:
        self.after_commit += source_ids


@pytest.fixture
def recorder(database: Database) -> Recorder:
    recorder = Recorder()
    database.watch(SourceChangeListener(recorder).listen)
    return recorder


class RolledBack(Exception):
    """Raised to roll a transaction back."""


@contextmanager
def rolled_back(database: Database) -> Iterator[Session]:
    with suppress(RolledBack), database.write() as session:
        yield session
        raise RolledBack


def new(**values: object) -> PosterSource:
    given = {"movie_id": 7, "kind": SourceKind.URL, "url": "https://example.com/a.jpg"}
    return PosterSource(**{**given, **values})


def test_new_source_is_passed_on_in_the_transaction_and_after_it(
    database: Database, movie_id: int, recorder: Recorder
) -> None:
    with database.write() as session:
        session.add(source := new())
        session.flush()
        assert recorder.in_transaction == [source.id]
        assert recorder.after_commit == []
    assert recorder.after_commit == [source.id]


def test_rolled_back_source_is_not_passed_on_after_the_transaction(
    database: Database, movie_id: int, recorder: Recorder
) -> None:
    with rolled_back(database) as session:
        session.add(new())
        session.flush()
    assert recorder.after_commit == []
    with database.write() as session:
        session.add(later := new())
    assert recorder.after_commit == [later.id]


def test_savepoint_is_no_commit(database: Database, movie_id: int, recorder: Recorder) -> None:
    with rolled_back(database) as session:
        with session.begin_nested():
            session.add(new())
        assert recorder.after_commit == []
    assert recorder.after_commit == []


def test_only_a_source_that_becomes_pending_is_passed_on(
    database: Database, movie_id: int, recorder: Recorder
) -> None:
    with database.write() as session:
        session.add(source := new(state=SourceState.READY))
    assert recorder.after_commit == []
    with database.write() as session:
        session.get_one(PosterSource, source.id).chosen = True
    assert recorder.after_commit == []
    with database.write() as session:
        changed = session.get_one(PosterSource, source.id)
        changed.url, changed.state = "https://example.com/b.jpg", SourceState.PENDING
    assert recorder.after_commit == [source.id]
    with database.write() as session:
        session.get_one(PosterSource, source.id).chosen = False
    assert recorder.after_commit == [source.id], "once is enough"


def test_drawn_source_is_not_passed_on(
    database: Database, movie_id: int, recorder: Recorder
) -> None:
    with database.write() as session:
        session.add(new(kind=SourceKind.DRAWN, url="drawn:dune"))
    assert recorder.in_transaction == []


class Holding(Recorder):
    """Refers to the database, as background generators do."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.database = database


def test_listeners_do_not_keep_the_generator_or_the_database_alive() -> None:
    """Otherwise each application would stay in memory as long as the process."""
    database = Database(create_engine({"sqlalchemy.url": "sqlite://"}))
    background = Holding(database)
    database.watch(SourceChangeListener(background).listen)
    gone = ref(database)
    del database, background
    gc.collect()
    assert gone() is None
