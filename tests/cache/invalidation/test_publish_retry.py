"""Retries of failed publications by the process that failed."""

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from moziweb.cache.errors import PublishError
from moziweb.cache.invalidation.outbox import OutboxRow
from moziweb.cache.invalidation.outbox_relay import OutboxRelay
from moziweb.cache.invalidation.publish_retry import RETRY_PERIOD, PublishRetrier
from moziweb.cache.invalidation.session_tracking import InvalidationTracker
from moziweb.cache.protocol.stamps import StampStore
from moziweb.cache.regions.config import open_atomic_store
from moziweb.cache.stores.memory import MemoryAtomicStore
from moziweb.services import services_of
from tests import factories
from tests.cache.database import NOW, Movie, RecordingEvents, declarations, outbox
from tests.services.memcached import MemcachedServer
from tests.services.process import run
from tests.site.cached import CACHED
from tests.site.cached import site as running_site


class UnreliableStamps(StampStore):
    """Refuses to publish while ``is_down``; ``on_attempt`` is called before each attempt."""

    def __init__(self) -> None:
        super().__init__(MemoryAtomicStore(), 3600)
        self.is_down = True
        self.attempts = 0
        self.on_attempt: Callable[[], None] = lambda: None

    def publish(self, tags: Iterable[str]) -> None:
        self.attempts += 1
        self.on_attempt()
        if self.is_down:
            raise PublishError("down")
        super().publish(tags)


@pytest.fixture
def stamps() -> UnreliableStamps:
    """A stamp store that is down."""
    return UnreliableStamps()


@pytest.fixture
def relay(sqlite_engine: Engine, stamps: StampStore, recorded: RecordingEvents) -> OutboxRelay:
    """The relay that the retrier publishes with."""
    return OutboxRelay(sqlite_engine, outbox, stamps, recorded)


@pytest.fixture
def retrier(relay: OutboxRelay) -> Iterator[PublishRetrier]:
    """A retrier with a short period."""
    made = PublishRetrier(relay, period=0.01)
    yield made
    made.close()


@pytest.fixture
def sessions(
    sqlite_engine: Engine, stamps: StampStore, recorded: RecordingEvents, retrier: PublishRetrier
) -> sessionmaker[Session]:
    """Sessions whose failed publications are retried."""
    factory = sessionmaker(sqlite_engine)
    tracker = InvalidationTracker(declarations, outbox, stamps, recorded, retrier=retrier)
    tracker.watch(factory)
    return factory


def rows(engine: Engine) -> list[OutboxRow]:
    """The outbox rows, oldest first."""
    with engine.connect() as connection:
        return outbox.latest(connection)[::-1]


def wait_until(is_so: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for a condition."""
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.002)


def add_row(engine: Engine, *tags: str) -> int:
    """Commit an outbox row."""
    with engine.begin() as connection:
        return outbox.add(connection, tags, now=NOW)


def test_failed_publish_is_retried_and_marked(
    sessions: sessionmaker[Session],
    stamps: UnreliableStamps,
    recorded: RecordingEvents,
    sqlite_engine: Engine,
) -> None:
    for number in (1, 2):
        with sessions.begin() as session:
            session.add(Movie(id=number, title="x", week="9"))
    wait_until(lambda: stamps.attempts > 5)
    assert recorded.failed == [{"movie:1", "week:9"}, {"movie:2", "week:9"}]
    assert recorded.tags == []
    assert [row.published for row in rows(sqlite_engine)] == [None, None]
    stamps.is_down = False
    wait_until(lambda: all(row.published for row in rows(sqlite_engine)))
    assert set().union(*recorded.tags) == {"movie:1", "movie:2", "week:9"}


def test_thread_runs_only_while_something_waits(
    retrier: PublishRetrier, stamps: UnreliableStamps, sqlite_engine: Engine
) -> None:
    for _ in range(2):
        stamps.is_down = True
        retrier.add([add_row(sqlite_engine, "a:1")], ["a:1"])
        thread = retrier._thread
        assert thread is not None
        stamps.is_down = False
        thread.join(10)
        assert not thread.is_alive()
        assert retrier._thread is None


def test_row_is_marked_only_by_an_attempt_that_began_after_its_commit(
    retrier: PublishRetrier,
    stamps: UnreliableStamps,
    recorded: RecordingEvents,
    sqlite_engine: Engine,
) -> None:
    stamps.is_down = False
    added: list[int] = []

    def commit_another() -> None:
        if not added:
            added.append(add_row(sqlite_engine, "b:1"))
            retrier.add(added, ["b:1"])

    stamps.on_attempt = commit_another
    retrier.add([add_row(sqlite_engine, "a:1")], ["a:1"])
    wait_until(lambda: all(row.published for row in rows(sqlite_engine)))
    assert recorded.tags == [{"a:1"}, {"b:1"}]


def test_old_rows_are_left_to_the_relay(
    relay: OutboxRelay, stamps: UnreliableStamps, sqlite_engine: Engine
) -> None:
    retrier = PublishRetrier(relay, period=0.01, seconds=0.1)
    retrier.add([add_row(sqlite_engine, "a:1")], ["a:1"])
    wait_until(lambda: retrier._thread is None)
    stamps.is_down = False
    assert [row.published for row in rows(sqlite_engine)] == [None]
    assert stamps.attempts > 0
    assert relay.run_once() == 1


def test_rows_with_too_many_tags_are_left_to_the_relay(
    relay: OutboxRelay, stamps: UnreliableStamps, sqlite_engine: Engine
) -> None:
    retrier = PublishRetrier(relay, period=0.01, max_tags=2)
    retrier.add([add_row(sqlite_engine, "a:1", "b:1")], ["a:1", "b:1"])
    retrier.add([add_row(sqlite_engine, "c:1")], ["c:1"])
    stamps.is_down = False
    wait_until(lambda: retrier._thread is None)
    assert [bool(row.published) for row in rows(sqlite_engine)] == [True, False]


def test_close_makes_a_last_attempt(
    relay: OutboxRelay, stamps: UnreliableStamps, sqlite_engine: Engine
) -> None:
    retrier = PublishRetrier(relay, period=60)
    retrier.add([add_row(sqlite_engine, "a:1")], ["a:1"])
    stamps.is_down = False
    retrier.close()
    assert [bool(row.published) for row in rows(sqlite_engine)] == [True]


def test_write_survives_a_machine_without_threads(
    sessions: sessionmaker[Session], sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with sessions.begin() as session:
            session.add(Movie(id=1, title="x", week="9"))
    assert [row.published for row in rows(sqlite_engine)] == [None]


COMMAND = """
import sys
from sqlalchemy.orm import sessionmaker
from moziweb.cache import CacheEvents, InvalidationTracker, OutboxRelay, PublishError
from moziweb.cache import PublishRetrier, StampStore
from moziweb.cache.regions.config import open_atomic_store
from moziweb.db.engine import create_engine
from tests.cache.database import Movie, declarations, outbox

stamps = StampStore(open_atomic_store(sys.argv[2]), 3600)
engine = create_engine({"sqlalchemy.url": sys.argv[1]})
retrier = PublishRetrier(OutboxRelay(engine, outbox, stamps, CacheEvents()), period=60)
sessions = sessionmaker(engine)
InvalidationTracker(declarations, outbox, stamps, CacheEvents(), retrier=retrier).watch(sessions)

def fail(tags):
    del stamps.publish
    raise PublishError("down")

stamps.publish = fail
with sessions.begin() as session:
    session.add(Movie(id=1, title="x", week="9"))
"""


def test_process_that_ends_makes_a_last_attempt(sqlite_engine: Engine, tmp_path: Path) -> None:
    stamps_url = f"sqlite:///{tmp_path}/stamps.db"
    command = run([sys.executable, "-c", COMMAND, str(sqlite_engine.url), stamps_url])
    assert command.returncode == 0, command.stderr
    assert [bool(row.published) for row in rows(sqlite_engine)] == [True]
    assert StampStore(open_atomic_store(stamps_url), 3600).read_raw(["movie:1"]) == {
        "movie:1": None
    }


@pytest.mark.parametrize("how", ["frozen", "killed"])
def test_outage_delays_an_invalidation_by_half_a_second_at_most(
    how: str, sqlite_engine: Engine, recorded: RecordingEvents
) -> None:
    """Of the writer, and of another process that reads all the time."""
    with MemcachedServer() as server:
        url = f"memcached://{server.address}"
        writer, reader = (StampStore(open_atomic_store(url), 3600) for _ in range(2))
        relay = OutboxRelay(sqlite_engine, outbox, writer, recorded)
        sessions = sessionmaker(sqlite_engine)
        tracker = InvalidationTracker(
            declarations, outbox, writer, recorded, retrier=PublishRetrier(relay)
        )
        tracker.watch(sessions)
        before = reader.read_clock()
        reader.resolve(["movie:1"])

        def is_invisible() -> bool:
            clock = reader.clock()
            return clock is None or reader.read_raw(["movie:1"]).get("movie:1") == before

        def write() -> None:
            with sessions.begin() as session:
                session.add(Movie(id=1, title="x", week="9"))

        if how == "frozen":
            with server.paused():
                write()
                until = time.monotonic() + 1.5
                while time.monotonic() < until:
                    assert is_invisible()
                    time.sleep(0.01)
        else:
            server.kill()
            write()
            until = time.monotonic() + 1.5
            while time.monotonic() < until:
                assert is_invisible()
                time.sleep(0.01)
            server.start()
        ended = time.monotonic()
        wait_until(lambda: not is_invisible())
        delay = time.monotonic() - ended
    assert delay <= 0.5


def test_closed_application_does_not_connect_again(
    settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connection would stay open: nothing disposes of the pool a second time."""

    def fail(_stamps: StampStore, _tags: Iterable[str]) -> None:
        raise PublishError("down")

    monkeypatch.setattr(StampStore, "publish", fail)
    with running_site(settings | CACHED) as app:
        services = services_of(app.app.registry)
        with services.database.write() as session:
            factories.make_movie(session, "Mozi")
    time.sleep(3 * RETRY_PERIOD)
    pool: Any = services.database.engine.pool
    assert pool.checkedin() == 0
