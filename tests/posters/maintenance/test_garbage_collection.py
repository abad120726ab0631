"""Garbage collection when a removal takes longer than the lock on its movies."""

import threading
from typing import Any

import pytest
from sqlalchemy import update

from moziweb.db import Database
from moziweb.posters.generation.leases import SourceLeases
from moziweb.posters.generation.result import GenerationResult, GenerationStatus
from moziweb.posters.generation.service import PosterService
from moziweb.posters.maintenance.garbage_collection import SupersededVariants
from moziweb.posters.maintenance.movie_locks import LOCK_DURATION, locked_movies
from moziweb.posters.models import PosterVariant, SourceKind, VariantState
from moziweb.posters.recipes import RECIPES
from moziweb.storage import StoredObject
from moziweb.storage.disk import DiskStorage
from tests.posters.conftest import LEASE, Clock, StubReader, source_of
from tests.posters.generation.test_service import variants_of


class LingeringStorage:
    """A worker's storage that blocks the worker once everything is uploaded."""

    def __init__(self, storage: DiskStorage) -> None:
        self._storage = storage
        self._left = len(RECIPES)
        self.uploaded = threading.Event()
        self.resume = threading.Event()

    def put(self, key: str, body: bytes, **headers: Any) -> StoredObject:
        stored = self._storage.put(key, body, **headers)
        self._left -= 1
        if not self._left:
            self.uploaded.set()
            assert self.resume.wait(30)
        return stored


class SlowRemoval:
    """A storage whose removal outlasts the lock, so that a worker runs in between."""

    def __init__(
        self, storage: DiskStorage, clock: Clock, worker: threading.Thread, at: threading.Event
    ) -> None:
        self.bucket = storage.bucket
        self._storage, self._clock = storage, clock
        self._worker, self._at = worker, at

    def delete(self, keys: list[str]) -> None:
        self._clock.advance(seconds=LOCK_DURATION.total_seconds() + 1)
        self._worker.start()
        assert self._at.wait(30)
        self._storage.delete(keys)


def superseded_long_ago(database: Database, clock: Clock) -> None:
    values = {"state": VariantState.SUPERSEDED, "superseded_at": clock.now}
    with database.write() as session:
        session.execute(update(PosterVariant).values(**values))
    clock.advance(days=31)


def test_worker_whose_uploads_were_removed_publishes_nothing(
    database: Database, disk: DiskStorage, clock: Clock, stub_reader: StubReader, source_id: int
) -> None:
    def a_service(storage: Any) -> PosterService:
        leases = SourceLeases(database, clock, LEASE)
        return PosterService(database, storage, {SourceKind.DRAWN: stub_reader}, leases, clock)

    a_service(disk).ensure_variants(source_id)
    superseded_long_ago(database, clock)
    lingering = LingeringStorage(disk)
    results: list[GenerationResult] = []
    worker = threading.Thread(
        target=lambda: results.append(a_service(lingering).ensure_variants(source_id)), daemon=True
    )
    slow: Any = SlowRemoval(disk, clock, worker, lingering.uploaded)
    (removed,) = SupersededVariants(database, slow, clock).run()
    assert removed.objects == len(RECIPES)
    lingering.resume.set()
    worker.join(30)
    assert results == [GenerationResult(GenerationStatus.LOST)]
    assert variants_of(database, source_id) == []
    assert a_service(disk).ensure_variants(source_id) == GenerationResult(
        GenerationStatus.MADE, made=len(RECIPES)
    )
    assert all(disk.head(str(row.key)) for row in variants_of(database, source_id))


def test_expired_lock_is_lost_to_a_worker(
    database: Database, service: PosterService, leases: SourceLeases, clock: Clock, source_id: int
) -> None:
    with locked_movies(database, clock, [7]) as lock:
        assert lock.renew() == lock.movie_ids == {7}
        assert leases.try_acquire(source_id, frozenset({"x"})) == "busy"
        clock.advance(seconds=LOCK_DURATION.total_seconds() + 1)
        leases.try_acquire(source_id, frozenset({"x"}))
        assert lock.renew() == frozenset()
        token = source_of(database, source_id).lease_token
    assert source_of(database, source_id).lease_token == token is not None


def test_movie_whose_lock_is_lost_is_not_removed(
    database: Database,
    disk: DiskStorage,
    service: PosterService,
    leases: SourceLeases,
    clock: Clock,
    source_id: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service.ensure_variants(source_id)
    superseded_long_ago(database, clock)
    read_rows = SupersededVariants._read_rows

    def read_slowly(*arguments: Any) -> Any:
        found = read_rows(*arguments)
        clock.advance(seconds=LOCK_DURATION.total_seconds() + 1)
        leases.try_acquire(source_id, frozenset({"x"}))
        return found

    monkeypatch.setattr(SupersededVariants, "_read_rows", read_slowly)
    (removed,) = SupersededVariants(database, disk, clock).run()
    assert (removed.busy, removed.objects) == (True, 0)
    assert len(list(disk.list("poster/"))) == len(RECIPES)
