"""Fixtures of all tests: both databases (empty or with the demo), the application, query counts."""

import os
import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from jinja2 import FileSystemBytecodeCache
from pyramid.registry import Registry
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb import main
from moziweb.db import Database, create_engine
from moziweb.db.migrations import upgrade
from moziweb.demo.loader import load_demo
from moziweb.movies.calendar import budapest_today
from moziweb.services import services_of, set_services
from moziweb.settings import load

from . import measured
from .memory import Memory
from .once import Once, once_in
from .services.postgres import PostgresServer
from .services.process import restore_default_signals, run

pytest_plugins = [
    "tests.services.fixtures",
    "tests.applications",
    "tests.compiled",
    "tests.forms",
    "tests.scheduling",
    "tests.shared_apps",
]

NOW = datetime(2026, 8, 20, 10, 0, tzinfo=UTC)
"""The time of the ``app`` fixture: a Thursday, noon in Budapest."""

ROOT = Path(__file__).parents[1]

BASE_URL = "https://moziweb.test"

QueryCounter = Callable[[Engine], AbstractContextManager[list[str]]]


# No deadline for an example: its time depends on the load of the machine.
hypothesis.settings.register_profile("moziweb", deadline=None)
hypothesis.settings.load_profile("moziweb")


def pytest_configure(config: pytest.Config) -> None:
    """Give children default signals, prepare Hypothesis, and watch the memory of this process."""
    restore_default_signals()
    if not hasattr(config, "workerinput"):
        _write_alphabet()
        # A template compiled by another version of an extension counts as current.
        FileSystemBytecodeCache().clear()
    config.pluginmanager.register(Memory(), "moziweb-memory")
    config.pluginmanager.register(measured, "moziweb-measured")


def _write_alphabet() -> None:
    """Have a child write Hypothesis's table of characters, which takes 200 MB for a moment."""
    if not (ROOT / ".hypothesis" / "unicode_data" / unicodedata.unidata_version).exists():
        program = "from hypothesis.strategies import text; text().validate()"
        run([sys.executable, "-c", program], cwd=ROOT, check=True)


def migrate(url: str) -> None:
    """Create the schema in an empty database."""
    engine = create_engine(load(raw_settings(url, Path())))
    upgrade(engine)
    engine.dispose()


def raw_settings(url: str, folder: Path) -> dict[str, str]:
    """The ini keys of an application on a database, with its objects in ``folder``."""
    return {
        "site.base_url": BASE_URL,
        "sqlalchemy.url": url,
        "storage.backend": "disk",
        "posters.decoder.niceness": "0",  # tests and decoders share the processor
        "storage.disk.path": str(folder / "objects"),
        # Most tests create an application; the templates are compiled once.
        "jinja2.bytecode_caching": "true",
    }


@contextmanager
def running_app(settings: dict[str, str]) -> Iterator[TestApp]:
    """The application at ``NOW``; closes its connections and children at the end."""
    with measured.measured_once(settings):
        wsgi = main({}, **settings)
    set_services(wsgi.registry, replace(services_of(wsgi.registry), clock=lambda: NOW))
    try:
        yield TestApp(wsgi)
    finally:
        close_services(wsgi.registry)


def close_services(registry: Registry) -> None:
    """Close the database connections and the decoder processes of an application."""
    services = services_of(registry)
    services.decoder_pool.close()
    if services.page_cache is not None:
        services.page_cache.retrier.close()  # its thread would connect again after ``dispose``
    services.database.engine.dispose()


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """``once(name, make)`` makes a file or folder for all workers. Copy what a test changes."""
    folder = tmp_path_factory.getbasetemp()
    return once_in(folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder)


@pytest.fixture(scope="session")
def migrated_sqlite(once: Once) -> Path:
    """A migrated SQLite file to copy."""
    return once("migrated.sqlite", lambda path: migrate(f"sqlite:///{path}"))


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: PostgresServer) -> str:
    """The name of a migrated PostgreSQL database to copy."""
    return postgres_server.make_template(migrate)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The folder of the database and of the objects of a test."""
    return tmp_path


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, place: Path) -> Iterator[str]:
    """The URL of a new, migrated database; the test runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        copy = place / "moziweb.sqlite"
        shutil.copyfile(request.getfixturevalue("migrated_sqlite"), copy)
        yield f"sqlite:///{copy}"
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        with server.reusable(request.getfixturevalue("migrated_postgres")) as url:
            yield url


@pytest.fixture
def settings(database_url: str, place: Path) -> dict[str, str]:
    """The ini keys of ``app``."""
    return raw_settings(database_url, place)


@pytest.fixture
def database(settings: dict[str, str]) -> Iterator[Database]:
    """The database of a test, with connections of its own."""
    found = Database(create_engine(load(settings)))
    yield found
    found.engine.dispose()


@pytest.fixture
def dbsession(database: Database) -> Iterator[Session]:
    """A session to prepare and check rows; commit before a request."""
    with Session(database.engine, expire_on_commit=False) as session:
        yield session


@pytest.fixture
def app(settings: dict[str, str]) -> Iterator[TestApp]:
    """The application under WebTest, at ``NOW``."""
    with running_app(settings) as app:
        yield app


@pytest.fixture
def query_counter() -> QueryCounter:
    """``with query_counter(engine) as statements:`` collects the executed statements."""
    return counted_queries


@contextmanager
def counted_queries(engine: Engine) -> Iterator[list[str]]:
    """Collect the statements sent to an engine, without ``BEGIN``."""
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


@pytest.fixture(scope="session")
def demo_file(migrated_sqlite: Path, once: Once) -> Path:
    """An SQLite file with the demo to copy."""

    def make(path: Path) -> None:
        shutil.copyfile(migrated_sqlite, path)
        fill(f"sqlite:///{path}")

    return once("demo.sqlite", make)


@pytest.fixture(scope="session")
def demo_sqlite(demo_file: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of an SQLite database with the demo; read-only."""
    copy = tmp_path_factory.mktemp("demo") / "demo.sqlite"
    shutil.copyfile(demo_file, copy)
    return f"sqlite:///{copy}"


@pytest.fixture(scope="session")
def demo_postgres(postgres_server: PostgresServer, migrated_postgres: str) -> Iterator[str]:
    """The URL of a PostgreSQL database with the demo; read-only."""
    with postgres_server.database(migrated_postgres) as url:
        fill(url)
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def demo_url(request: pytest.FixtureRequest) -> str:
    """The URL of a database with the demo's 796 movies; read-only."""
    name = "demo_sqlite" if request.param == "sqlite" else "demo_postgres"
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture(scope="session")
def demo_apps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], TestApp]]:
    """Returns the application on a database with the demo, which is started once."""
    with ExitStack() as running:

        @cache
        def of(url: str) -> TestApp:
            folder = tmp_path_factory.mktemp("objects")
            return running.enter_context(running_app(raw_settings(url, folder)))

        yield of


@pytest.fixture
def demo_app(demo_url: str, demo_apps: Callable[[str], TestApp]) -> TestApp:
    """A browser without cookies on the application with the demo; read-only."""
    return TestApp(demo_apps(demo_url).app)


@pytest.fixture
def demo_session(demo_app: TestApp) -> Iterator[Session]:
    """A read-only session on the demo."""
    with Session(services_of(demo_app.app.registry).database.engine) as session:
        yield session
