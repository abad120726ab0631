"""Counts of sources and variants."""

from collections.abc import Callable
from threading import Event

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from moziweb.db import Database
from moziweb.posters.maintenance import status
from moziweb.posters.maintenance.status import (
    COUNT_AGE,
    PosterCounter,
    PosterCounts,
    poster_status,
)
from moziweb.posters.models import PosterSource, PosterVariant, SourceKind, SourceState
from tests.conftest import QueryCounter
from tests.factories import add_poster, make_movie
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
    counter = PosterCounter(database)
    with database.write() as session:
        assert counter.latest(session) == PosterCounts(0, {})
        for number in (1, 2):
            add_variant(session, "a")
            assert counter.latest(session) == PosterCounts(number, {"pending": number})


def test_large_site_is_counted_in_a_thread_and_at_most_once_a_minute(
    database: Database, query_counter: QueryCounter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What other transactions write and roll back meanwhile makes no count wrong."""
    monkeypatch.setattr(status, "COUNTED_BY_REQUESTS", 0)
    now = 0.0
    counter = PosterCounter(database, lambda: now)

    def is_counted(expected: PosterCounts) -> Callable[[], bool]:
        def look() -> bool:
            with database.read() as session:
                return counter.latest(session) == expected

        return look

    with database.write() as session:
        add_variant(session, "a")
    counting, count = Event(), PosterCounts.of

    def late(session: Session) -> PosterCounts:
        assert counting.wait(PATIENCE)
        return count(session)

    with monkeypatch.context() as patched, database.read() as session:
        patched.setattr(PosterCounts, "of", late)
        assert [counter.latest(session), counter.latest(session)] == [None, None]
        counting.set()
        wait_until(is_counted(PosterCounts(1, {"pending": 1})))
    with database.write() as session:
        add_variant(session, "b")
    with database.rollback_session() as session:
        add_variant(session, "c")
        session.flush()
    now = COUNT_AGE - 1
    assert is_counted(PosterCounts(1, {"pending": 1}))()
    now = COUNT_AGE
    wait_until(is_counted(PosterCounts(2, {"pending": 2})))
    with query_counter(database.engine) as statements, database.read() as session:
        counter.latest(session)
    assert "count(" not in str(statements)


def test_counting_that_fails_is_said_and_tried_again(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(status, "COUNTED_BY_REQUESTS", -1)
    now = 0.0
    counter = PosterCounter(database, lambda: now)
    with database.write() as session:
        session.execute(text("ALTER TABLE poster_variant RENAME TO gone"))
    with database.read() as session, monkeypatch.context() as patched:
        patched.setattr(status, "_greatest_id", lambda _session: 1)
        assert counter.latest(session) is None
        wait_until(lambda: caplog.messages != [])
    assert caplog.messages[0].startswith("posters are not counted: ")
    with database.write() as session:
        session.execute(text("ALTER TABLE gone RENAME TO poster_variant"))
    now = COUNT_AGE

    def is_counted() -> bool:
        with database.read() as session:
            return counter.latest(session) == PosterCounts(0, {})

    wait_until(is_counted)


def test_ready_sources_are_the_rest_of_a_known_number(database: Database) -> None:
    with database.write() as session:
        movie = make_movie(session)
        for state in SourceState:
            add_poster(session, movie, state=state, chosen=False)
        counted = poster_status(session)
        assert counted.sources == {state.value: 1 for state in SourceState}
        assert poster_status(session, 5) == counted
        assert poster_status(session, 9).sources["ready"] == 5
        assert poster_status(session, 0).sources["ready"] == 0
