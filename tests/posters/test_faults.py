"""Faults between acquiring the lease and publishing: nothing is lost, no wrong object is linked.

PostgreSQL and S3 are real servers that are frozen, killed, or refuse requests. Every test ends with
``assert_complete``: all ready variants have their objects.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from moziweb.db import Database, create_engine, migrations
from moziweb.movies.models import Movie
from moziweb.posters.generation.leases import SourceLeases
from moziweb.posters.generation.publication import CACHE_CONTROL
from moziweb.posters.generation.result import GenerationResult, GenerationStatus
from moziweb.posters.generation.service import PosterService
from moziweb.posters.maintenance.garbage_collection import SupersededVariants
from moziweb.posters.models import (
    PosterSource,
    PosterVariant,
    SourceKind,
    SourceState,
    VariantState,
)
from moziweb.posters.recipes import RECIPES
from moziweb.storage import Storage, StorageUnavailable, StoredObject
from moziweb.storage.s3 import S3Storage
from tests.factories import add_upload
from tests.posters.generation.test_service import Tripwire, variants_of
from tests.services import process as processes
from tests.services.postgres import PostgresServer
from tests.services.s3 import ROOT, S3Bucket, S3Server
from tests.storage.conftest import s3_settings

from .conftest import LEASE, Clock, StubReader, add_source, picture, source_of
from .gateway import BUSY, FULL, Gateway, Refusal

PATIENCE = 60.0
COUNT = len(RECIPES)


@pytest.fixture
def database(postgres_url: str) -> Iterator[Database]:
    engine = create_engine({"sqlalchemy.url": postgres_url, "sqlalchemy.pool_size": 8})
    yield Database(engine)
    engine.dispose()


@pytest.fixture
def storage(s3_bucket: S3Bucket) -> Iterator[Storage]:
    """With a long timeout: a test that freezes the server sets its own."""
    with closing(S3Storage(s3_settings(s3_bucket, read_timeout=PATIENCE))) as storage:
        yield storage


@pytest.fixture
def another(
    database: Database, storage: Storage, clock: Clock, stub_reader: StubReader
) -> Callable[..., PosterService]:
    """Services of other processes: each has its own `SourceLeases`."""

    def make(given: object = storage, *, resend: bool = True) -> PosterService:
        leases = SourceLeases(database, clock, LEASE, jitter=lambda: 0.5)
        readers = {SourceKind.DRAWN: stub_reader}
        return PosterService(database, given, readers, leases, clock, resend=resend)  # type: ignore[arg-type]

    return make


def assert_complete(database: Database, storage: Storage, source_id: int) -> None:
    """Every variant is ready, its object is complete, and the source has no lease."""
    source = source_of(database, source_id)
    assert (source.state, source.lease_token) == (SourceState.READY, None)
    ready = variants_of(database, source_id)
    assert len(ready) == COUNT
    for variant in ready:
        assert variant.source_sha256 == source.sha256
        assert len(storage.get(str(variant.key))) == variant.bytes


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def in_thread(work: Callable[[], GenerationResult]) -> Iterator[list[GenerationResult]]:
    """Run ``work`` in a thread during a block; its result is in the list after the block."""
    results: list[GenerationResult] = []
    thread = threading.Thread(target=lambda: results.append(work()))
    thread.start()
    yield results
    thread.join(PATIENCE)
    assert not thread.is_alive()


def is_generating(database: Database, source_id: int) -> Callable[[], bool]:
    return lambda: source_of(database, source_id).state is SourceState.GENERATING


INI = """\
[app:main]
use = egg:moziweb
site.base_url = http://127.0.0.1:6543
sqlalchemy.url = {url}
storage.backend = s3
storage.s3.bucket = {bucket}
storage.s3.endpoint_url = {endpoint}
storage.s3.access_key_id = {key}
storage.s3.secret_access_key = {secret}
storage.s3.addressing_style = path
posters.background = off
"""


def test_process_killed_between_upload_and_publication(
    database: Database, storage: Storage, s3_bucket: S3Bucket, postgres_url: str, tmp_path: Path
) -> None:
    """A real process, with SIGKILL. A row lock of the test keeps it from publishing."""
    given = {"url": postgres_url, "bucket": s3_bucket.name, "endpoint": s3_bucket.endpoint_url}
    secrets = {"key": ROOT.access_key_id, "secret": ROOT.secret_access_key}
    (tmp_path / "site.ini").write_text(INI.format(**given, **secrets))
    with database.write() as session:
        session.add(movie := Movie(id=7, title="a", original_title="a", slug="a"))
        session.flush()
        source_id = add_upload(session, storage, movie, picture()).id
    command = ["moziweb.cli", "-c", str(tmp_path / "site.ini"), "posters", "generate"]
    with running_until_uploaded(database, storage, source_id, command) as process:
        process.kill()
        process.wait()
    assert len(list(storage.list("poster/"))) == COUNT
    assert variants_of(database, source_id) == []
    assert source_of(database, source_id).state is SourceState.GENERATING
    with database.write() as session:
        expired = source_of(database, source_id).lease_until
        assert expired is not None
        session.execute(update(PosterSource).values(lease_until=expired - timedelta(hours=1)))
    ended = run(command)
    assert ended.returncode == 0, ended.stderr
    assert_complete(database, storage, source_id)
    assert len(list(storage.list("poster/"))) == COUNT


@contextmanager
def running_until_uploaded(
    database: Database, storage: Storage, source_id: int, command: list[str]
) -> Iterator["subprocess.Popen[str]"]:
    """The command at the moment when everything is uploaded and nothing is published."""
    with start(command) as process:
        wait_for(is_generating(database, source_id))
        with Session(database.engine) as lock:
            locked = select(PosterSource).where(PosterSource.id == source_id).with_for_update()
            lock.execute(locked)
            wait_for(lambda: len(list(storage.list("poster/"))) == COUNT)
            yield process


def start(command: list[str]) -> AbstractContextManager["subprocess.Popen[str]"]:
    return processes.child(
        [sys.executable, "-m", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )


def run(command: list[str]) -> "subprocess.CompletedProcess[str]":
    environ = {**os.environ, "PYTHONWARNINGS": "ignore"}
    return processes.run([sys.executable, "-m", *command], env=environ)


def test_lease_expires_during_the_upload(
    database: Database,
    storage: Storage,
    s3_server: S3Server,
    clock: Clock,
    source_id: int,
    another: Callable[..., PosterService],
) -> None:
    """Two workers upload the same keys; the one that holds the lease publishes."""
    storage.check()  # connected before it is frozen
    uploading = threading.Event()
    slow_storage = Tripwire(storage, lambda _puts: uploading.set())
    with (
        s3_server.paused(),
        in_thread(lambda: another(slow_storage).ensure_variants(source_id)) as slow,
    ):
        assert uploading.wait(PATIENCE)
        first = source_of(database, source_id).lease_token
        clock.advance(seconds=61)
        with in_thread(lambda: another().ensure_variants(source_id)) as quick:
            wait_for(lambda: source_of(database, source_id).lease_token != first)
            s3_server.resume()
    assert slow == [GenerationResult(GenerationStatus.LOST)]
    assert quick == [GenerationResult(GenerationStatus.MADE, made=COUNT)]
    assert_complete(database, storage, source_id)


def test_lease_is_renewed_during_a_slow_upload(
    database: Database, storage: Storage, clock: Clock, source_id: int,
    another: Callable[..., PosterService],
) -> None:  # fmt: skip
    others: list[GenerationResult] = []

    def put_slowly(_puts: int) -> None:
        clock.advance(seconds=50)
        others.append(another().ensure_variants(source_id))

    slow = Tripwire(storage, put_slowly)
    assert another(slow).ensure_variants(source_id).status is GenerationStatus.MADE
    assert {result.status for result in others} == {GenerationStatus.BUSY}
    assert_complete(database, storage, source_id)


def test_source_replaced_during_generation_is_not_published(
    database: Database,
    storage: Storage,
    s3_server: S3Server,
    stub_reader: StubReader,
    source_id: int,
    another: Callable[..., PosterService],
) -> None:
    stub_reader.pictures["drawn:new"] = picture("#2040a0")
    storage.check()
    with in_thread(lambda: another().ensure_variants(source_id)) as results, s3_server.paused():
        wait_for(is_generating(database, source_id))
        with database.write() as session:
            source = session.get_one(PosterSource, source_id)
            source.url, source.state = "drawn:new", SourceState.PENDING
    assert results == [GenerationResult(GenerationStatus.LOST)]
    assert variants_of(database, source_id) == []
    assert another().ensure_variants(source_id).status is GenerationStatus.MADE
    assert_complete(database, storage, source_id)
    assert source_of(database, source_id).url == "drawn:new"


def test_bucket_that_refuses_acls_is_a_misconfigured_storage(
    database: Database,
    storage: Storage,
    s3_bucket_refusing_acls: S3Bucket,
    clock: Clock,
    source_id: int,
    another: Callable[..., PosterService],
) -> None:
    with closing(S3Storage(s3_settings(s3_bucket_refusing_acls))) as refusing:
        result = another(refusing).ensure_variants(source_id)
        assert result == GenerationResult(GenerationStatus.FAILED, "storage_misconfigured")
        assert list(refusing.list()) == []
    assert source_of(database, source_id).state is SourceState.RETRY_WAIT
    clock.advance(minutes=2)
    assert another().ensure_variants(source_id).status is GenerationStatus.MADE
    assert_complete(database, storage, source_id)


def test_storage_timeout_is_retried(
    database: Database,
    storage: Storage,
    s3_server: S3Server,
    s3_bucket: S3Bucket,
    clock: Clock,
    source_id: int,
    another: Callable[..., PosterService],
) -> None:
    with closing(S3Storage(s3_settings(s3_bucket, read_timeout=0.5))) as short_timeout:
        short_timeout.check()
        with s3_server.paused():
            result = another(short_timeout).ensure_variants(source_id)
    assert result == GenerationResult(GenerationStatus.FAILED, "storage_unavailable")
    clock.advance(minutes=2)
    assert another().ensure_variants(source_id).status is GenerationStatus.MADE
    assert_complete(database, storage, source_id)


@pytest.mark.parametrize("refusal", [BUSY, FULL], ids=["503", "full"])
def test_storage_that_refuses_half_of_the_uploads_is_retried(
    database: Database,
    storage: Storage,
    s3_bucket: S3Bucket,
    clock: Clock,
    source_id: int,
    another: Callable[..., PosterService],
    refusal: Refusal,
) -> None:
    with Gateway(s3_bucket.endpoint_url) as gateway:
        gateway.refuse = lambda puts: refusal if puts >= 4 else None
        settings = s3_settings(s3_bucket, endpoint_url=gateway.endpoint_url)
        with closing(S3Storage(settings)) as through:
            result = another(through).ensure_variants(source_id)
            assert result == GenerationResult(GenerationStatus.FAILED, "storage_unavailable")
            assert len(list(storage.list("poster/"))) == 4
            assert variants_of(database, source_id) == []
            assert source_of(database, source_id).state is SourceState.RETRY_WAIT
            clock.advance(minutes=2)
            gateway.refuse = lambda _: None
            assert another(through).ensure_variants(source_id).status is GenerationStatus.MADE
    assert_complete(database, storage, source_id)
    assert len(list(storage.list("poster/"))) == COUNT


def test_existing_object_is_sent_again_only_if_it_differs(
    database: Database,
    s3_bucket: S3Bucket,
    source_id: int,
    another: Callable[..., PosterService],
) -> None:
    """With ``storage.s3.conditional_put``; all objects exist, as a killed worker leaves them."""
    with closing(S3Storage(s3_settings(s3_bucket, conditional_put=True))) as storage:
        another(storage).ensure_variants(source_id)
        right, other, short, page = (str(one.key) for one in variants_of(database, source_id)[:4])
        whole = {key: storage.get(key) for key in (right, other, page)}
        headers: Any = {"content_type": "image/jpeg", "cache_control": CACHE_CONTROL}
        storage.put(other, whole[other][:-1] + b"?", **{**headers, "content_type": "image/webp"})
        storage.put(short, b"x", **headers)
        storage.put(page, whole[page], **{**headers, "content_type": "text/html"})
        request_regeneration(database)
        writes: list[tuple[str, bool]] = []

        class RecordingStorage:
            def put(self, key: str, body: bytes, **options: Any) -> StoredObject:
                writes.append((key, options.get("if_absent", False)))
                return storage.put(key, body, **options)

        assert another(RecordingStorage(), resend=False).ensure_variants(source_id).made == COUNT
        assert [key for key, if_absent in writes if not if_absent] == [other, short, page]
        assert sum(if_absent for _, if_absent in writes) == COUNT
        assert_complete(database, storage, source_id)
        assert whole == {key: storage.get(key) for key in whole}
        stored = storage.head(page)
        assert stored is not None
        assert stored.content_type != "text/html"


def test_single_refusal_is_retried_at_once(
    database: Database,
    storage: Storage,
    s3_bucket: S3Bucket,
    source_id: int,
    another: Callable[..., PosterService],
) -> None:
    with Gateway(s3_bucket.endpoint_url) as gateway:
        gateway.refuse = lambda puts: BUSY if puts == 3 else None
        settings = s3_settings(s3_bucket, endpoint_url=gateway.endpoint_url, tries=3)
        with closing(S3Storage(settings)) as through:
            assert another(through).ensure_variants(source_id).status is GenerationStatus.MADE
    assert len(gateway.puts) == COUNT + 1
    assert_complete(database, storage, source_id)


def test_database_down_at_publication(
    storage: Storage, clock: Clock, stub_reader: StubReader
) -> None:
    with PostgresServer() as server:
        engine = create_engine(
            {"sqlalchemy.url": server.url(server.create()), "sqlalchemy.pool_size": 4}
        )
        migrations.upgrade(engine)
        database = Database(engine)
        with database.write() as session:
            session.add(Movie(id=7, title="a", original_title="a", slug="dune"))
        source_id = add_source(database, 7)

        def kill_at_the_last(puts: int) -> None:
            if puts == COUNT - 1:
                server.kill()

        leases = SourceLeases(database, clock, LEASE)
        tripwire = Tripwire(storage, kill_at_the_last)
        readers = {SourceKind.DRAWN: stub_reader}
        service = PosterService(database, tripwire, readers, leases, clock)  # type: ignore[arg-type]
        assert service.ensure_variants(source_id) == GenerationResult(
            GenerationStatus.FAILED, "database_unavailable"
        )
        assert service.ensure_variants(source_id) == GenerationResult(
            GenerationStatus.FAILED, "database_unavailable"
        )
        server.start()
        assert service.ensure_variants(source_id) == GenerationResult(GenerationStatus.BUSY)
        assert variants_of(database, source_id) == []
        clock.advance(seconds=61)
        tripwire.before_put = lambda _: None
        assert service.ensure_variants(source_id).status is GenerationStatus.MADE
        assert_complete(database, storage, source_id)
        engine.dispose()


@pytest.fixture
def old_and_new(
    database: Database,
    stub_reader: StubReader,
    clock: Clock,
    source_id: int,
    another: Callable[..., PosterService],
) -> set[str]:
    """The variant keys of an image that was replaced a month ago and returns now."""
    another().ensure_variants(source_id)
    keys = {str(one.key) for one in variants_of(database, source_id)}
    stub_reader.pictures["drawn:dune"] = picture("#2040a0")
    request_regeneration(database)
    another().ensure_variants(source_id)
    stub_reader.pictures["drawn:dune"] = picture()
    request_regeneration(database)
    clock.advance(days=31)
    return keys


def request_regeneration(database: Database) -> None:
    with database.write() as session:
        session.execute(
            update(PosterSource).values(state=SourceState.PENDING, regenerate_requested=True)
        )


def test_gc_skips_a_source_that_is_being_made(
    database: Database,
    storage: Storage,
    s3_server: S3Server,
    clock: Clock,
    source_id: int,
    another: Callable[..., PosterService],
    old_and_new: set[str],
) -> None:
    with in_thread(lambda: another().ensure_variants(source_id)) as results, s3_server.paused():
        wait_for(is_generating(database, source_id))
        (removed,) = SupersededVariants(database, storage, clock).run()
        assert (removed.busy, removed.objects) == (True, 0)
    assert results[0].status is GenerationStatus.MADE
    assert {str(one.key) for one in variants_of(database, source_id)} == old_and_new
    assert_complete(database, storage, source_id)


def test_nothing_is_made_during_a_removal(
    database: Database,
    storage: Storage,
    s3_server: S3Server,
    clock: Clock,
    source_id: int,
    another: Callable[..., PosterService],
    old_and_new: set[str],
) -> None:
    def collect() -> GenerationResult:
        (removed,) = SupersededVariants(database, storage, clock).run()
        return GenerationResult(GenerationStatus.COMPLETE, made=removed.objects)

    with in_thread(collect) as results, s3_server.paused():
        wait_for(lambda: source_of(database, source_id).lease_token is not None)
        assert another().ensure_variants(source_id) == GenerationResult(GenerationStatus.BUSY)
    assert results[0].made == COUNT
    assert old_and_new.isdisjoint(stored.key for stored in storage.list())
    assert another().ensure_variants(source_id).status is GenerationStatus.MADE
    assert_complete(database, storage, source_id)


@pytest.mark.parametrize("refused", [False, True], ids=["removed", "half removed"])
def test_gc_whose_lock_expired_regenerates_what_it_removed(
    refused: bool,
    database: Database,
    storage: Storage,
    clock: Clock,
    source_id: int,
    another: Callable[..., PosterService],
    old_and_new: set[str],
) -> None:
    """The lock expires, the image returns under the same keys, and then its objects are removed."""

    class Frozen:
        bucket = storage.bucket

        def delete(self, keys: list[str]) -> None:
            clock.advance(minutes=6)
            assert another().ensure_variants(source_id).status is GenerationStatus.MADE
            storage.delete(keys)
            if refused:
                raise StorageUnavailable("the last of several requests")

    with suppress(StorageUnavailable):
        list(SupersededVariants(database, Frozen(), clock).run())  # type: ignore[arg-type]
    with database.read() as session:
        linked = select(PosterVariant.key).where(PosterVariant.state == VariantState.READY)
        assert old_and_new.isdisjoint(session.scalars(linked))
    assert source_of(database, source_id).state is SourceState.PENDING, "for the background"
    assert another().ensure_variants(source_id).status is GenerationStatus.MADE
    assert_complete(database, storage, source_id)
