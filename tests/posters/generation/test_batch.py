"""Selecting the sources of a run, and making several at a time, on both databases."""

import threading
from collections import Counter
from collections.abc import Iterator

import pytest
from sqlalchemy import Update, update

from moziweb.db import Database
from moziweb.posters.generation import batch
from moziweb.posters.generation.batch import DueSource, SourceFilter, SourceQuery, generate
from moziweb.posters.generation.error_codes import ServiceCode
from moziweb.posters.generation.host_breaker import THRESHOLD
from moziweb.posters.generation.leases import SourceLeases
from moziweb.posters.generation.result import GenerationStatus
from moziweb.posters.generation.service import PosterService
from moziweb.posters.models import PosterSource, PosterVariant, SourceKind, VariantState
from moziweb.storage import Storage, StorageUnavailable
from moziweb.storage.disk import DiskStorage
from tests.posters.conftest import Clock, StubReader, add_source
from tests.posters.generation.test_service import Tripwire


def selected(database: Database, selection: SourceQuery) -> list[int]:
    found = [source.id for source in selection.sources(database)]
    assert selection.count(database) == len(found)
    return found


@pytest.fixture
def source_ids(database: Database, movie_id: int) -> list[int]:
    return [add_source(database, movie_id, chosen=False) for _ in range(5)]


def test_new_source_is_missing_and_not_stale(database: Database, source_ids: list[int]) -> None:
    assert selected(database, SourceQuery()) == source_ids
    assert selected(database, SourceQuery(SourceFilter.STALE)) == []


def test_made_source_is_neither_missing_nor_stale(
    database: Database, service: PosterService, source_ids: list[int]
) -> None:
    service.ensure_variants(source_ids[2])
    assert selected(database, SourceQuery()) == source_ids[:2] + source_ids[3:]
    assert selected(database, SourceQuery(SourceFilter.STALE)) == []


ONE_OLDER = (
    update(PosterVariant)
    .where(PosterVariant.name == "thumb", PosterVariant.format == "jpg")
    .values(recipe_hash="older")
)
OTHER_CONTENT = update(PosterSource).values(sha256="e" * 64)


@pytest.mark.parametrize("change", [ONE_OLDER, OTHER_CONTENT], ids=["recipe", "content"])
def test_variant_of_an_older_recipe_or_content_is_missing_and_stale(
    database: Database, service: PosterService, source_id: int, change: Update
) -> None:
    service.ensure_variants(source_id)
    with database.write() as session:
        session.execute(change)
    assert selected(database, SourceQuery()) == [source_id]
    assert selected(database, SourceQuery(SourceFilter.STALE)) == [source_id]
    service.ensure_variants(source_id)
    assert (
        selected(database, SourceQuery())
        == selected(database, SourceQuery(SourceFilter.STALE))
        == []
    )


def test_superseded_or_deleted_variant_does_not_count(
    database: Database, service: PosterService, source_id: int
) -> None:
    service.ensure_variants(source_id)
    with database.write() as session:
        session.execute(update(PosterVariant).values(state=VariantState.DELETED))
    assert selected(database, SourceQuery()) == [source_id]
    assert selected(database, SourceQuery(SourceFilter.STALE)) == []


def test_all_sources_of_a_movie_are_selected(
    database: Database, service: PosterService, source_id: int
) -> None:
    service.ensure_variants(source_id)
    assert selected(database, SourceQuery(movie_id=7)) == [source_id]
    assert selected(database, SourceQuery(movie_id=8)) == []


def test_pages_hold_every_source_once(
    database: Database, source_ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for page in (1, 2, 5):
        monkeypatch.setattr(batch, "SOURCES_PER_QUERY", page)
        assert selected(database, SourceQuery()) == source_ids


def test_source_made_during_the_run_does_not_shift_the_pages(
    database: Database,
    service: PosterService,
    source_ids: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batch, "SOURCES_PER_QUERY", 2)
    seen = []
    for source in SourceQuery().sources(database):
        service.ensure_variants(source.id)
        seen.append(source.id)
    assert seen == source_ids


@pytest.mark.parametrize("jobs", [1, 3])
def test_every_source_is_made_once(
    database: Database,
    service: PosterService,
    stub_reader: StubReader,
    source_ids: list[int],
    jobs: int,
) -> None:
    done = list(generate(service, SourceQuery().sources(database), jobs, threading.Event()))
    assert sorted(one.source.id for one in done) == source_ids
    assert Counter(one.result.status for one in done) == {GenerationStatus.MADE: 5}
    assert stub_reader.reads == 5


def test_no_more_sources_are_taken_than_there_are_jobs(
    service: PosterService, stub_reader: StubReader, source_ids: list[int]
) -> None:
    """The iterable of sources may be infinite."""
    taken: list[int] = []

    def sources() -> Iterator[DueSource]:
        for source_id in source_ids:
            taken.append(source_id)
            yield DueSource(source_id, 7)

    run = generate(service, sources(), 2, threading.Event())
    next(run)
    assert len(taken) <= 3
    assert sum(1 for _ in run) == 4


class FailingStorage(Tripwire):
    """A storage that fails while ``is_down``."""

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage, self._fail)
        self.is_down = True

    def _fail(self, _puts: int) -> None:
        if self.is_down:
            raise StorageUnavailable("down")


def test_run_waits_while_the_circuit_breaker_of_storage_is_open(
    database: Database,
    leases: SourceLeases,
    clock: Clock,
    disk: DiskStorage,
    stub_reader: StubReader,
    movie_id: int,
) -> None:
    """Otherwise it would postpone all sources that are left, 100,000 of them."""
    source_ids = [add_source(database, movie_id, chosen=False) for _ in range(12)]
    failing = FailingStorage(disk)
    readers = {SourceKind.DRAWN: stub_reader}
    service = PosterService(database, failing, readers, leases, clock)  # type: ignore[arg-type]

    class Waiting(threading.Event):
        """Moves the clock during a wait, after which storage works again; never set."""

        def wait(self, timeout: float | None = None) -> bool:
            clock.advance(seconds=30)
            failing.is_down = False
            return self.is_set()

    run = generate(service, SourceQuery().sources(database), 1, Waiting())
    codes = [one.result.code for one in run]
    assert codes == [*["storage_unavailable"] * THRESHOLD, ServiceCode.HOST_PAUSED, *[None] * 6]
    assert selected(database, SourceQuery()) == source_ids[: THRESHOLD + 1]


def test_run_that_waits_for_storage_can_be_stopped(
    database: Database,
    leases: SourceLeases,
    clock: Clock,
    disk: DiskStorage,
    movie_id: int,
    stub_reader: StubReader,
) -> None:
    for _ in range(12):
        add_source(database, movie_id, chosen=False)
    readers = {SourceKind.DRAWN: stub_reader}
    service = PosterService(database, FailingStorage(disk), readers, leases, clock)  # type: ignore[arg-type]

    class StoppedInWait(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            self.set()
            return True

    done = list(generate(service, SourceQuery().sources(database), 1, StoppedInWait()))
    assert len(done) == THRESHOLD + 1


def test_stopped_run_finishes_the_running_sources_and_starts_no_other(
    database: Database, service: PosterService, source_ids: list[int]
) -> None:
    stop = threading.Event()
    run = generate(service, SourceQuery().sources(database), 2, stop)
    done = [next(run)]
    stop.set()
    done += run
    assert 1 <= len(done) <= 3
    assert {one.result.status for one in done} == {GenerationStatus.MADE}
    assert len(selected(database, SourceQuery())) == 5 - len(done)
