"""What every test shares: both databases, empty or with the demo, the application over them, and a
count of queries.
"""

import gc
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from pyramid.registry import Registry
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb import main
from moziweb.db import Database, create_engine
from moziweb.db.migrations import upgrade
from moziweb.demo.loader import load_demo
from moziweb.movies.calendar import budapest_today
from moziweb.settings import load

from .services.postgres import PostgresServer

pytest_plugins = ["tests.services.fixtures"]

NOW = datetime(2026, 8, 20, 10, 0, tzinfo=UTC)
"""When the ``app`` of a test believes it is: a Thursday, noon in Budapest."""

BASE_URL = "https://moziweb.test"

QueryCounter = Callable[[Engine], AbstractContextManager[list[str]]]


# How long an example takes is the machine's business: what is slow is found by benchmarks.
hypothesis.settings.register_profile("moziweb", deadline=None)
hypothesis.settings.load_profile("moziweb")


def pytest_collection_finish() -> None:
    """Have the garbage collector leave alone what has been imported, and come less often.

    An application leaves a hundred thousand objects; with the usual threshold a seventh of the
    tests' time goes into looking for garbage.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)


def migrate(url: str) -> None:
    """Make the schema in an empty database."""
    engine = create_engine(load(raw_settings(url, Path())))
    upgrade(engine)
    engine.dispose()


def raw_settings(url: str, folder: Path) -> dict[str, str]:
    """The ini keys of an application over a database, with its objects in ``folder``."""
    return {
        "site.base_url": BASE_URL,
        "sqlalchemy.url": url,
        "storage.backend": "disk",
        "posters.decoder.niceness": "0",  # several tests share the processor with their children
        "storage.disk.path": str(folder / "objects"),
        # Every test makes an application of its own; the templates are compiled once.
        "jinja2.bytecode_caching": "true",
    }


@contextmanager
def running_app(settings: dict[str, str]) -> Iterator[TestApp]:
    """The whole application at ``NOW``; its connections are closed at the end."""
    wsgi = main({}, **settings)
    wsgi.registry["clock"] = lambda: NOW
    try:
        yield TestApp(wsgi)
    finally:
        close_services(wsgi.registry)


def close_services(registry: Registry) -> None:
    """Close the database connections and the decoder processes of an application."""
    registry["poster_workshop"].close()
    registry["database"].engine.dispose()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "migrated.sqlite"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: PostgresServer) -> str:
    """The name of a migrated PostgreSQL database, to be copied."""
    return postgres_server.make_template(migrate)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a new, migrated database: a test that uses it runs on both kinds."""
    if request.param == "sqlite":
        copy = tmp_path / "moziweb.sqlite"
        shutil.copyfile(request.getfixturevalue("migrated_sqlite"), copy)
        yield f"sqlite:///{copy}"
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        with server.database(request.getfixturevalue("migrated_postgres")) as url:
            yield url


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> dict[str, str]:
    """The ini keys that ``app`` is made of."""
    return raw_settings(database_url, tmp_path)


@pytest.fixture
def database(settings: dict[str, str]) -> Iterator[Database]:
    """The database of a test, apart from the application's own connections to it."""
    found = Database(create_engine(load(settings)))
    yield found
    found.engine.dispose()


@pytest.fixture
def dbsession(database: Database) -> Iterator[Session]:
    """A session to prepare and look with; commit before the application is asked."""
    with Session(database.engine, expire_on_commit=False) as session:
        yield session


@pytest.fixture
def app(settings: dict[str, str]) -> Iterator[TestApp]:
    """The application under WebTest, at ``NOW``."""
    with running_app(settings) as app:
        yield app


@pytest.fixture
def query_counter() -> QueryCounter:
    """``with query_counter(engine) as statements:`` collects what the engine is asked meanwhile."""
    return counted_queries


@contextmanager
def counted_queries(engine: Engine) -> Iterator[list[str]]:
    """The statements sent to an engine; the beginning of a transaction is no query."""
    statements: list[str] = []

    def count(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith("BEGIN"):
            statements.append(statement)

    event.listen(engine, "before_cursor_execute", count)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", count)


def fill(url: str) -> None:
    """Load the demo into a migrated database."""
    database = Database(create_engine(load(raw_settings(url, Path()))))
    with database.write() as session:
        load_demo(session, budapest_today(NOW), NOW)
    database.engine.dispose()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def demo_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of a database with the demo's 796 films, never written to again."""
    if request.param == "sqlite":
        copy = tmp_path_factory.mktemp("demo") / "demo.sqlite"
        shutil.copyfile(request.getfixturevalue("migrated_sqlite"), copy)
        fill(f"sqlite:///{copy}")
        yield f"sqlite:///{copy}"
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        with server.database(request.getfixturevalue("migrated_postgres")) as url:
            fill(url)
            yield url


@pytest.fixture(scope="session")
def demo_app(demo_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestApp]:
    """The application over the demo; only to be read."""
    with running_app(raw_settings(demo_url, tmp_path_factory.mktemp("objects"))) as app:
        yield app


@pytest.fixture
def demo_session(demo_app: TestApp) -> Iterator[Session]:
    """A session to look into the demo with."""
    with Session(demo_app.app.registry["database"].engine) as session:
        yield session
