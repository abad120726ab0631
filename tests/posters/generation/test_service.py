"""The service: variants are made once, published all or none; every failure becomes a state."""

import hashlib
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from importlib import import_module
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select, update
from sqlalchemy.pool import QueuePool

from moziweb.db import Database
from moziweb.movies.models import Movie
from moziweb.posters.decoder import MEBIBYTE, DecoderPool, ResourceLimits
from moziweb.posters.decoder.machine_lock import machine_lock
from moziweb.posters.fetching.errors import FetchCode
from moziweb.posters.generation import service as service_module
from moziweb.posters.generation.error_codes import SourceError
from moziweb.posters.generation.leases import SourceLeases
from moziweb.posters.generation.publication import CACHE_CONTROL
from moziweb.posters.generation.result import GenerationResult, GenerationStatus
from moziweb.posters.generation.service import PosterService
from moziweb.posters.imaging.errors import ImageRejected, RejectCode
from moziweb.posters.imaging.values import Limits, VariantSet
from moziweb.posters.imaging.variants import make_variants
from moziweb.posters.models import (
    PosterSource,
    PosterVariant,
    SourceKind,
    SourceState,
    VariantState,
)
from moziweb.posters.recipes import JPEG, RECIPES, Recipe
from moziweb.storage import Storage, StoredObject
from moziweb.storage.disk import DiskStorage
from moziweb.storage.s3 import S3Storage
from tests.conftest import QueryCounter
from tests.posters.conftest import (
    DEPLOYMENTS,
    LEASE,
    Clock,
    StubReader,
    add_source,
    picture,
    source_of,
)
from tests.posters.decoder.children import PATIENCE, is_full, pids
from tests.posters.pictures import encoded, quarters
from tests.threads import wait_until


def variants_of(
    database: Database, source_id: int, state: VariantState = VariantState.READY
) -> list[PosterVariant]:
    with database.read() as session:
        return list(
            session.scalars(
                select(PosterVariant)
                .where(PosterVariant.source_id == source_id, PosterVariant.state == state)
                .order_by(PosterVariant.id)
            )
        )


MakeService = Callable[..., PosterService]


@pytest.fixture
def make_service(
    database: Database,
    disk: DiskStorage,
    leases: SourceLeases,
    clock: Clock,
    stub_reader: StubReader,
) -> MakeService:
    """Factory of services over the same database, with other arguments: another process."""

    def make(**changes: Any) -> PosterService:
        given = {
            "database": database,
            "storage": disk,
            "readers": {SourceKind.DRAWN: stub_reader},
            "leases": leases,
            "clock": clock,
        }
        return PosterService(**{**given, **changes})

    return make


@dataclass
class Tripwire:
    """A storage that calls ``before_put`` with the number of puts so far before each put."""

    storage: Storage
    before_put: Callable[[int], object]
    puts: int = 0

    def put(self, key: str, body: bytes, **headers: Any) -> StoredObject:
        self.before_put(self.puts)
        self.puts += 1
        return self.storage.put(key, body, **headers)


@DEPLOYMENTS
def test_every_variant_is_made_stored_and_recorded(
    database: Database,
    storage: Storage,
    make_service: MakeService,
    stub_reader: StubReader,
    source_id: int,
) -> None:
    assert make_service(storage=storage).ensure_variants(source_id) == GenerationResult(
        GenerationStatus.MADE, made=len(RECIPES)
    )
    variants = variants_of(database, source_id)
    assert {(one.name, one.format, one.recipe_hash) for one in variants} == {
        (recipe.name, recipe.format, recipe.hash) for recipe in RECIPES
    }
    for variant in variants:
        body = storage.get(str(variant.key))
        stored = storage.head(str(variant.key))
        assert stored is not None
        assert (stored.content_type, stored.cache_control) == (variant.mime, CACHE_CONTROL)
        assert (variant.bucket, variant.bytes) == (storage.bucket, len(body))
        with Image.open(BytesIO(body)) as image:
            assert image.size == (variant.width, variant.height)
    assert stub_reader.reads == 1


def test_columns_of_the_source_come_from_its_image(
    database: Database, service: PosterService, stub_reader: StubReader, source_id: int
) -> None:
    service.ensure_variants(source_id)
    source = source_of(database, source_id)
    data = stub_reader.pictures["drawn:dune"]
    assert source.sha256 == hashlib.sha256(data).hexdigest()
    assert (source.state, source.format, source.bytes) == (SourceState.READY, "jpeg", len(data))
    assert (source.width, source.height, source.etag) == (200, 300, '"1"')
    assert source.dominant_colour is not None
    assert len(source.sketch or "") == 36
    assert (source.lease_token, source.lease_until) == (None, None)


def test_complete_source_is_not_read_again(
    service: PosterService, stub_reader: StubReader, source_id: int
) -> None:
    service.ensure_variants(source_id)
    assert service.ensure_variants(source_id) == GenerationResult(GenerationStatus.COMPLETE)
    assert stub_reader.reads == 1


def test_only_missing_variants_are_made(
    database: Database, make_service: MakeService, disk: DiskStorage, source_id: int
) -> None:
    make_service(recipes=RECIPES[:3]).ensure_variants(source_id)
    made = {one.key for one in variants_of(database, source_id)}
    tripwire = Tripwire(disk, before_put=lambda _: None)
    assert (
        make_service(storage=tripwire).ensure_variants(source_id).made
        == tripwire.puts
        == len(RECIPES) - 3
    )
    assert made < {one.key for one in variants_of(database, source_id)}


def test_unknown_source_is_reported(service: PosterService) -> None:
    assert service.ensure_variants(404) == GenerationResult(GenerationStatus.UNKNOWN)


def test_no_transaction_or_connection_is_held_during_the_work(
    database: Database,
    make_service: MakeService,
    disk: DiskStorage,
    stub_reader: StubReader,
    source_id: int,
) -> None:
    """SQLite has one writer, so a write during the work shows that no transaction is open."""
    states: list[SourceState] = []

    def check_during_work(*_: object) -> None:
        assert held_connections(database) == 0
        with database.write() as session:
            session.execute(update(PosterSource).values(origin="x"))
        states.append(source_of(database, source_id).state)

    def make(
        data: bytes, recipes: Sequence[Recipe], limits: Limits, _waiting: object
    ) -> VariantSet:
        check_during_work()
        return make_variants(data, recipes, limits)

    stub_reader.before_read = check_during_work
    service = make_service(storage=Tripwire(disk, check_during_work), maker=make)
    assert service.ensure_variants(source_id).status is GenerationStatus.MADE
    assert states == [SourceState.GENERATING] * (2 + len(RECIPES))
    assert source_of(database, source_id).origin == "x"


def held_connections(database: Database) -> int:
    """How many connections are checked out of the pool."""
    pool = database.engine.pool
    assert isinstance(pool, QueuePool)
    return pool.checkedout()


def test_other_threads_are_busy_without_a_query(
    database: Database,
    service: PosterService,
    stub_reader: StubReader,
    source_id: int,
    query_counter: QueryCounter,
) -> None:
    entered, leave = threading.Event(), threading.Event()

    def block() -> None:
        entered.set()
        leave.wait(10)

    stub_reader.before_read = block
    worker = threading.Thread(target=service.ensure_variants, args=(source_id,))
    worker.start()
    entered.wait(10)
    with query_counter(database.engine) as statements:
        assert service.ensure_variants(source_id) == GenerationResult(GenerationStatus.BUSY)
    assert statements == [], "a set in memory keeps threads apart"
    leave.set()
    worker.join()
    assert service.ensure_variants(source_id) == GenerationResult(GenerationStatus.COMPLETE)
    assert stub_reader.reads == 1


@pytest.mark.parametrize(
    ("error", "state", "code"),
    [
        (SourceError(FetchCode.NOT_FOUND, permanent=True), SourceState.FAILED, "not_found"),
        (SourceError(FetchCode.TIMEOUT), SourceState.RETRY_WAIT, "timeout"),
    ],
)
def test_read_error_becomes_a_state(
    database: Database,
    service: PosterService,
    stub_reader: StubReader,
    source_id: int,
    error: SourceError,
    state: SourceState,
    code: str,
) -> None:
    stub_reader.error = error
    assert service.ensure_variants(source_id) == GenerationResult(GenerationStatus.FAILED, code)
    assert source_of(database, source_id).state is state
    assert source_of(database, source_id).error_code == code
    assert service.ensure_variants(source_id) == GenerationResult(GenerationStatus.BACKING_OFF)
    assert stub_reader.reads == 1


@pytest.mark.parametrize(
    "body", [b"", b"<html>", picture()[:200], b"\x89PNG\r\n\x1a\n" + b"x" * 99]
)
def test_invalid_image_fails(
    database: Database, service: PosterService, stub_reader: StubReader, source_id: int, body: bytes
) -> None:
    stub_reader.pictures["drawn:dune"] = body
    assert service.ensure_variants(source_id).status is GenerationStatus.FAILED
    assert source_of(database, source_id).error_code is not None
    assert variants_of(database, source_id) == []


def test_unexpected_error_becomes_a_state(
    database: Database, service: PosterService, stub_reader: StubReader, source_id: int
) -> None:
    stub_reader.pictures = {}  # a KeyError in the reader
    assert service.ensure_variants(source_id) == GenerationResult(
        GenerationStatus.FAILED, "internal"
    )
    assert source_of(database, source_id).state is SourceState.RETRY_WAIT


def test_kind_without_a_reader_fails(
    database: Database, make_service: MakeService, source_id: int
) -> None:
    assert make_service(readers={}).ensure_variants(source_id) == GenerationResult(
        GenerationStatus.FAILED, "no_reader"
    )


def test_out_of_memory_is_retried(
    database: Database, service: PosterService, stub_reader: StubReader, source_id: int
) -> None:
    def run_out() -> None:
        raise MemoryError

    stub_reader.before_read = run_out
    assert service.ensure_variants(source_id) == GenerationResult(
        GenerationStatus.FAILED, "out_of_memory"
    )
    assert source_of(database, source_id).state is SourceState.RETRY_WAIT


def test_unreachable_storage_is_retried(
    database: Database,
    make_service: MakeService,
    storage_away: S3Storage,
    clock: Clock,
    source_id: int,
) -> None:
    result = make_service(storage=storage_away).ensure_variants(source_id)
    assert result == GenerationResult(GenerationStatus.FAILED, "storage_unavailable")
    assert source_of(database, source_id).state is SourceState.RETRY_WAIT
    assert variants_of(database, source_id) == []
    clock.advance(minutes=2)
    assert make_service().ensure_variants(source_id).status is GenerationStatus.MADE
    assert source_of(database, source_id).attempts == 0


def test_crash_between_upload_and_publication_is_repaired(
    database: Database,
    make_service: MakeService,
    disk: DiskStorage,
    clock: Clock,
    source_id: int,
) -> None:
    """A SIGKILL leaves objects without rows, and a lease that is not released."""
    die_while_uploading(make_service, disk, source_id)
    assert len(list(disk.list())) == 7
    assert variants_of(database, source_id) == []
    another = make_service(leases=SourceLeases(database, clock, LEASE))
    assert another.ensure_variants(source_id) == GenerationResult(GenerationStatus.BUSY)
    clock.advance(seconds=61)
    assert another.ensure_variants(source_id) == GenerationResult(
        GenerationStatus.MADE, made=len(RECIPES)
    )
    keys = [one.key for one in variants_of(database, source_id)]
    assert sorted(str(key) for key in keys) == [stored.key for stored in disk.list()]


def die_while_uploading(make_service: MakeService, disk: DiskStorage, source_id: int) -> None:
    """Work on a source until the eighth upload, then die without releasing the lease."""

    class Killed(BaseException):
        pass

    def kill(puts: int) -> None:
        if puts == 7:
            raise Killed

    dying = make_service(storage=Tripwire(disk, kill))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SourceLeases, "release", lambda *_: None)
        with pytest.raises(Killed):
            dying.ensure_variants(source_id)


def test_keyboard_interrupt_releases_the_lease(
    database: Database, service: PosterService, stub_reader: StubReader, source_id: int
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    stub_reader.before_read = interrupt
    with pytest.raises(KeyboardInterrupt):
        service.ensure_variants(source_id)
    assert source_of(database, source_id).state is SourceState.PENDING
    stub_reader.before_read = lambda: None
    assert service.ensure_variants(source_id).status is GenerationStatus.MADE


def test_lease_lost_while_reading_uploads_nothing(
    database: Database,
    make_service: MakeService,
    clock: Clock,
    stub_reader: StubReader,
    disk: DiskStorage,
    source_id: int,
) -> None:
    def lose_lease() -> None:
        stub_reader.before_read = lambda: None
        clock.advance(minutes=2)
        other = make_service(leases=SourceLeases(database, clock, LEASE))
        assert other.ensure_variants(source_id).status is GenerationStatus.MADE

    stub_reader.before_read = lose_lease
    tripwire = Tripwire(disk, before_put=lambda _: None)
    assert make_service(storage=tripwire).ensure_variants(source_id) == GenerationResult(
        GenerationStatus.LOST
    )
    assert tripwire.puts == 0
    assert len(variants_of(database, source_id)) == len(RECIPES)


def test_lease_lost_while_uploading_publishes_nothing(
    database: Database, make_service: MakeService, clock: Clock, disk: DiskStorage, source_id: int
) -> None:
    other = make_service(leases=SourceLeases(database, clock, LEASE))

    def lose_lease(puts: int) -> None:
        if puts == 4:
            clock.advance(minutes=2)
            assert other.ensure_variants(source_id) == GenerationResult(
                GenerationStatus.MADE, made=len(RECIPES)
            )

    slow = make_service(storage=Tripwire(disk, lose_lease))
    assert slow.ensure_variants(source_id) == GenerationResult(GenerationStatus.LOST)
    assert len(variants_of(database, source_id)) == len(RECIPES)
    assert source_of(database, source_id).state is SourceState.READY


def test_source_replaced_while_uploading_is_not_published(
    database: Database, make_service: MakeService, disk: DiskStorage, source_id: int
) -> None:
    def replace_source(puts: int) -> None:
        if puts == 4:
            with database.write() as session:
                source = session.get_one(PosterSource, source_id)
                source.url, source.state, source.lease_token = "x", SourceState.PENDING, None

    slow = make_service(storage=Tripwire(disk, replace_source))
    assert slow.ensure_variants(source_id) == GenerationResult(GenerationStatus.LOST)
    assert variants_of(database, source_id) == []
    assert source_of(database, source_id).state is SourceState.PENDING


def newer(recipe: Recipe) -> Recipe:
    return replace(recipe, encoder=JPEG(quality=70)) if recipe.format == "jpg" else recipe


def test_variant_is_ready_until_its_successor_is_published(
    database: Database,
    make_service: MakeService,
    stub_reader: StubReader,
    clock: Clock,
    source_id: int,
) -> None:
    make_service().ensure_variants(source_id)
    upgraded = make_service(recipes=[newer(recipe) for recipe in RECIPES])
    during: list[int] = []
    stub_reader.before_read = lambda: during.append(len(variants_of(database, source_id)))
    clock.advance(days=1)
    jpegs = [recipe for recipe in RECIPES if recipe.format == "jpg"]
    assert upgraded.ensure_variants(source_id) == GenerationResult(
        GenerationStatus.MADE, made=len(jpegs)
    )
    assert during == [len(RECIPES)]
    assert {one.recipe_hash for one in variants_of(database, source_id)} == {
        newer(recipe).hash for recipe in RECIPES
    }
    old = variants_of(database, source_id, VariantState.SUPERSEDED)
    assert [one.format for one in old] == ["jpg"] * len(jpegs)
    assert {one.superseded_at for one in old} == {clock.now}


def test_old_variants_stay_ready_when_their_successors_fail(
    database: Database, make_service: MakeService, stub_reader: StubReader, source_id: int
) -> None:
    make_service().ensure_variants(source_id)
    stub_reader.error = SourceError(FetchCode.TIMEOUT)
    upgraded = make_service(recipes=[newer(recipe) for recipe in RECIPES])
    assert upgraded.ensure_variants(source_id).status is GenerationStatus.FAILED
    assert len(variants_of(database, source_id)) == len(RECIPES)


def test_changed_content_gets_new_keys_and_returning_content_its_old_ones(
    database: Database, make_service: MakeService, stub_reader: StubReader, source_id: int
) -> None:
    first_half = make_service(recipes=RECIPES[:4])
    whole = make_service()
    first_half.ensure_variants(source_id)
    old = {one.key for one in variants_of(database, source_id)}
    stub_reader.pictures["drawn:dune"] = picture("#2040a0")
    assert whole.ensure_variants(source_id) == GenerationResult(
        GenerationStatus.MADE, made=len(RECIPES)
    )
    assert old.isdisjoint({one.key for one in variants_of(database, source_id)})
    assert {one.key for one in variants_of(database, source_id, VariantState.SUPERSEDED)} == old

    stub_reader.pictures["drawn:dune"] = picture()
    with database.write() as session:
        session.execute(update(PosterVariant).values(state=VariantState.SUPERSEDED))
    assert whole.ensure_variants(source_id) == GenerationResult(
        GenerationStatus.MADE, made=len(RECIPES)
    )
    assert old < {one.key for one in variants_of(database, source_id)}


def test_lease_is_renewed_between_a_slow_read_and_decoding(
    make_service: MakeService,
    database: Database,
    stub_reader: StubReader,
    clock: Clock,
    source_id: int,
) -> None:
    others: list[GenerationResult] = []

    def make_slowly(
        data: bytes, recipes: Sequence[Recipe], limits: Limits, _waiting: object
    ) -> VariantSet:
        clock.advance(seconds=30)
        another = make_service(leases=SourceLeases(database, clock, LEASE))
        others.append(another.ensure_variants(source_id))
        return make_variants(data, recipes, limits)

    stub_reader.before_read = lambda: clock.advance(seconds=50)
    assert (
        make_service(maker=make_slowly).ensure_variants(source_id).status is GenerationStatus.MADE
    )
    assert others == [GenerationResult(GenerationStatus.BUSY)]


def test_preview_does_not_wait_long_for_another_process(
    make_service: MakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds a thread of the server."""
    limits = ResourceLimits(wall_seconds=60, niceness=0)
    workshop = DecoderPool(1, 200 * MEBIBYTE, limits, alone_bytes=0)
    service = make_service(maker=workshop.make)
    with closing(workshop):
        with monkeypatch.context() as patch:
            patch.setattr(service_module, "PREVIEW_WAIT_SECONDS", 0.5)
            with machine_lock(), pytest.raises(ImageRejected) as rejection:
                service.preview(picture())
        assert rejection.value.code == RejectCode.DECODE_TIMEOUT
        assert len(service.preview(picture()).variants) == len(RECIPES)


def test_wait_for_other_processes_is_not_a_failure_of_the_source(
    make_service: MakeService,
    database: Database,
    clock: Clock,
    source_id: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is retried in a minute or two, also if it has waited before."""
    limits = ResourceLimits(wall_seconds=60, niceness=0)
    workshop = DecoderPool(1, 200 * MEBIBYTE, limits, alone_bytes=0)
    service = make_service(maker=workshop.make)
    with closing(workshop):
        with monkeypatch.context() as patch, machine_lock():
            patch.setattr(import_module(machine_lock.__module__), "_MOST_WAITS", 1)
            for _ in range(2):
                result = service.ensure_variants(source_id)
                assert result == GenerationResult(GenerationStatus.FAILED, "decode_timeout")
                with database.read() as session:
                    source = session.get_one(PosterSource, source_id)
                assert source.attempts == 0
                assert source.next_attempt_at is not None
                assert source.next_attempt_at - clock() <= timedelta(minutes=2)
                clock.advance(seconds=120)
        assert service.ensure_variants(source_id).status is GenerationStatus.MADE


@pytest.mark.parametrize("status", [GenerationStatus.MADE, GenerationStatus.LOST])
def test_lease_is_renewed_while_an_image_waits_for_a_decoder(
    make_service: MakeService,
    database: Database,
    clock: Clock,
    source_id: int,
    status: GenerationStatus,
) -> None:
    """The only child process is stopped during another image for much longer than the lease."""
    workshop = DecoderPool(1, 200 * MEBIBYTE, ResourceLimits(wall_seconds=60, niceness=0))
    workshop.probe(picture())
    (child,) = pids(workshop)
    os.kill(child, signal.SIGSTOP)
    with closing(workshop), ThreadPoolExecutor(2) as threads:
        before = threads.submit(workshop.probe, picture())
        wait_until(lambda: is_full(workshop))
        waiting = threads.submit(make_service(maker=workshop.make).ensure_variants, source_id)
        for _ in range(2):
            wait_until(lambda: bool(lease_left(database, clock, source_id) > LEASE * 2 / 3))
            clock.advance(seconds=50)
        if status is GenerationStatus.LOST:
            with database.write() as session:
                session.execute(update(PosterSource).values(lease_token="another's"))
            clock.advance(seconds=50)
            wait_until(waiting.done)
        os.kill(child, signal.SIGCONT)
        assert waiting.result(PATIENCE).status is status
        assert before.result(PATIENCE).format == "jpeg"


def lease_left(database: Database, clock: Clock, source_id: int) -> timedelta:
    until = source_of(database, source_id).lease_until
    return until - clock() if until else timedelta()


def test_source_replaced_while_reading_can_be_made_at_once(
    database: Database, service: PosterService, stub_reader: StubReader, source_id: int
) -> None:
    def replace_it(state: SourceState) -> None:
        stub_reader.before_read = lambda: None
        with database.write() as session:
            source = session.get_one(PosterSource, source_id)
            source.url, source.state = f"drawn:{state}", state

    for state in (SourceState.PENDING, SourceState.GENERATING):
        stub_reader.pictures[f"drawn:{state}"] = picture()
        stub_reader.before_read = partial(replace_it, state)
        with database.write() as session:
            session.execute(
                update(PosterSource).values(regenerate_requested=True, state=SourceState.PENDING)
            )
        assert service.ensure_variants(source_id) == GenerationResult(GenerationStatus.LOST)
        source = source_of(database, source_id)
        assert (source.state, source.lease_until) == (SourceState.PENDING, None)
        assert service.ensure_variants(source_id).status is GenerationStatus.MADE


def test_unreachable_database_is_a_result_not_an_exception(
    disk: DiskStorage, clock: Clock, database_away: Database
) -> None:
    leases = SourceLeases(database_away, clock, LEASE)
    service = PosterService(database_away, disk, {}, leases, clock)
    assert service.ensure_variants(1) == GenerationResult(
        GenerationStatus.FAILED, "database_unavailable"
    )


def test_moved_focal_point_changes_the_key_of_the_crop_only(
    database: Database,
    disk: DiskStorage,
    leases: SourceLeases,
    clock: Clock,
    stub_reader: StubReader,
    movie_id: int,
) -> None:
    stub_reader.pictures["drawn:dune"] = encoded(quarters(200, 400), quality=95)
    service = PosterService(database, disk, {SourceKind.DRAWN: stub_reader}, leases, clock)
    source_id = add_source(database, movie_id)
    service.ensure_variants(source_id)
    before = {(row.name, row.format): row.key for row in variants_of(database, source_id)}
    with database.write() as session:
        source = session.get_one(PosterSource, source_id)
        source.focal_y, source.state, source.regenerate_requested = 0.0, SourceState.PENDING, True
    assert service.ensure_variants(source_id).status is GenerationStatus.MADE
    rows = variants_of(database, source_id)
    after = {(row.name, row.format): row.key for row in rows if row.state is VariantState.READY}
    assert {name for name in before if before[name] != after[name]} == {("square", "jpg")}
    top = Image.open(BytesIO(disk.get(str(after["square", "jpg"])))).convert("RGB")
    red, green, _ = top.getpixel((top.width // 4, top.height - 9))  # type: ignore[misc]
    assert red > 200 > green, "the lower half is out of sight"
    (old,) = variants_of(database, source_id, VariantState.SUPERSEDED)
    assert (old.key, old.superseded_at) == (before["square", "jpg"], clock.now)
    assert disk.head(str(old.key)), "cached pages may link it"

    with database.write() as session:
        source = session.get_one(PosterSource, source_id)
        source.focal_y, source.state, source.regenerate_requested = 0.5, SourceState.PENDING, True
    assert service.ensure_variants(source_id).status is GenerationStatus.MADE
    rows = variants_of(database, source_id)
    assert {(row.name, row.format): row.key for row in rows} == before
    (old,) = variants_of(database, source_id, VariantState.SUPERSEDED)
    assert old.key == after["square", "jpg"]


def test_old_objects_of_a_renamed_movie_are_superseded(
    database: Database, service: PosterService, clock: Clock, source_id: int, movie_id: int
) -> None:
    service.ensure_variants(source_id)
    before = {row.key for row in variants_of(database, source_id)}
    clock.advance(days=1)
    with database.write() as session:
        session.get_one(Movie, movie_id).slug = "dune-part-one"
        source = session.get_one(PosterSource, source_id)
        source.state, source.regenerate_requested = SourceState.PENDING, True
    assert service.ensure_variants(source_id) == GenerationResult(
        GenerationStatus.MADE, made=len(RECIPES)
    )
    after = {str(row.key) for row in variants_of(database, source_id)}
    assert {key.split("/")[1] for key in after} == {"7-dune-part-one"}
    retired = variants_of(database, source_id, VariantState.SUPERSEDED)
    assert {row.key for row in retired} == before
    assert {row.superseded_at for row in retired} == {clock.now}
