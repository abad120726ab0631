"""A small site with an ini file, and ``moziweb`` commands on it.

Most tests run a command in their own process (``run``): starting a process takes a second. Each
command also runs in a real process (``run_process``, or ``test_processes.py``).
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from moziweb import cli
from moziweb.cli import context
from moziweb.db import Database, create_engine
from moziweb.movies.models import Movie
from moziweb.posters.models import PosterSource, SourceKind
from moziweb.storage.disk import DiskStorage
from tests.audit_law import audit_law
from tests.conftest import close_services
from tests.factories import add_upload
from tests.posters.conftest import picture
from tests.services import process
from tests.services.postgres import PostgresServer

INI = """\
[app:main]
use = egg:moziweb
site.base_url = http://127.0.0.1:6543
sqlalchemy.url = sqlite:///%(here)s/var/site.sqlite
storage.backend = disk
posters.decoder.niceness = 0
storage.disk.path = %(here)s/objects

[server:main]
use = egg:moziweb#waitress
host = 127.0.0.1
port = ${PORT:-6543}
threads = 4
"""

COMMAND = (sys.executable, "-m", "moziweb.cli")


@dataclass(frozen=True)
class Site:
    """A site in a folder: its ini file, database and storage."""

    folder: Path
    database: Database
    storage: DiskStorage

    @property
    def ini(self) -> Path:
        return self.folder / "site.ini"

    def add_movie(self, movie_id: int, *, colour: str | None = None) -> None:
        """Add a movie, with an uploaded poster of one colour if given."""
        with self.database.write() as session:
            movie = Movie(id=movie_id, title="a", original_title="a", slug=f"film-{movie_id}")
            session.add(movie)
            session.flush()
            if colour:
                add_upload(session, self.storage, movie, picture(colour, (400, 600)))

    def add_broken_source(self, movie_id: int) -> None:
        """Add a source whose original is not in storage."""
        with self.database.write() as session:
            kind = SourceKind.UPLOAD
            session.add(PosterSource(movie_id=movie_id, kind=kind, key="upload/00/none.jpg"))


Run = Callable[..., subprocess.CompletedProcess[str]]


@contextmanager
def opened(folder: Path) -> Iterator[Site]:
    """The site in a folder."""
    engine = create_engine({"sqlalchemy.url": f"sqlite:///{folder}/var/site.sqlite"})
    try:
        yield Site(folder, Database(engine), DiskStorage(folder / "objects"))
    finally:
        engine.dispose()


def lay_out(folder: Path, migrated_sqlite: Path) -> None:
    """Create a migrated site without movies in a folder."""
    (folder / "site.ini").write_text(INI)
    (folder / "var").mkdir()
    shutil.copyfile(migrated_sqlite, folder / "var" / "site.sqlite")


def run_in(
    folder: Path, *arguments: str, ini: str = "site.ini"
) -> subprocess.CompletedProcess[str]:
    """Run ``moziweb -c site.ini …`` on the site in a folder, in a new process."""
    # As in an operator's shell: a warning that they would see fails the test.
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    return process.run([*COMMAND, "-c", str(folder / ini), *arguments], env=environ)


def invoke_in(
    folder: Path, *arguments: str, ini: str = "site.ini", stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``moziweb -c site.ini …`` in this process, through click's ``CliRunner``.

    The logging of the tests stays as it is. Raises what the command did not handle.
    """
    opened: list[context.CommandContext] = []

    def open_context(ini: str) -> context.CommandContext:
        opened.append(context.CommandContext(ini))
        return opened[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "CommandContext", open_context)
        patch.setattr(context, "setup_logging", lambda ini: None)
        ended = CliRunner().invoke(cli.main, ["-c", str(folder / ini), *arguments], input=stdin)
    for each in opened:
        close_context(each)
    if ended.exception and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    return subprocess.CompletedProcess(arguments, ended.exit_code, ended.stdout, ended.stderr)


def close_context(opened: context.CommandContext) -> None:
    """Close the database connections and decoders that a command has opened."""
    found = vars(opened)  # cached properties: only what was used
    if "database" in found:
        opened.database.engine.dispose()
    if "registry" in found:
        close_services(opened.registry)
    if "application" in found:
        close_services(opened.application.registry)


@pytest.fixture(autouse=True)
def _audit_law() -> Iterator[None]:
    """Every change by the application has an audit entry."""
    with audit_law():
        yield


@pytest.fixture
def site(tmp_path: Path, migrated_sqlite: Path) -> Iterator[Site]:
    """A migrated site without movies."""
    lay_out(tmp_path, migrated_sqlite)
    with opened(tmp_path) as site:
        yield site


@pytest.fixture
def postgres_site(
    tmp_path: Path, postgres_server: PostgresServer, migrated_postgres: str
) -> Iterator[Site]:
    """As ``site``, on PostgreSQL."""
    with postgres_server.reusable(migrated_postgres) as url:
        ini = INI.replace("sqlite:///%(here)s/var/site.sqlite", url)
        (tmp_path / "site.ini").write_text(ini)
        address = url.replace("postgresql://", "postgresql+psycopg://")
        engine = create_engine({"sqlalchemy.url": address, "sqlalchemy.pool_size": 2})
        yield Site(tmp_path, Database(engine), DiskStorage(tmp_path / "objects"))
        engine.dispose()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a command on ``site`` in this process."""
    return partial(invoke_in, tmp_path)


@pytest.fixture
def run_process(tmp_path: Path) -> Run:
    """Runs a command on ``site`` in a new process."""
    return partial(run_in, tmp_path)


def events(output: str) -> list[dict[str, Any]]:
    """The JSON lines that a command printed."""
    return [json.loads(line) for line in output.splitlines()]
