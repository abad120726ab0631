"""Counts of sources and variants."""

from collections.abc import Callable
from datetime import datetime
from threading import Event, Thread

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from moziweb.db import Database
from moziweb.posters.maintenance import status
from moziweb.posters.maintenance.status import (
    COUNT_AGE,
    PosterCounter,
    PosterCounts,
)
from moziweb.posters.models import PosterSource, PosterVariant, SourceKind
from tests.conftest import NOW, QueryCounter
from tests.factories import make_movie
from tests.threads import PATIENCE, wait_until


def add_variant(session: Session, name: str) -> None:
    movie = make_movie(session)
    source = PosterSource(movie_id=movie.id, kind=SourceKind.DRAWN)
    session.add(source)
    session.flush()
    content = {"format": "jpg", "recipe_hash": "r", "source_sha256": "s"}
    session.add(PosterVariant(source_id=source.id, name=name, **content))
    session.flush()


def test_small_site_is_counted_by_each_request(database: Database) -> None:
    counter = PosterCounter(database, PosterCounts.of)
    with database.write() as session:
        assert counter.latest(session, NOW) == PosterCounts(NOW, {}, {})
        for number in (1, 2):
            add_variant(session, "a")
            by_state = {"pending": number}
            assert counter.latest(session, NOW) == PosterCounts(NOW, by_state, by_state)


def test_large_site_is_counted_in_a_thread_and_at_most_once_a_minute(
    database: Database, query_counter: QueryCounter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What other transactions write and roll back meanwhile makes no count wrong."""
    monkeypatch.setattr(status, "COUNTED_BY_REQUESTS", 0)
    now = 0.0
    counting = Event()

    def late(session: Session, at: datetime) -> PosterCounts:
        assert counting.wait(PATIENCE)
        return PosterCounts.of(session, at)

    counter = PosterCounter(database, late, lambda: now)

    def is_counted(expected: PosterCounts) -> Callable[[], bool]:
        def look() -> bool:
            with database.read() as session:
                return counter.latest(session, NOW) == expected

        return look

    with database.write() as session:
        add_variant(session, "a")
    with database.read() as session:
        assert [counter.latest(session, NOW), counter.latest(session, NOW)] == [None, None]
        counting.set()
        wait_until(is_counted(PosterCounts(NOW, {"pending": 1}, {"pending": 1})))
    with database.write() as session:
        add_variant(session, "b")
    with database.rollback_session() as session:
        add_variant(session, "c")
        session.flush()
    now = COUNT_AGE - 1
    assert is_counted(PosterCounts(NOW, {"pending": 1}, {"pending": 1}))()
    now = COUNT_AGE
    wait_until(is_counted(PosterCounts(NOW, {"pending": 2}, {"pending": 2})))
    with query_counter(database.engine) as statements, database.read() as session:
        counter.latest(session, NOW)
    assert "count(" not in str(statements)


def test_counting_that_fails_is_said_and_tried_again(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(status, "COUNTED_BY_REQUESTS", -1)
    now = 0.0
    counter = PosterCounter(database, PosterCounts.of, lambda: now)
    with database.write() as session:
        session.execute(text("ALTER TABLE poster_variant RENAME TO gone"))
    with database.read() as session, monkeypatch.context() as patched:
        patched.setattr(status, "_greatest_id", lambda *_of: 1)
        assert counter.latest(session, NOW) is None
        wait_until(lambda: caplog.messages != [])
    assert caplog.messages[0].startswith("posters are not counted: ")
    with database.write() as session:
        session.execute(text("ALTER TABLE gone RENAME TO poster_variant"))
    now = COUNT_AGE

    def is_counted() -> bool:
        with database.read() as session:
            return counter.latest(session, NOW) == PosterCounts(NOW, {}, {})

    wait_until(is_counted)


def test_counting_without_a_thread_is_said_and_tried_again(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(status, "COUNTED_BY_REQUESTS", -1)
    now = 0.0
    counter = PosterCounter(database, PosterCounts.of, lambda: now)

    def cannot_start(_thread: Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched, database.read() as session:
        patched.setattr(Thread, "start", cannot_start)
        assert [counter.latest(session, NOW), counter.latest(session, NOW)] == [None, None]
    assert caplog.messages == ["posters are not counted: can't start new thread"]
    assert counter.has_failed
    now = COUNT_AGE

    def is_counted() -> bool:
        with database.read() as session:
            return counter.latest(session, NOW) == PosterCounts(NOW, {}, {})

    wait_until(is_counted)
    assert not counter.has_failed
