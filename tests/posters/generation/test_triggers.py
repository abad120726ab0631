"""Who is told of new and changed sources: what is committed, and nothing else."""

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from weakref import ref

import pytest
from sqlalchemy.orm import Session

from moziweb.db import Database, create_engine
from moziweb.posters.generation.triggers import SourceChangeListener
from moziweb.posters.models import PosterSource, SourceKind, SourceState


class Told:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.in_transaction: list[int] = []
        self.after_commit: list[int] = []

    def enqueue_in_transaction(self, session: Session, source_ids: Iterable[int]) -> None:
        assert session.in_transaction()
        self.in_transaction += source_ids

    def enqueue_after_commit(self, source_ids: Iterable[int]) -> None:
        self.after_commit += source_ids


@pytest.fixture
def told(database: Database) -> Told:
    told = Told()
    database.watch(SourceChangeListener(told).listen)
    return told


class RolledBack(Exception):
    """Raised to have a transaction rolled back."""


@contextmanager
def rolled_back(database: Database) -> Iterator[Session]:
    with suppress(RolledBack), database.write() as session:
        yield session
        raise RolledBack


def new(**values: object) -> PosterSource:
    given = {"movie_id": 7, "kind": SourceKind.URL, "url": "https://example.com/a.jpg"}
    return PosterSource(**{**given, **values})


def test_a_new_source_is_handed_on_twice(database: Database, movie_id: int, told: Told) -> None:
    with database.write() as session:
        session.add(source := new())
        session.flush()
        assert told.in_transaction == [source.id]
        assert told.after_commit == []
    assert told.after_commit == [source.id]


def test_what_is_rolled_back_is_not_told_after_it(
    database: Database, movie_id: int, told: Told
) -> None:
    with rolled_back(database) as session:
        session.add(new())
        session.flush()
    assert told.after_commit == []
    with database.write() as session:
        session.add(later := new())
    assert told.after_commit == [later.id]


def test_a_savepoint_is_no_commit(database: Database, movie_id: int, told: Told) -> None:
    with rolled_back(database) as session:
        with session.begin_nested():
            session.add(new())
        assert told.after_commit == []
    assert told.after_commit == []


def test_a_changed_source_is_told_of_and_one_that_only_moves_is_not(
    database: Database, movie_id: int, told: Told
) -> None:
    with database.write() as session:
        session.add(source := new(state=SourceState.READY))
    assert told.after_commit == []
    with database.write() as session:
        session.get_one(PosterSource, source.id).chosen = True
    assert told.after_commit == []
    with database.write() as session:
        changed = session.get_one(PosterSource, source.id)
        changed.url, changed.state = "https://example.com/b.jpg", SourceState.PENDING
    assert told.after_commit == [source.id]
    with database.write() as session:
        session.get_one(PosterSource, source.id).chosen = False
    assert told.after_commit == [source.id], "once is enough"


def test_what_the_demo_draws_is_drawn_when_it_is_looked_at(
    database: Database, movie_id: int, told: Told
) -> None:
    with database.write() as session:
        session.add(new(kind=SourceKind.DRAWN, url="drawn:dune"))
    assert told.in_transaction == []


class Holding(Told):
    """Works on the database, as all who make posters do."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.database = database


def test_whoever_makes_posters_goes_with_the_database() -> None:
    """Listeners would keep both, and an application that was, for as long as the process lives."""
    database = Database(create_engine({"sqlalchemy.url": "sqlite://"}))
    background = Holding(database)
    database.watch(SourceChangeListener(background).listen)
    gone = ref(database)
    del database, background
    gc.collect()
    assert gone() is None
