"""A small site with an ini file, and the command run on it as an operator runs it."""

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

from moziweb.db import Database, create_engine
from moziweb.movies.models import Movie
from moziweb.posters.generation.upload_store import add_upload
from moziweb.posters.models import PosterSource, SourceKind
from moziweb.storage.disk import DiskStorage
from tests.posters.conftest import picture

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
    """A site in a folder: its ini file, and what the file describes."""

    folder: Path
    database: Database
    storage: DiskStorage

    @property
    def ini(self) -> Path:
        return self.folder / "site.ini"

    def add_movie(self, movie_id: int, *, colour: str | None = None) -> None:
        """A movie, with an uploaded poster of one colour if it is to have any."""
        with self.database.write() as session:
            movie = Movie(id=movie_id, title="a", original_title="a", slug=f"film-{movie_id}")
            session.add(movie)
            session.flush()
            if colour:
                add_upload(session, self.storage, movie, picture(colour, (400, 600)))

    def add_broken_source(self, movie_id: int) -> None:
        """A source whose original is not in storage."""
        with self.database.write() as session:
            kind = SourceKind.UPLOAD
            session.add(PosterSource(movie_id=movie_id, kind=kind, key="upload/00/none.jpg"))


Run = Callable[..., subprocess.CompletedProcess[str]]


@contextmanager
def opened(folder: Path) -> Iterator[Site]:
    """The site that stands in a folder."""
    engine = create_engine({"sqlalchemy.url": f"sqlite:///{folder}/var/site.sqlite"})
    try:
        yield Site(folder, Database(engine), DiskStorage(folder / "objects"))
    finally:
        engine.dispose()


def lay_out(folder: Path, migrated_sqlite: Path) -> None:
    """Put a migrated site without films into a folder."""
    (folder / "site.ini").write_text(INI)
    (folder / "var").mkdir()
    shutil.copyfile(migrated_sqlite, folder / "var" / "site.sqlite")


def run_in(
    folder: Path, *arguments: str, ini: str = "site.ini"
) -> subprocess.CompletedProcess[str]:
    """Run ``moziweb -c site.ini …`` on the site in a folder, in a process of its own."""
    return subprocess.run(
        [*COMMAND, "-c", str(folder / ini), *arguments],
        capture_output=True,
        text=True,
        check=False,
        # As an operator's shell has it: what they are not to see would be seen here.
        env={name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"},
    )


@pytest.fixture
def site(tmp_path: Path, migrated_sqlite: Path) -> Iterator[Site]:
    """A migrated site without films."""
    lay_out(tmp_path, migrated_sqlite)
    with opened(tmp_path) as site:
        yield site


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs the command on ``site``."""
    return partial(run_in, tmp_path)


def events(output: str) -> list[dict[str, Any]]:
    """The JSON lines of a command."""
    return [json.loads(line) for line in output.splitlines()]
