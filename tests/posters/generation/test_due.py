"""Due sources are selected by their state."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import update

from moziweb.db import Database
from moziweb.posters.generation.due import due_sources
from moziweb.posters.generation.host_breaker import STORAGE
from moziweb.posters.models import PosterHost, PosterSource, SourceKind, SourceState
from tests.posters.conftest import NOON

EARLIER, LATER = NOON - timedelta(minutes=1), NOON + timedelta(minutes=1)


def add(database: Database, **values: object) -> int:
    source = PosterSource(
        **{"movie_id": 7, "kind": SourceKind.URL, "url": "https://example.com/a.jpg", **values}
    )
    with database.write() as session:
        session.add(source)
    return source.id


def due(database: Database, limit: int = 10) -> list[int]:
    with database.read() as session:
        return due_sources(session, NOON, limit)


@pytest.mark.parametrize(
    ("values", "is_due"),
    [
        ({"state": SourceState.PENDING}, True),
        ({"state": SourceState.PENDING, "lease_until": LATER}, False),
        ({"state": SourceState.READY}, False),
        ({"state": SourceState.READY, "next_attempt_at": LATER}, False),
        ({"state": SourceState.READY, "next_attempt_at": EARLIER}, True),
        ({"state": SourceState.GENERATING, "lease_until": LATER}, False),
        ({"state": SourceState.GENERATING, "lease_until": EARLIER}, True),
        ({"state": SourceState.GENERATING}, True),
        ({"state": SourceState.RETRY_WAIT, "next_attempt_at": LATER}, False),
        ({"state": SourceState.RETRY_WAIT, "next_attempt_at": EARLIER}, True),
        ({"state": SourceState.FAILED, "next_attempt_at": LATER}, False),
        ({"state": SourceState.FAILED, "next_attempt_at": EARLIER}, True),
        ({"kind": SourceKind.DRAWN}, False),
        ({"kind": SourceKind.DRAWN, "regenerate_requested": True}, True),
    ],
)
def test_sources_are_due_by_state_and_time(
    database: Database, movie_id: int, values: dict[str, object], is_due: bool
) -> None:
    source_id = add(database, **values)
    assert due(database) == [source_id] * is_due


def test_new_sources_come_first_up_to_the_limit(database: Database, movie_id: int) -> None:
    failed = add(database, state=SourceState.FAILED, next_attempt_at=EARLIER)
    waiting = add(database, state=SourceState.RETRY_WAIT, next_attempt_at=EARLIER)
    pending = add(database)
    assert due(database) == [pending, waiting, failed]
    assert due(database, 2) == [pending, waiting]
    assert due(database, 0) == []


@pytest.mark.parametrize(("until", "is_due"), [(LATER, False), (NOON, True), (None, True)])
def test_nothing_is_due_while_the_circuit_breaker_of_storage_is_open(
    database: Database, movie_id: int, until: datetime | None, is_due: bool
) -> None:
    source_id = add(database)
    with database.write() as session:
        session.add(PosterHost(name="a.example", open_until=LATER))
        session.add(PosterHost(name=STORAGE, open_until=until))
    assert due(database) == [source_id] * is_due


def test_ready_source_is_not_due(database: Database, movie_id: int) -> None:
    add(database)
    with database.write() as session:
        session.execute(update(PosterSource).values(state=SourceState.READY))
    assert due(database) == []
