"""Which sources a run is about, and several at a time, on both databases."""

import threading
from collections import Counter
from collections.abc import Iterator

import pytest
from sqlalchemy import Update, update

from moziweb.db import Database
from moziweb.posters.generation import batch
from moziweb.posters.generation.batch import DueSource, Need, Selection, generate
from moziweb.posters.generation.failure_policy import PAUSED
from moziweb.posters.generation.host_breaker import THRESHOLD
from moziweb.posters.generation.leases import SourceLeases
from moziweb.posters.generation.result import Status
from moziweb.posters.generation.service import PosterService
from moziweb.posters.models import PosterSource, PosterVariant, SourceKind, VariantState
from moziweb.storage import Storage, StorageUnavailable
from moziweb.storage.disk import DiskStorage
from tests.posters.conftest import Clock, Shelf, add_source
from tests.posters.generation.test_service import Tripwire


def due(database: Database, selection: Selection) -> list[int]:
    found = [source.id for source in selection.sources(database)]
    assert selection.count(database) == len(found)
    return found


@pytest.fixture
def source_ids(database: Database, movie_id: int) -> list[int]:
    return [add_source(database, movie_id, chosen=False) for _ in range(5)]


def test_what_was_never_made_is_missing_and_not_stale(
    database: Database, source_ids: list[int]
) -> None:
    assert due(database, Selection()) == source_ids
    assert due(database, Selection(Need.STALE)) == []


def test_what_is_made_is_neither(
    database: Database, service: PosterService, source_ids: list[int]
) -> None:
    service.ensure_variants(source_ids[2])
    assert due(database, Selection()) == source_ids[:2] + source_ids[3:]
    assert due(database, Selection(Need.STALE)) == []


ONE_OLDER = (
    update(PosterVariant)
    .where(PosterVariant.name == "thumb", PosterVariant.format == "jpg")
    .values(recipe_hash="older")
)
OTHER_CONTENT = update(PosterSource).values(sha256="e" * 64)


@pytest.mark.parametrize("change", [ONE_OLDER, OTHER_CONTENT], ids=["recipe", "content"])
def test_what_is_of_an_older_recipe_or_content_is_both(
    database: Database, service: PosterService, source_id: int, change: Update
) -> None:
    service.ensure_variants(source_id)
    with database.write() as session:
        session.execute(change)
    assert due(database, Selection()) == [source_id]
    assert due(database, Selection(Need.STALE)) == [source_id]
    service.ensure_variants(source_id)
    assert due(database, Selection()) == due(database, Selection(Need.STALE)) == []


def test_what_was_superseded_or_deleted_does_not_count(
    database: Database, service: PosterService, source_id: int
) -> None:
    service.ensure_variants(source_id)
    with database.write() as session:
        session.execute(update(PosterVariant).values(state=VariantState.DELETED))
    assert due(database, Selection()) == [source_id]
    assert due(database, Selection(Need.STALE)) == []


def test_a_movies_sources_are_listed_whatever_their_state(
    database: Database, service: PosterService, source_id: int
) -> None:
    service.ensure_variants(source_id)
    assert due(database, Selection(movie_id=7)) == [source_id]
    assert due(database, Selection(movie_id=8)) == []


def test_pages_follow_each_other_without_gap_or_repeat(
    database: Database, source_ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for page in (1, 2, 5):
        monkeypatch.setattr(batch, "PAGE", page)
        assert due(database, Selection()) == source_ids


def test_a_source_that_is_made_meanwhile_does_not_shift_the_pages(
    database: Database,
    service: PosterService,
    source_ids: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batch, "PAGE", 2)
    seen = []
    for source in Selection().sources(database):
        service.ensure_variants(source.id)
        seen.append(source.id)
    assert seen == source_ids


@pytest.mark.parametrize("jobs", [1, 3])
def test_every_source_is_worked_on_once(
    database: Database, service: PosterService, shelf: Shelf, source_ids: list[int], jobs: int
) -> None:
    done = list(generate(service, Selection().sources(database), jobs, threading.Event()))
    assert sorted(one.source.id for one in done) == source_ids
    assert Counter(one.outcome.status for one in done) == {Status.MADE: 5}
    assert shelf.reads == 5


def test_no_more_are_begun_at_once_than_there_are_jobs(
    service: PosterService, shelf: Shelf, source_ids: list[int]
) -> None:
    """The list of sources may be endless: it is read as there is room."""
    taken: list[int] = []

    def sources() -> Iterator[DueSource]:
        for source_id in source_ids:
            taken.append(source_id)
            yield DueSource(source_id, 7)

    run = generate(service, sources(), 2, threading.Event())
    next(run)
    assert len(taken) <= 3
    assert sum(1 for _ in run) == 4


class Away(Tripwire):
    """A storage that fails until it is back."""

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage, self._fail)
        self.is_away = True

    def _fail(self, _puts: int) -> None:
        if self.is_away:
            raise StorageUnavailable("away")


def test_a_run_waits_for_a_storage_that_has_failed_too_often(
    database: Database,
    claims: SourceLeases,
    clock: Clock,
    disk: DiskStorage,
    shelf: Shelf,
    movie_id: int,
) -> None:
    """It would put off all that are left otherwise, 100,000 of them."""
    source_ids = [add_source(database, movie_id, chosen=False) for _ in range(12)]
    away = Away(disk)
    readers = {SourceKind.DRAWN: shelf}
    service = PosterService(database, away, readers, claims, clock)  # type: ignore[arg-type]

    class Waiting(threading.Event):
        """Nobody stops the run; while it waits, time passes and storage comes back."""

        def wait(self, timeout: float | None = None) -> bool:
            clock.advance(seconds=30)
            away.is_away = False
            return self.is_set()

    run = generate(service, Selection().sources(database), 1, Waiting())
    codes = [one.outcome.code for one in run]
    assert codes == [*["storage_unavailable"] * THRESHOLD, PAUSED, *[None] * 6]
    assert due(database, Selection()) == source_ids[: THRESHOLD + 1]


def test_a_run_that_waits_for_storage_can_be_stopped(
    database: Database,
    claims: SourceLeases,
    clock: Clock,
    disk: DiskStorage,
    movie_id: int,
    shelf: Shelf,
) -> None:
    for _ in range(12):
        add_source(database, movie_id, chosen=False)
    readers = {SourceKind.DRAWN: shelf}
    service = PosterService(database, Away(disk), readers, claims, clock)  # type: ignore[arg-type]

    class Impatient(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            self.set()
            return True

    done = list(generate(service, Selection().sources(database), 1, Impatient()))
    assert len(done) == THRESHOLD + 1


def test_once_stopped_what_is_begun_is_finished_and_nothing_else_begun(
    database: Database, service: PosterService, source_ids: list[int]
) -> None:
    stop = threading.Event()
    run = generate(service, Selection().sources(database), 2, stop)
    done = [next(run)]
    stop.set()
    done += run
    assert 1 <= len(done) <= 3
    assert {one.outcome.status for one in done} == {Status.MADE}
    assert len(due(database, Selection())) == 5 - len(done)
