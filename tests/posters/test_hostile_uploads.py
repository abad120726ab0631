"""The hostile corpus through HTTP, group by group, on a real server of at most 512 MB.

The limit is for the resident memory of the server and its decoder children together, as a container
counts it. Address space is no measure: it includes unused memory, such as thread stacks and the
reserve of arenas, of which an idle server with a dozen threads has 1 GB.
"""

import http.client
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Self

import pytest

from moziweb.db import Database, create_engine
from moziweb.movies.models import Movie
from moziweb.posters.models import PosterSource, SourceKind, SourceState
from moziweb.storage.disk import DiskStorage
from tests.posters.decoder.children import is_running, status
from tests.services.ports import HOST, accepts, free_port
from tests.services.process import child
from tests.threads import wait_until

from .corpus import GROUPS, MADE, Hostile, corpus_of
from .pictures import encoded, quarters

LIMIT_MIB = 512

BOMB_SECONDS = 2.0
"""Maximum seconds from the request of a bomb to the end of the response."""

INI = """\
[app:main]
use = egg:moziweb
site.base_url = http://127.0.0.1
sqlalchemy.url = {url}
storage.backend = disk
storage.disk.path = {folder}
posters.inline_slots = 4
posters.background = off
posters.decoder.niceness = 0
posters.decoder.jobs_per_child = 1000

[server:main]
use = egg:moziweb#waitress
host = 127.0.0.1
port = {port}
threads = 8
"""


@dataclass(frozen=True)
class Site:
    """A running pserve with one movie and no sources."""

    process: subprocess.Popen[str]
    port: int
    database: Database
    storage: DiskStorage

    def add(self, group: str) -> dict[int, Hostile]:
        """Add a harmless picture and a group of the corpus as uploads: files by source."""
        files = (Hostile("a picture", encoded(quarters()), MADE), *corpus_of(group))
        rows = []
        with self.database.write() as session:
            for number, hostile in enumerate(files):
                key = f"upload/aa/{group}-{number}.jpg"
                self.storage.put(
                    key, hostile.data, content_type="image/jpeg", cache_control="no-cache"
                )
                rows.append(PosterSource(movie_id=7, kind=SourceKind.UPLOAD, key=key))
            session.add_all(rows)
        return {row.id: hostile for row, hostile in zip(rows, files, strict=True)}


@pytest.fixture(scope="module")
def site(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site; at its end it stops in order, and its decoders end with it."""
    folder, port = tmp_path_factory.mktemp("hostile"), free_port()
    url = f"sqlite:///{shutil.copyfile(migrated_sqlite, folder / 'site.sqlite')}"
    database = Database(create_engine({"sqlalchemy.url": url, "sqlalchemy.pool_size": 1}))
    with database.write() as session:
        session.add(Movie(id=7, title="Dűne", original_title="Dune", slug="dune"))
    ini = folder / "site.ini"
    ini.write_text(INI.format(url=url, folder=folder / "objects", port=port))
    command = [sys.executable, "-m", "pyramid.scripts.pserve", str(ini)]
    environ = {**os.environ, "PYTHONWARNINGS": "ignore"}
    with (
        (folder / "log").open("wb") as log,
        child(command, limit=600, stdout=log, stderr=log, env=environ) as process,
    ):
        wait_until(lambda: accepts(port))
        yield Site(process, port, database, DiskStorage(folder / "objects"))
        decoders = decoders_of(process.pid)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        wait_until(lambda: not any(map(is_running, decoders)))
    database.engine.dispose()


def decoders_of(pid: int) -> frozenset[int]:
    """The process ids of a process's decoder children, of all its threads."""
    found = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # a thread or a child may end at this moment
            for child in (task / "children").read_text().split():
                if b"moziweb.posters.decoder.child" in Path(f"/proc/{child}/cmdline").read_bytes():
                    found.add(int(child))
    return frozenset(found)


class ChildSampler:
    """Samples a server's decoder children and their peak memory while it runs.

    Samples are necessary, because the memory of a dead child cannot be read: the kernel's
    ``ru_maxrss`` of dead children includes the memory of the process that forked them.
    """

    def __init__(self, pid: int) -> None:
        self.seen: dict[int, int] = {}
        """Peak of resident memory in kB, by child."""
        self.peak = 0
        """kB: the highest sum of the peaks of the server and its living children."""
        self._pid = pid
        self._stop = Event()
        self._thread = Thread(target=self._count)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.sample()

    def _count(self) -> None:
        while not self._stop.wait(0.01):
            self.sample()

    def sample(self) -> None:
        """Take one sample."""
        total = status(self._pid, "VmHWM")
        for pid in decoders_of(self._pid):
            with suppress(OSError, LookupError):  # the child has just ended
                self.seen[pid] = status(pid, "VmHWM")
                total += self.seen[pid]
        self.peak = max(self.peak, total)


def get(port: int, path: str) -> tuple[int, str]:
    """Status and Cache-Control."""
    connection = http.client.HTTPConnection(HOST, port, timeout=60)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        return response.status, response.headers.get("Cache-Control", "")
    finally:
        connection.close()


@pytest.mark.parametrize("group", GROUPS)
def test_corpus_kills_no_process(group: str, site: Site) -> None:
    """No file of the corpus may kill a decoder, so all children that were seen must still run."""
    sources, port = site.add(group), site.port
    paths = {each: f"/poster/7-dune.{each}.thumb.jpg" for each in sources}
    first, *rest = sources
    bombs = [each for each in rest if sources[each].bomb]
    others = [each for each in rest if each not in bombs]
    with ChildSampler(site.process.pid) as sampler:
        answers = {first: get(port, paths[first])}  # starts a child
        seconds = {each: timed(port, paths[each], answers, each) for each in bombs}
        with ThreadPoolExecutor(4) as visitors:
            responses = visitors.map(lambda each: get(port, paths[each]), others)
            answers.update(zip(others, responses, strict=True))
        assert get(port, "/__heartbeat__")[0] == 200
    decoders = decoders_of(site.process.pid)
    assert site.process.poll() is None
    assert 1 <= len(decoders) <= len(os.sched_getaffinity(0))
    assert sampler.seen.keys() == decoders, "a child died or was replaced"
    assert sampler.peak < LIMIT_MIB * 1024
    assert {status for status, _ in answers.values()} <= {200, 302}
    names = {str(sources[each]): took for each, took in seconds.items()}
    assert {name: took for name, took in names.items() if took >= BOMB_SECONDS} == {}
    assert all(answers[bomb][0] == 200 for bomb in bombs), "a bomb was made"
    assert_verdicts(site.database, sources, answers)
    assert_nothing_leaked(site.storage, sources.values())


def timed(port: int, path: str, answers: dict[int, tuple[int, str]], source_id: int) -> float:
    """Record the response; return the seconds that it took."""
    started = time.monotonic()
    answers[source_id] = get(port, path)
    return time.monotonic() - started


def assert_verdicts(
    database: Database, sources: dict[int, Hostile], answers: dict[int, tuple[int, str]]
) -> None:
    """Each source has its verdict, and its request got an image."""
    wrong = []
    with database.read() as session:
        for source_id, hostile in sources.items():
            source = session.get_one(PosterSource, source_id)
            expected = 302 if source.state is SourceState.READY else 200
            if source.error_code not in hostile.verdict or answers[source_id][0] != expected:
                wrong.append(f"{hostile}: {source.state} {source.error_code} {answers[source_id]}")
            if expected == 200:
                assert answers[source_id][1] == "no-store"
    assert wrong == []


def assert_nothing_leaked(storage: DiskStorage, files: Iterable[Hostile]) -> None:
    """No variant contains the secret of a source."""
    secrets = {each.secret for each in files if each.secret}
    made = [storage.get(stored.key) for stored in storage.list("poster/")]
    assert made
    assert not any(secret in data for data in made for secret in secrets)
