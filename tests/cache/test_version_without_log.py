"""This version beside the one of before the invalidation log: two processes on one memcached.

``tests/data/cache-without-log.tar.xz`` is the code of that version (tests/data/README.md). It
writes no records, so each of its publishes is a gap in the log that this version follows.
"""

import itertools
import json
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.services.memcached import MemcachedServer
from tests.services.process import child
from tests.soak.verdict import Published

ARCHIVE = ROOT / "tests" / "data" / "cache-without-log.tar.xz"
NEW, OLD = "this version", "the version without the log"
SECONDS = 1.5
PATIENCE = 10.0


class Peer:
    """A child process of ``version_peer``."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def send(self, name: str, **arguments: Any) -> None:
        """Ask the child for something."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([name, arguments]) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        """The next answer."""
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def do(self, name: str, **arguments: Any) -> Any:
        """Ask, and return the answer."""
        self.send(name, **arguments)
        return self.answer()

    def read(self, *movies: int, in_loop: bool = False) -> tuple[str, list[int]]:
        """How the page of these movies was served, and their versions on it."""
        how, shown = self.do("read", movies=movies, in_loop=in_loop)
        return how, [shown[f"{movie}"] for movie in movies]


@pytest.fixture(scope="module")
def old_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the version without the log."""
    folder = tmp_path_factory.mktemp("without-log")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return folder


@contextmanager
def running(
    code: Path, data: Path, memcached: MemcachedServer, prefix: str, mutant: str = ""
) -> Iterator[Peer]:
    """A peer that runs ``code``."""
    cache = {
        "cache.prefix": prefix,
        "cache.regions": "pages",
        "cache.stamps.url": f"memcached://{memcached.address}",
        "cache.pages.backend": "dogpile.cache.pylibmc",
        "cache.pages.arguments.url": memcached.address,
        "cache.pages.mode": "strict",
        "cache.pages.stale_if_error": "0",
    }
    given = json.dumps({"code": str(code), "data": str(data), "cache": cache, "mutant": mutant})
    command = [sys.executable, "-W", "ignore", "-m", "tests.cache.version_peer", given]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with child(command, cwd=ROOT, **pipes) as process:
        yield Peer(process)


_numbers = itertools.count()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Movies 1 to 9 in version 0; each test uses its own."""
    folder = tmp_path_factory.mktemp("data")
    for movie in range(1, 10):
        (folder / f"{movie}").write_text("0")
    return folder


@pytest.fixture(scope="module")
def peers(
    old_code: Path, data: Path, memcached_server: MemcachedServer
) -> Iterator[dict[str, Peer]]:
    """A process of each version."""
    prefix = f"versions{next(_numbers)}"
    with (
        running(ROOT, data, memcached_server, prefix) as new,
        running(old_code, data, memcached_server, prefix) as old,
    ):
        yield {NEW: new, OLD: old}


def test_archive_has_no_log(old_code: Path) -> None:
    protocol = old_code / "moziweb" / "cache" / "protocol"
    assert (protocol / "stamps.py").exists()
    assert not (protocol / "invalidation_log.py").exists()


def test_each_version_shows_what_the_other_has_published(peers: dict[str, Peer]) -> None:
    new, old = peers[NEW], peers[OLD]
    assert old.read(1, 2) == ("miss", [0, 0])
    assert new.read(1, 2) == ("hit", [0, 0]), "they share entries"
    assert new.read(3) == ("miss", [0])
    assert old.read(3) == ("hit", [0])
    for version, writer in enumerate((OLD, NEW, NEW, OLD, OLD, NEW), 1):
        peers[writer].do("write", movie=1, version=version)
        readers = (new, old, new) if version % 2 else (old, new, old)
        for reader, in_loop in itertools.product(readers, (True, False)):
            assert reader.read(1, 2, in_loop=in_loop)[1] == [version, 0]
            # A publish of either version makes no other page stale.
            assert reader.read(3, in_loop=in_loop)[0] in {"loop", "l1", "hit"}


def test_publishes_without_records_are_gaps(peers: dict[str, Peer]) -> None:
    new, old = peers[NEW], peers[OLD]
    before = new.do("resets").get("missing", 0)
    until = time.monotonic() + PATIENCE
    version = 0
    while new.do("resets").get("missing", 0) == before:
        version += 1
        old.do("write", movie=4, version=version)
        assert new.read(4)[1] == [version]
        assert time.monotonic() < until, "the log waits for records for ever"
    new.do("write", movie=4, version=version + 1)
    assert new.read(4)[1] == old.read(4)[1] == [version + 1]


def stale_reads(results: list[dict[str, Any]]) -> list[str]:
    """Reads that lack a write whose publish was complete before they began."""
    published, rows = Published(), itertools.count()
    for movie, version, at in itertools.chain(*(each["writes"] for each in results)):
        published.add(next(rows), movie, version, at)
    return [
        f"{how}: movie {movie} in version {version}"
        for began, how, shown in itertools.chain(*(each["reads"] for each in results))
        for movie, version in shown.items()
        if version < published.by(int(movie), began)
    ]


def test_no_stale_read_while_both_versions_write(peers: dict[str, Peer]) -> None:
    for movie, peer in enumerate(peers.values(), 5):
        peer.send("work", movie=movie, pages=[[5], [6], [5, 6], [7]], seconds=SECONDS)
    results = [peer.answer() for peer in peers.values()]
    assert stale_reads(results) == []
    for each in results:
        assert len(each["writes"]) > 5
        assert {"loop", "l1", "hit", "miss"} <= {how for _, how, _ in each["reads"]}


def test_log_that_passes_over_gaps_is_found(
    old_code: Path, data: Path, memcached_server: MemcachedServer
) -> None:
    prefix = f"versions{next(_numbers)}"
    mutant = "missing_record_is_passed_over"
    with (
        running(ROOT, data, memcached_server, prefix, mutant) as new,
        running(old_code, data, memcached_server, prefix) as old,
    ):
        new.read(9)
        old.do("write", movie=9, version=1)
        assert new.read(9)[1] == [0], "the mutant serves a stale page"
