"""The demo's 796 films, loaded once for each kind of database and never written to again."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.db import Database, create_engine
from moziweb.demo.loader import load_demo
from moziweb.movies.calendar import budapest_today
from moziweb.settings import load
from tests.conftest import NOW, raw_settings, running_app
from tests.services.postgres import PostgresServer


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
    """The address of a database with the demo in it."""
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
