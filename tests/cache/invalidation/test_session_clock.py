"""The snapshot clock of sessions, on both databases."""

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session, sessionmaker

from moziweb.cache.errors import SnapshotClockUnknownError
from moziweb.cache.invalidation.session_clock import SessionClock
from moziweb.cache.invalidation.session_tracking import InvalidationTracker
from moziweb.cache.protocol.stamps import StampStore
from moziweb.cache.stores.memory import MemoryAtomicStore
from tests.cache.database import Movie


@pytest.fixture
def clock(stamps: StampStore) -> SessionClock:
    """The ``SessionClock`` over ``stamps``."""
    return SessionClock(stamps)


def test_reading_the_clock_first_begins_the_transaction(
    sessions: sessionmaker[Session], clock: SessionClock, stamps: StampStore
) -> None:
    with sessions() as session:
        before = stamps.read_clock()
        assert clock.snapshot_clock(session) == before
        assert session.in_transaction()
        stamps.publish(())
        session.scalars(select(Movie)).all()
        assert clock.snapshot_clock(session) == before


def test_reading_the_clock_too_late_raises(
    sessions: sessionmaker[Session], clock: SessionClock
) -> None:
    """As when a route factory loads the movie before the cached view runs."""
    with sessions() as session:
        session.get(Movie, 1)
        with pytest.raises(SnapshotClockUnknownError):
            clock.snapshot_clock(session)


def test_clock_of_a_watched_session_can_be_read_at_any_time(
    engine: Engine, clock: SessionClock, stamps: StampStore
) -> None:
    factory = sessionmaker(engine)
    clock.watch(factory)
    with factory() as session:
        before = stamps.read_clock()
        session.get(Movie, 1)
        stamps.publish(())
        assert clock.snapshot_clock(session) == before


def test_each_transaction_has_its_own_clock(
    sessions: sessionmaker[Session], clock: SessionClock, stamps: StampStore
) -> None:
    with sessions() as session:
        first = clock.snapshot_clock(session)
        session.commit()
        stamps.publish(())
        assert clock.snapshot_clock(session) != first
        session.rollback()
        session.get(Movie, 1)
        with pytest.raises(SnapshotClockUnknownError):
            clock.snapshot_clock(session)


def test_savepoint_keeps_the_clock(engine: Engine, clock: SessionClock, stamps: StampStore) -> None:
    factory = sessionmaker(engine)
    clock.watch(factory)
    with factory() as session:
        before = clock.snapshot_clock(session)
        stamps.publish(())
        with session.begin_nested():
            session.get(Movie, 1)
        assert clock.snapshot_clock(session) == before


def test_clock_is_unknown_without_the_stamp_store(
    sessions: sessionmaker[Session], clock: SessionClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MemoryAtomicStore, "get", lambda *_: None)
    with sessions() as session:
        assert clock.snapshot_clock(session) is None
        assert clock.source(session).snapshot_clock() is None


def test_objects_of_an_earlier_transaction_make_the_clock_unknown(
    engine: Engine, sessions: sessionmaker[Session], clock: SessionClock
) -> None:
    """Without expiry on commit they keep their old values."""
    assert sessions is not None
    with sessionmaker(engine, expire_on_commit=False)() as session:
        clock.snapshot_clock(session)
        movie = session.get(Movie, 1)
        session.commit()
        assert movie is not None
        assert clock.snapshot_clock(session) is None
        del movie
        session.rollback()
        assert clock.snapshot_clock(session) is not None


def test_source_knows_whether_its_transaction_wrote(
    sessions: sessionmaker[Session], clock: SessionClock, writes: InvalidationTracker
) -> None:
    with sessions() as session:
        source = clock.source(session)
        source.snapshot_clock()
        movie = session.get_one(Movie, 1)
        assert not source.wrote()
        movie.title = "x"
        assert source.wrote()
        session.flush()
        assert source.wrote()
        session.rollback()
        assert not source.wrote()
        session.execute(update(Movie).values(title="y"))
        assert source.wrote()
        session.rollback()
        writes.invalidate(session, "movie:1")
        assert source.wrote()


def test_stamp_is_newer_than_a_snapshot_of_before_the_write(
    engine: Engine, sessions: sessionmaker[Session], clock: SessionClock, stamps: StampStore
) -> None:
    """A write is committed and published while a reader uses an older snapshot."""
    with Session(engine) as reader:
        snapshot_clock = clock.snapshot_clock(reader)
        reader.scalar(select(Movie.title))
        with sessions.begin() as writer:
            writer.get_one(Movie, 1).title = "new"
        stamps.resolve(["movie:1"])
        assert snapshot_clock is not None
        assert stamps.get_multi(["movie:1"])["movie:1"] > snapshot_clock
