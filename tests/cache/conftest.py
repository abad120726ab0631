"""Fixtures of the cache's tests."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session, sessionmaker

from moziweb.cache.invalidation.session_tracking import InvalidationTracker
from moziweb.cache.protocol.stamps import StampStore
from moziweb.cache.protocol.store import AtomicStore
from moziweb.cache.stores.memcached_client import MemcachedClient
from moziweb.cache.stores.memory import MemoryAtomicStore
from moziweb.cache.stores.sqlite import SqliteAtomicStore
from moziweb.db.engine import create_engine as create_app_engine
from tests.cache.database import (
    NOW,
    Base,
    Genre,
    Movie,
    Poster,
    RecordingEvents,
    declarations,
    outbox,
)
from tests.services.memcached import MemcachedServer
from tests.services.postgres import PostgresServer

_numbers = itertools.count()


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker of dogpile's published tests."""
    config.addinivalue_line("markers", "time_intensive: dogpile's tests that take seconds")


@pytest.fixture
def prefix() -> str:
    """A unique prefix for keys."""
    return f"t{next(_numbers)}:"


@pytest.fixture(params=["memory", "sqlite", "memcached"])
def open_store(
    request: pytest.FixtureRequest, tmp_path: Path, prefix: str
) -> Iterator[Callable[[], AtomicStore]]:
    """A function that opens the same store, as another process would; one run per kind of store."""
    if request.param == "memory":
        shared = MemoryAtomicStore()
        yield lambda: shared
    elif request.param == "sqlite":
        opened: list[SqliteAtomicStore] = []

        def open_file() -> AtomicStore:
            opened.append(SqliteAtomicStore(tmp_path / "stamps.db"))
            return opened[-1]

        yield open_file
        for each in opened:
            each.close()
    else:
        server: MemcachedServer = request.getfixturevalue("memcached_server")
        yield lambda: MemcachedClient([server.address], prefix=prefix)


@pytest.fixture
def store(open_store: Callable[[], AtomicStore]) -> AtomicStore:
    """One of the three stores, empty."""
    return open_store()


@pytest.fixture(scope="session")
def movies_template(postgres_server: PostgresServer) -> str:
    """A template database with the tables."""

    def prepare(url: str) -> None:
        made = create_engine(url)
        Base.metadata.create_all(made)
        made.dispose()

    return postgres_server.make_template(prepare)


@pytest.fixture
def sqlite_engine(tmp_path: Path) -> Iterator[Engine]:
    """SQLite in WAL mode, with the tables."""
    made = create_app_engine({"sqlalchemy.url": f"sqlite:///{tmp_path}/movies.db"})
    Base.metadata.create_all(made)
    yield made
    made.dispose()


@pytest.fixture(params=["READ COMMITTED", "REPEATABLE READ"])
def postgres_engine(
    request: pytest.FixtureRequest, postgres_server: PostgresServer, movies_template: str
) -> Iterator[Engine]:
    """PostgreSQL at two isolation levels, with the tables."""
    with postgres_server.reusable(movies_template) as url:
        made = create_engine(url, isolation_level=request.param)
        yield made
        made.dispose()


@pytest.fixture(params=["sqlite", "READ COMMITTED", "REPEATABLE READ"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Both databases."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_engine")
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    with server.reusable(request.getfixturevalue("movies_template")) as url:
        made = create_engine(url, isolation_level=request.param)
        yield made
        made.dispose()


@pytest.fixture
def recorded() -> RecordingEvents:
    """The recorded events."""
    return RecordingEvents()


@pytest.fixture
def stamps() -> StampStore:
    """A stamp store in this process."""
    return StampStore(MemoryAtomicStore(), 3600)


@pytest.fixture
def writes(stamps: StampStore, recorded: RecordingEvents) -> InvalidationTracker:
    """Writes into them."""
    return InvalidationTracker(declarations, outbox, stamps, recorded, now=lambda: NOW)


@pytest.fixture
def sessions(engine: Engine, writes: InvalidationTracker) -> sessionmaker[Session]:
    """Watched sessions over one movie of week 1 with one poster."""
    with Session(engine) as session:
        movie = Movie(id=1, title="Macskafogó", week="1", posters=[Poster(id=1, url="a")])
        session.add_all([movie, Genre(id=1, name="animáció")])
        session.commit()
    factory = sessionmaker(engine)
    writes.watch(factory)
    return factory
