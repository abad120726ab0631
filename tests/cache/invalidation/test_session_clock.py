"""``started`` belongs to the session's transaction, on both databases."""

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
    """The clock of sessions."""
    return SessionClock(stamps)


def test_asked_first_it_begins_the_transaction(
    sessions: sessionmaker[Session], clock: SessionClock, stamps: StampStore
) -> None:
    with sessions() as session:
        before = stamps.read_clock()
        assert clock.snapshot_clock(session) == before
        assert session.in_transaction()
        stamps.publish(())
        session.scalars(select(Movie)).all()
        assert clock.snapshot_clock(session) == before


def test_asked_too_late_it_raises(sessions: sessionmaker[Session], clock: SessionClock) -> None:
    """As when a route factory loads the movie before the cached view runs."""
    with sessions() as session:
        session.get(Movie, 1)
        with pytest.raises(SnapshotClockUnknownError):
            clock.snapshot_clock(session)


def test_a_watched_session_may_be_asked_any_time(
    engine: Engine, clock: SessionClock, stamps: StampStore
) -> None:
    factory = sessionmaker(engine)
    clock.watch(factory)
    with factory() as session:
        before = stamps.read_clock()
        session.get(Movie, 1)
        stamps.publish(())
        assert clock.snapshot_clock(session) == before


def test_each_transaction_has_its_own(
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


def test_a_savepoint_does_not_begin_anew(
    engine: Engine, clock: SessionClock, stamps: StampStore
) -> None:
    factory = sessionmaker(engine)
    clock.watch(factory)
    with factory() as session:
        before = clock.snapshot_clock(session)
        stamps.publish(())
        with session.begin_nested():
            session.get(Movie, 1)
        assert clock.snapshot_clock(session) == before


def test_without_stamps_it_is_unknown(
    sessions: sessionmaker[Session], clock: SessionClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MemoryAtomicStore, "get", lambda *_: None)
    with sessions() as session:
        assert clock.snapshot_clock(session) is None
        assert clock.source(session).snapshot_clock() is None


def test_objects_of_an_earlier_transaction_make_it_unknown(
    engine: Engine, sessions: sessionmaker[Session], clock: SessionClock
) -> None:
    """Without expiry on commit they show what was true then."""
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


def test_a_source_knows_whether_its_transaction_wrote(
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


def test_a_reader_of_the_old_snapshot_makes_nothing_that_lasts(
    engine: Engine, sessions: sessionmaker[Session], clock: SessionClock, stamps: StampStore
) -> None:
    """A write commits and is published while a reader is at work, at every isolation level."""
    with Session(engine) as reader:
        started = clock.snapshot_clock(reader)
        reader.scalar(select(Movie.title))
        with sessions.begin() as writer:
            writer.get_one(Movie, 1).title = "new"
        stamps.resolve(["movie:1"])
        assert started is not None
        assert stamps.get_multi(["movie:1"])["movie:1"] > started
