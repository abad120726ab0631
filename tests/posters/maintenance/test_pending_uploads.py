"""Previewed images: fetched once, and removed if they are not saved."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import cast

import pytest
from sqlalchemy import select, update

from moziweb.clock import utc_now
from moziweb.db import Database
from moziweb.movies.models import Movie
from moziweb.posters.fetching.fetcher import Fetcher, FetchPolicy
from moziweb.posters.fetching.url_policy import AllowedNetwork
from moziweb.posters.generation.leases import SourceLeases
from moziweb.posters.generation.readers import UrlReader
from moziweb.posters.generation.result import GenerationResult, GenerationStatus
from moziweb.posters.generation.service import PosterService
from moziweb.posters.generation.upload_store import (
    StoredUpload,
    add_url,
    record_upload,
    store_upload,
)
from moziweb.posters.maintenance.pending_uploads import UPLOAD_RETENTION, ExpiredUploads
from moziweb.posters.maintenance.reconciliation import Reconciler, Survey
from moziweb.posters.models import PendingUpload, PosterSource, SourceKind
from moziweb.posters.recipes import RECIPES
from moziweb.storage import Storage
from moziweb.storage.disk import DiskStorage
from tests.posters.conftest import Clock, picture, source_of
from tests.posters.hostile_host import LOOPBACK, HostileHost, answer

SEEN, NEWER = picture("#a03020"), picture("#2040a0")


@pytest.fixture
def host() -> Iterator[HostileHost]:
    with HostileHost() as running:
        yield running


@pytest.fixture
def policy(host: HostileHost) -> FetchPolicy:
    return FetchPolicy(allow_addresses=(AllowedNetwork(ip_network(f"{LOOPBACK}/32"), host.port),))


@pytest.fixture
def service(
    database: Database, disk: DiskStorage, leases: SourceLeases, clock: Clock, policy: FetchPolicy
) -> PosterService:
    reader = UrlReader(Fetcher(policy), disk)
    return PosterService(database, disk, {SourceKind.URL: reader}, leases, clock)


def saved(
    database: Database, movie_id: int, url: str, seen: StoredUpload, policy: FetchPolicy
) -> int:
    """A source of a URL whose image was previewed."""
    with database.write() as session:
        movie = session.get_one(Movie, movie_id)
        return add_url(session, movie, url, key=seen.key, policy=policy).id


def pending_upload(database: Database, disk: DiskStorage, data: bytes) -> StoredUpload:
    """A pending upload of now."""
    upload = store_upload(disk, data)
    with database.write() as session:
        session.merge(PendingUpload(key=upload.key, at=utc_now()))
    return upload


def after(**time: float) -> Callable[[], datetime]:
    """A clock that is ahead of the objects' times."""
    moment = utc_now() + timedelta(**time)
    return lambda: moment


def test_previewed_image_is_made_without_a_request_to_its_host(
    database: Database,
    disk: DiskStorage,
    service: PosterService,
    host: HostileHost,
    policy: FetchPolicy,
    movie_id: int,
) -> None:
    url = host.on("/poster.jpg", answer(NEWER))
    seen = pending_upload(database, disk, SEEN)
    source_id = saved(database, movie_id, url, seen, policy)
    assert service.ensure_variants(source_id) == GenerationResult(
        GenerationStatus.MADE, made=len(RECIPES)
    )
    assert host.paths == []
    made = source_of(database, source_id)
    assert (made.sha256, made.key) == (seen.sha256, None)

    with database.write() as session:  # a regeneration fetches it
        session.execute(update(PosterSource).values(regenerate_requested=True, state="pending"))
    assert service.ensure_variants(source_id).status is GenerationStatus.MADE
    assert host.paths == ["/poster.jpg"]
    assert source_of(database, source_id).sha256 != seen.sha256


def test_previewed_image_that_was_removed_is_fetched(
    database: Database,
    disk: DiskStorage,
    service: PosterService,
    host: HostileHost,
    policy: FetchPolicy,
    movie_id: int,
) -> None:
    url = host.on("/poster.jpg", answer(SEEN))
    seen = pending_upload(database, disk, SEEN)
    source_id = saved(database, movie_id, url, seen, policy)
    disk.delete([seen.key])
    assert service.ensure_variants(source_id).status is GenerationStatus.MADE
    assert host.paths == ["/poster.jpg"]


def test_unsaved_upload_is_removed_after_its_retention(
    database: Database, disk: DiskStorage, movie_id: int
) -> None:
    saved_upload, unsaved_upload = (pending_upload(database, disk, data) for data in (SEEN, NEWER))
    with database.write() as session:
        record_upload(session, movie_id, saved_upload)
    early = ExpiredUploads(database, disk, after(days=7))
    assert (early.count(), list(early.run())) == (0, [])
    assert list(Reconciler(database, disk, after(days=7)).findings(Survey())) == []
    late = ExpiredUploads(database, disk, after(days=UPLOAD_RETENTION.days, minutes=1))
    assert late.count() == 2
    assert sorted(late.run()) == sorted([(saved_upload.key, False), (unsaved_upload.key, True)])
    assert [stored.key for stored in disk.list()] == [saved_upload.key]
    assert (late.count(), list(late.run())) == (0, [])


def test_upload_stored_again_since_is_not_removed(database: Database, disk: DiskStorage) -> None:
    upload = store_upload(disk, SEEN)  # stored now, with an old PendingUpload row
    with database.write() as session:
        session.add(PendingUpload(key=upload.key, at=utc_now() - 2 * UPLOAD_RETENTION))
    forgotten = ExpiredUploads(database, disk, utc_now)
    run = forgotten.run()
    assert next(run) == (upload.key, False)
    assert disk.head(upload.key)

    pending_upload(database, disk, SEEN)
    with database.write() as session:
        session.execute(update(PendingUpload).values(at=utc_now() - 2 * UPLOAD_RETENTION))
    far = ExpiredUploads(database, cast(Storage, AgainMeanwhile(database, disk)), after(days=30))
    assert list(far.run()) == [(upload.key, True)]
    with database.read() as session:
        assert session.scalars(select(PendingUpload.key)).all() == [upload.key]


class AgainMeanwhile:
    """A storage during whose removal the same file is uploaded."""

    def __init__(self, database: Database, disk: DiskStorage) -> None:
        self._database, self._disk = database, disk
        self.head = disk.head

    def delete(self, keys: list[str]) -> None:
        self._disk.delete(keys)
        pending_upload(self._database, self._disk, SEEN)
