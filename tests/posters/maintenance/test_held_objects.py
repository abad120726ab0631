"""Objects of deleted posters: kept while the poster can come back, then removed."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from moziweb.db import Database
from moziweb.manager.audit.log import COMMAND
from moziweb.manager.bin.deletion import Deleter
from moziweb.manager.bin.expiry import ExpiredItems
from moziweb.manager.bin.models import BinKind
from moziweb.manager.bin.restoring import BIN_RETENTION, latest_item, restore
from moziweb.movies.models import Movie
from moziweb.posters.generation.leases import SourceLeases
from moziweb.posters.generation.readers import UploadReader
from moziweb.posters.generation.result import GenerationStatus
from moziweb.posters.generation.service import PosterService
from moziweb.posters.maintenance.held_objects import ReleasedObjects
from moziweb.posters.maintenance.reconciliation import Reconciler, Survey
from moziweb.posters.models import HeldObject, PosterSource, SourceKind
from moziweb.posters.recipes import RECIPES
from moziweb.storage import Storage
from tests.factories import add_upload
from tests.posters.conftest import DEPLOYMENTS, Clock, picture


@pytest.fixture
def service(
    database: Database, storage: Storage, leases: SourceLeases, clock: Clock
) -> PosterService:
    """A service that makes uploads and stores everything in ``storage``."""
    readers = {SourceKind.UPLOAD: UploadReader(storage)}
    return PosterService(database, storage, readers, leases, clock)


def made_upload(database: Database, storage: Storage, service: PosterService) -> tuple[int, int]:
    """A movie with an uploaded poster and all its variants: the ids of both."""
    with database.write() as session:
        movie = Movie(title="Törlendő", original_title="x", slug="torlendo")
        session.add(movie)
        session.flush()
        source = add_upload(session, storage, movie, picture())
        ids = movie.id, source.id
    assert service.ensure_variants(ids[1]).status is GenerationStatus.MADE
    return ids


def keys(storage: Storage) -> set[str]:
    return {stored.key for prefix in ("poster/", "upload/") for stored in storage.list(prefix)}


@DEPLOYMENTS
def test_objects_stay_for_thirty_days_and_go_afterwards(
    database: Database, storage: Storage, service: PosterService, clock: Clock
) -> None:
    movie_id, source_id = made_upload(database, storage, service)
    stored = keys(storage)
    assert len(stored) == len(RECIPES) + 1
    with database.write() as session:
        Deleter(session, COMMAND, clock()).delete(BinKind.MOVIE, movie_id)

    # As long as the movie can come back, nothing finds its objects superfluous.
    clock.advance(days=29)
    later = lambda: clock() + timedelta(days=3650)  # noqa: E731 - storage has the real time
    found = Reconciler(database, storage, later).findings(Survey())
    assert [each for each in found if each.is_orphan] == []
    assert list(ExpiredItems(database, clock).run()) == []
    released = ReleasedObjects(database, storage, later)
    assert (released.count(), list(released.run())) == (0, [])
    with database.write() as session:
        item = latest_item(session, BinKind.MOVIE, movie_id)
        assert item
        restore(session, item, COMMAND, clock())
    assert service.ensure_variants(source_id).status is GenerationStatus.COMPLETE

    with database.write() as session:
        Deleter(session, COMMAND, clock()).delete(BinKind.MOVIE, movie_id)
    clock.advance(days=BIN_RETENTION.days)
    assert len(list(ExpiredItems(database, clock).run())) == 1
    assert released.count() == len(stored)
    assert {key for key, is_removed in released.run() if is_removed} == stored
    assert keys(storage) == set()
    assert released.count() == 0


@DEPLOYMENTS
def test_an_object_that_another_source_has_stays(
    database: Database, storage: Storage, service: PosterService, clock: Clock
) -> None:
    movie_id, source_id = made_upload(database, storage, service)
    with database.write() as session:
        original = session.get_one(PosterSource, source_id).key
        other = Movie(title="Másik", original_title="x", slug="masik")
        session.add(other)
        session.flush()
        add_upload(session, storage, other, picture())
        Deleter(session, COMMAND, clock()).delete(BinKind.MOVIE, movie_id)
    clock.advance(days=BIN_RETENTION.days)
    list(ExpiredItems(database, clock).run())
    far = lambda: clock() + timedelta(days=3650)  # noqa: E731
    removed = {
        key for key, is_removed in ReleasedObjects(database, storage, far).run() if is_removed
    }
    assert len(removed) == len(RECIPES)
    assert keys(storage) == {original}
    with database.read() as session:
        assert session.scalars(select(HeldObject)).all() == []


@DEPLOYMENTS
def test_a_deleted_poster_that_was_uploaded_again_keeps_its_objects(
    database: Database, storage: Storage, service: PosterService, clock: Clock
) -> None:
    """The same file has the same keys, so the new source uses the objects of the deleted one."""
    movie_id, source_id = made_upload(database, storage, service)
    with database.write() as session:
        Deleter(session, COMMAND, clock()).delete(BinKind.POSTER, source_id)
    with database.write() as session:
        again = add_upload(session, storage, session.get_one(Movie, movie_id), picture()).id
    assert service.ensure_variants(again).status is GenerationStatus.MADE
    stored = keys(storage)
    clock.advance(days=BIN_RETENTION.days)
    list(ExpiredItems(database, clock).run())
    released = ReleasedObjects(database, storage, lambda: clock() + timedelta(days=3650))
    assert not any(is_removed for _key, is_removed in released.run())
    assert keys(storage) == stored


@DEPLOYMENTS
def test_a_source_that_is_deleted_while_its_variants_are_made_publishes_none(
    database: Database, storage: Storage, service: PosterService, clock: Clock
) -> None:
    with database.write() as session:
        movie = Movie(title="Törlendő", original_title="x", slug="torlendo")
        session.add(movie)
        session.flush()
        movie_id, source = movie.id, add_upload(session, storage, movie, picture()).id
    put = type(storage).put
    deleted: list[int] = []

    def put_and_delete(self: Storage, key: str, *args: object, **options: object) -> object:
        if key.startswith("poster/") and not deleted:
            deleted.append(movie_id)
            with database.write() as session:
                Deleter(session, COMMAND, clock()).delete(BinKind.MOVIE, movie_id)
        return put(self, key, *args, **options)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(storage), "put", put_and_delete)
        result = service.ensure_variants(source)
    assert deleted
    assert result.made == 0
    with database.read() as session:
        assert session.scalars(select(PosterSource.id)).all() == []
    with database.write() as session:
        item = latest_item(session, BinKind.MOVIE, movie_id)
        assert item
        restore(session, item, COMMAND, clock())
    assert service.ensure_variants(source).status is GenerationStatus.MADE
