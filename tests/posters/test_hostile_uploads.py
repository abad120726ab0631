"""The whole hostile corpus through HTTP, on a real server that has to stay within 512 MB.

The limit is held against resident memory, of the server and its decoding children together, as a
dyno or a container counts. A limit on address space would count what is never touched, such as a
thread's stack and an arena's reserve: a server with a dozen threads has 1 GB of that at rest.
"""

import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from moziweb.db import Database, create_engine
from moziweb.movies.models import Movie
from moziweb.posters.models import PosterSource, SourceKind, SourceState
from moziweb.storage.disk import DiskStorage
from tests.services.ports import HOST, accepts, free_port

from .corpus import corpus
from .workshop.children import is_running, status, wait_until

LIMIT_MIB = 512

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

[server:main]
use = egg:moziweb#waitress
host = 127.0.0.1
port = {port}
threads = 8
"""


@contextmanager
def server(folder: Path, url: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """pserve, with its port; killed with its group if a test leaves it running."""
    port = free_port()
    ini = folder / "site.ini"
    ini.write_text(INI.format(url=url, folder=folder / "objects", port=port))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "pyramid.scripts.pserve", str(ini)],
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
        )
    try:
        wait_until(lambda: accepts(port))
        yield process, port
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def children(pid: int) -> frozenset[int]:
    """The children of a process, whichever thread started them."""
    lists = (task / "children" for task in Path(f"/proc/{pid}/task").iterdir())
    return frozenset(int(child) for each in lists for child in each.read_text().split())


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


@pytest.fixture
def sources(sqlite_url: str, tmp_path: Path) -> dict[int, int]:
    """The corpus as uploads of one film: places in the corpus by the source's id."""
    storage = DiskStorage(tmp_path / "objects")
    database = Database(create_engine({"sqlalchemy.url": sqlite_url, "sqlalchemy.pool_size": 1}))
    rows = []
    with database.write() as session:
        session.add(Movie(id=7, title="Dűne", original_title="Dune", slug="dune"))
        for number, hostile in enumerate(corpus()):
            key = f"upload/aa/{number}.jpg"
            storage.put(key, hostile.data, content_type="image/jpeg", cache_control="no-cache")
            rows.append(PosterSource(movie_id=7, kind=SourceKind.UPLOAD, key=key))
        session.add_all(rows)
    database.engine.dispose()
    return {row.id: number for number, row in enumerate(rows)}


def test_the_corpus_takes_no_process_down(
    sources: dict[int, int], sqlite_url: str, tmp_path: Path
) -> None:
    """Slow, since it makes variants of some eighty pictures, four at a time."""
    with server(tmp_path, sqlite_url) as (process, port):
        addresses = [f"/poster/7-dune.{source_id}.thumb.jpg" for source_id in sources]
        with ThreadPoolExecutor(4) as visitors:
            answers = list(visitors.map(lambda path: get(port, path), addresses))
        decoders = children(process.pid)
        peak = sum(status(pid, "VmHWM") for pid in (process.pid, *decoders))

        assert process.poll() is None
        assert 1 <= len(decoders) <= len(os.sched_getaffinity(0))
        assert peak < LIMIT_MIB * 1024
        assert get(port, "/__heartbeat__")[0] == 200
        assert {status for status, _ in answers} <= {200, 302}

        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        wait_until(lambda: not any(map(is_running, decoders)))
    assert_verdicts(sqlite_url, sources, dict(zip(sources, answers, strict=True)))


def assert_verdicts(url: str, sources: dict[int, int], answers: dict[int, tuple[int, str]]) -> None:
    """Each source ended as its file deserves, and its visitor got a picture for it."""
    database = Database(create_engine({"sqlalchemy.url": url, "sqlalchemy.pool_size": 1}))
    wrong = []
    with database.read() as session:
        for source_id, number in sources.items():
            source, hostile = session.get_one(PosterSource, source_id), corpus()[number]
            expected = 302 if source.state is SourceState.READY else 200
            if source.error_code not in hostile.verdict or answers[source_id][0] != expected:
                wrong.append(f"{hostile}: {source.state} {source.error_code} {answers[source_id]}")
            if expected == 200:
                assert answers[source_id][1] == "no-store"
    database.engine.dispose()
    assert wrong == []
