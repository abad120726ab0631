"""A movie has one chosen source; the old one is shown until the new one is ready."""

import threading

import pytest
from sqlalchemy import select, text

from moziweb.db import Database
from moziweb.posters.fetching.errors import FetchCode
from moziweb.posters.generation.error_codes import SourceError
from moziweb.posters.generation.result import GenerationStatus
from moziweb.posters.generation.selection import choose_source
from moziweb.posters.generation.service import PosterService
from moziweb.posters.models import PosterSource, SourceState
from moziweb.posters.urls import poster_links
from moziweb.storage.disk import DiskStorage
from tests.posters.conftest import StubReader, add_source, picture
from tests.threads import wait_until


def choose_in(database: Database, source_id: int) -> None:
    with database.write() as session:
        choose_source(session, session.get_one(PosterSource, source_id))


def flags(database: Database) -> dict[int, tuple[bool, bool]]:
    with database.read() as session:
        rows = session.scalars(select(PosterSource).order_by(PosterSource.id))
        return {row.id: (row.chosen, row.choose_when_ready) for row in rows}


@pytest.fixture
def another(database: Database, source_id: int, stub_reader: StubReader) -> int:
    """Another source of the movie, not made yet."""
    stub_reader.pictures["drawn:other"] = picture("#2040a0")
    return add_source(database, 7, "drawn:other", chosen=False)


def test_old_poster_is_shown_until_the_new_one_is_ready(
    database: Database,
    disk: DiskStorage,
    service: PosterService,
    source_id: int,
    another: int,
) -> None:
    service.ensure_variants(source_id)
    choose_in(database, another)
    assert flags(database) == {source_id: (True, False), another: (False, True)}
    with database.read() as session:
        before = poster_links(session, disk, {7: "dune"})[7]
    assert before.source_id == source_id
    assert len(before.stored) > 0
    assert service.ensure_variants(another).status is GenerationStatus.MADE
    assert flags(database) == {source_id: (False, False), another: (True, False)}
    with database.read() as session:
        after = poster_links(session, disk, {7: "dune"})[7]
    assert after.source_id == another
    assert after.stored.keys() == before.stored.keys()


def test_failed_new_poster_leaves_the_old_one_chosen(
    database: Database,
    service: PosterService,
    stub_reader: StubReader,
    source_id: int,
    another: int,
) -> None:
    service.ensure_variants(source_id)
    choose_in(database, another)
    stub_reader.error = SourceError(FetchCode.NOT_FOUND, permanent=True)
    service.ensure_variants(another)
    assert flags(database) == {source_id: (True, False), another: (False, True)}


def test_new_poster_is_chosen_at_once_if_the_movie_shows_none(
    database: Database, source_id: int, another: int
) -> None:
    choose_in(database, another)
    assert flags(database) == {source_id: (False, False), another: (True, False)}


def test_ready_source_is_chosen_at_once(
    database: Database, service: PosterService, source_id: int, another: int
) -> None:
    service.ensure_variants(source_id)
    service.ensure_variants(another)
    choose_in(database, another)
    assert flags(database) == {source_id: (False, False), another: (True, False)}


@pytest.mark.parametrize("state", [SourceState.GENERATING, SourceState.FAILED])
def test_source_with_variants_is_chosen_at_once_in_any_state(
    database: Database, service: PosterService, source_id: int, another: int, state: SourceState
) -> None:
    """It is being revalidated, or its host has deleted the image."""
    service.ensure_variants(source_id)
    service.ensure_variants(another)
    with database.write() as session:
        session.get_one(PosterSource, another).state = state
    choose_in(database, another)
    assert flags(database) == {source_id: (False, False), another: (True, False)}


def test_last_choice_wins(
    database: Database, service: PosterService, source_id: int, another: int
) -> None:
    service.ensure_variants(source_id)
    choose_in(database, another)
    choose_in(database, source_id)
    service.ensure_variants(another)
    assert flags(database) == {source_id: (True, False), another: (False, False)}


def test_concurrent_choices_leave_one_chosen_source(
    database: Database,
    service: PosterService,
    source_id: int,
    another: int,
    stub_reader: StubReader,
) -> None:
    stub_reader.pictures["drawn:third"] = picture("#20a040")
    third = add_source(database, 7, "drawn:third", chosen=False)
    for one in (source_id, another, third):
        service.ensure_variants(one)
    errors: list[BaseException] = []

    def choose_late() -> None:
        try:
            choose_in(database, third)
        except Exception as error:
            errors.append(error)

    late = threading.Thread(target=choose_late)
    with database.write() as session:
        choose_source(session, session.get_one(PosterSource, another))
        late.start()
        wait_until(lambda: somebody_waits_for_a_lock(database))
    late.join()
    assert errors == []
    assert [chosen for chosen, _ in flags(database).values()] == [False, False, True]


def somebody_waits_for_a_lock(database: Database) -> bool:
    """PostgreSQL only; SQLite has one writer at a time."""
    if database.engine.dialect.name == "sqlite":
        return True
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    with database.read() as session:
        return bool(session.scalar(waiting))
