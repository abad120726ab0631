"""A small site with an ini file, and the command run on it as an operator runs it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from moziweb.db import Database, create_engine
from moziweb.movies.models import Movie
from moziweb.posters.models import PosterSource, SourceKind
from moziweb.posters.sources import add_upload
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


@pytest.fixture
def site(tmp_path: Path, migrated_sqlite: Path) -> Iterator[Site]:
    """A migrated site without films."""
    (tmp_path / "site.ini").write_text(INI)
    (tmp_path / "var").mkdir()
    shutil.copyfile(migrated_sqlite, tmp_path / "var" / "site.sqlite")
    engine = create_engine({"sqlalchemy.url": f"sqlite:///{tmp_path}/var/site.sqlite"})
    yield Site(tmp_path, Database(engine), DiskStorage(tmp_path / "objects"))
    engine.dispose()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs ``moziweb -c site.ini …`` in a process of its own."""

    def run(*arguments: str, ini: str = "site.ini") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, "-c", str(tmp_path / ini), *arguments],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
        )

    return run


def events(output: str) -> list[dict[str, Any]]:
    """The JSON lines of a command."""
    return [json.loads(line) for line in output.splitlines()]
