"""Failures of real services: memcached killed, frozen, out of memory; writers killed."""

import os
import random
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, select
from sqlalchemy.orm import Session

from moziweb.cache import (
    Cache,
    CacheResult,
    CacheStatus,
    OutboxRelay,
    PublishError,
    RenderContext,
    Rendered,
    StampStore,
    from_settings,
)
from moziweb.cache.regions.config import open_atomic_store
from tests.cache.clock_source import ClockSource
from tests.cache.database import NOW, Movie, Poster, RecordingEvents, outbox
from tests.services.memcached import MemcachedServer
from tests.services.postgres import PostgresServer
from tests.services.process import run


@pytest.fixture
def stamps_server() -> Iterator[MemcachedServer]:
    """A memcached for stamps, of this test alone."""
    with MemcachedServer() as server:
        yield server


@pytest.fixture
def entries_server() -> Iterator[MemcachedServer]:
    """A memcached for entries, of this test alone, with 2 MB."""
    with MemcachedServer(megabytes=2) as server:
        yield server


@pytest.fixture
def cache(stamps_server: MemcachedServer, entries_server: MemcachedServer) -> Cache:
    """Regions as in production, without a local cache."""
    return from_settings(
        {
            "cache.regions": "pages",
            "cache.stamps.url": f"memcached://{stamps_server.address}",
            "cache.pages.backend": "dogpile.cache.pylibmc",
            "cache.pages.arguments.url": entries_server.address,
            "cache.pages.mode": "strict",
            "cache.pages.wait": "0.05",
            "cache.pages.l1_bytes": "0",
        }
    )


class Data:
    """Versions by number, in place of a database."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        self.versions = dict.fromkeys(range(40), 0)

    def write(self, number: int) -> None:
        """Change a version and publish its tag."""
        self.versions[number] += 1
        self.cache.stamps.publish([f"movie:{number}"])

    def read(self, number: int, size: int = 0) -> CacheResult:
        """Read the page of a number: its version, and ``size`` incompressible bytes."""

        def render(context: RenderContext) -> Rendered:
            context.depend(f"movie:{number}")
            return Rendered(b"%d|" % self.versions[number] + os.urandom(size))

        return self.cache.regions["pages"].get_or_render(
            self.cache.keys["pages"].key(str(number)), render, source=ClockSource(self.cache.stamps)
        )

    def shown(self, number: int, size: int = 0) -> int:
        """Read a page and return the version that it shows."""
        return int(self.read(number, size).entry.payload.partition(b"|")[0])


@pytest.fixture
def data(cache: Cache) -> Data:
    """Data behind the regions."""
    return Data(cache)


def wait_for(data: "Data", number: int, status: CacheStatus) -> None:
    """Read until the status is ``status``: a client may still be in its retry time-out."""
    for _ in range(60):
        if data.read(number).status is status:
            return
        threading.Event().wait(0.1)
    raise AssertionError(f"no {status} within six seconds")


def test_frozen_entry_store(data: Data, entries_server: MemcachedServer) -> None:
    wait_for(data, 1, CacheStatus.HIT)
    with entries_server.paused():
        assert [data.read(1).status for _ in range(3)] == [CacheStatus.BYPASS] * 3
        data.write(1)
        assert data.shown(1) == 1
    wait_for(data, 1, CacheStatus.HIT)
    assert data.shown(1) == 1


def test_killed_entry_store(data: Data, entries_server: MemcachedServer) -> None:
    data.read(1)
    entries_server.kill()
    assert data.read(1).status is CacheStatus.BYPASS
    data.write(1)
    entries_server.start()
    wait_for(data, 1, CacheStatus.HIT)
    assert data.shown(1) == 1


def test_frozen_stamp_store(data: Data, stamps_server: MemcachedServer) -> None:
    data.read(1)
    with stamps_server.paused():
        assert data.read(1).status is CacheStatus.BYPASS
        with pytest.raises(PublishError):
            data.write(1)
        assert data.shown(1) == 1
    wait_for(data, 2, CacheStatus.HIT)
    data.cache.stamps.publish(["movie:1"])  # as the relay does
    assert data.shown(1) == 1


def test_stamp_store_restarted_empty(data: Data, stamps_server: MemcachedServer) -> None:
    wait_for(data, 1, CacheStatus.HIT)
    stamps_server.kill()
    with pytest.raises(PublishError):
        data.write(1)
    stamps_server.start()
    wait_for(data, 2, CacheStatus.HIT)
    assert data.shown(1) == 1


def test_both_stores_killed(
    data: Data, stamps_server: MemcachedServer, entries_server: MemcachedServer
) -> None:
    data.read(1)
    stamps_server.kill()
    entries_server.kill()
    assert [data.read(1).status for _ in range(3)] == [CacheStatus.BYPASS] * 3
    stamps_server.start()
    entries_server.start()
    wait_for(data, 1, CacheStatus.HIT)


def test_eviction_causes_misses_and_never_stale_pages(
    data: Data, entries_server: MemcachedServer
) -> None:
    """The entries need over 3 MB, the server has 2; stamps are lost too."""
    chance = random.Random(5)
    store = data.cache.stamps._store
    for step in range(600):
        number = chance.randrange(40)
        if chance.random() < 0.2:
            data.write(number)
        if step % 50 == 0:
            store.delete(f"tag:movie:{number}")
        assert data.shown(number, size=80_000) == data.versions[number]
    assert int(entries_server.statistics()["evictions"]) > 0


WRITER = """
import os, signal, sys
from sqlalchemy.orm import Session, sessionmaker
from moziweb.cache import StampStore, InvalidationTracker, CacheEvents
from moziweb.cache.regions.config import open_atomic_store
from moziweb.db.engine import create_engine
from tests.cache.clock_source import ClockSource
from tests.cache.database import Movie, declarations, outbox

database, stamps_url, prefix, step = sys.argv[1:]

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def die_at_second(operation):
    calls = []
    def counted(*given):
        calls.append(given)
        return die() if len(calls) == 2 else operation(*given)
    return counted

store = open_atomic_store(stamps_url, prefix)
stamps = StampStore(store, 3600)
writes = InvalidationTracker(declarations, outbox, stamps, CacheEvents(), now=lambda: %r)
engine = create_engine({"sqlalchemy.url": database, "sqlalchemy.pool_size": 2})
sessions = sessionmaker(engine)
writes.watch(sessions)
if step == "publish":
    stamps.publish = die
elif step in ("incr", "set_multi"):
    setattr(store, step, die)
elif step in ("second incr", "second set_multi"):
    name = step.split()[1]
    setattr(store, name, die_at_second(getattr(store, name)))
elif step == "mark":
    outbox.mark = die
with sessions() as session:
    session.get(Movie, 1).title = "new"
    session.flush()
    if step == "commit":
        die()
    session.commit()
    if step == "end":
        die()
"""


@pytest.fixture(params=["sqlite", "postgresql and memcached"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Engine, str]]:
    """A database with the tables, and the URL of a stamp store."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_engine"), f"sqlite:///{tmp_path}/stamps.db"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    memcached: MemcachedServer = request.getfixturevalue("memcached_server")
    with server.reusable(request.getfixturevalue("movies_template")) as url:
        made = create_engine(url)
        yield made, f"memcached://{memcached.address}"
        made.dispose()


BEFORE_MARK = ("publish", "incr", "set_multi", "second incr", "second set_multi", "mark")
"""The second ``set_multi`` is that of the record of the published tags."""


@pytest.mark.parametrize("step", ["commit", *BEFORE_MARK, "end"])
def test_writer_killed_at_any_step(places: tuple[Engine, str], prefix: str, step: str) -> None:
    engine, stamps_url = places
    with Session(engine) as session:
        session.add(Movie(id=1, title="old", week="1", posters=[Poster(id=1, url="a")]))
        session.commit()
    stamps = StampStore(open_atomic_store(stamps_url, prefix), 3600)
    stamps.resolve(["movie:1"])
    before = stamps.get_multi(["movie:1"])
    script = WRITER % (NOW - 60)
    writer = run([sys.executable, "-c", script, str(engine.url), stamps_url, prefix, step])
    assert writer.returncode == -signal.SIGKILL, writer.stderr
    relayed = OutboxRelay(engine, outbox, stamps, RecordingEvents(), now=lambda: NOW).run_once()
    with Session(engine) as session:
        committed = session.scalar(select(Movie.title)) == "new"
    assert committed == (step != "commit")
    assert relayed == (1 if step in BEFORE_MARK else 0)
    assert (stamps.get_multi(["movie:1"]) == before) == (not committed)
