"""Uploading variants and publishing their rows."""

from dataclasses import replace
from datetime import timedelta
from hashlib import md5
from typing import Any

import pytest
from sqlalchemy import select

from moziweb.db import Database
from moziweb.posters.generation.leases import SourceLease, SourceLeases
from moziweb.posters.generation.publication import (
    CACHE_CONTROL,
    UploadedVariant,
    publish,
    upload,
)
from moziweb.posters.imaging.values import EncodedImage
from moziweb.posters.models import PosterVariant
from moziweb.posters.recipes import RECIPES, object_key
from moziweb.storage import StoredObject
from tests.posters.conftest import NOON, add_source

OLD, NEW = "1" * 64, "2" * 64
THUMB, OTHER = RECIPES[0], RECIPES[1]
IMAGE = EncodedImage(THUMB, b"an image", 10, 15)
HASHES = frozenset(recipe.hash for recipe in RECIPES)


class RecordingStorage:
    """A storage like S3: an ETag is the MD5, and ``if_absent`` overwrites nothing."""

    def __init__(self) -> None:
        self.objects: dict[str, StoredObject] = {}
        self.puts: list[str] = []

    def put(
        self,
        key: str,
        body: bytes,
        *,
        content_type: str,
        cache_control: str,
        if_absent: bool = False,
    ) -> StoredObject:
        if not if_absent or key not in self.objects:
            etag = md5(body, usedforsecurity=False).hexdigest()
            stored = StoredObject("bucket", key, len(body), etag, content_type, cache_control)
            self.objects[key] = stored
            self.puts.append(key)
        return self.objects[key]


@pytest.fixture
def lease(leases: SourceLeases, source_id: int) -> SourceLease:
    lease = leases.try_acquire(source_id, HASHES)
    assert isinstance(lease, SourceLease)
    return lease


@pytest.fixture
def storage() -> Any:
    return RecordingStorage()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestUpload:
    """Objects in storage."""

    def test_object_has_the_key_of_its_content_and_the_headers(
        self, storage: Any, lease: SourceLease
    ) -> None:
        uploaded = upload(storage, lease, NEW, IMAGE)
        assert uploaded.stored.key == object_key(lease.movie_id, lease.slug, NEW, THUMB)
        assert (uploaded.stored.content_type, uploaded.stored.cache_control) == (
            THUMB.mime,
            CACHE_CONTROL,
        )

    @pytest.mark.parametrize(("resend", "puts"), [(True, 2), (False, 1)])
    def test_identical_object_is_sent_again_only_with_resend(
        self, storage: Any, lease: SourceLease, resend: bool, puts: int
    ) -> None:
        for _ in range(2):
            upload(storage, lease, NEW, IMAGE, resend=resend)
        assert len(storage.puts) == puts

    @pytest.mark.parametrize(
        "damage",
        [{"etag": "0" * 32}, {"size": 1}, {"content_type": "text/html"}, {"cache_control": ""}],
    )
    def test_object_that_differs_is_replaced(
        self, storage: Any, lease: SourceLease, damage: dict[str, Any]
    ) -> None:
        key = upload(storage, lease, NEW, IMAGE).stored.key
        good = storage.objects[key]
        storage.objects[key] = replace(good, **damage)
        assert upload(storage, lease, NEW, IMAGE, resend=False).stored == good
        assert storage.objects[key] == good


def uploaded(recipe: Any = THUMB, key: str = "new", data: bytes = b"an image") -> UploadedVariant:
    image = EncodedImage(recipe, data, 10, 15)
    return UploadedVariant(image, StoredObject("bucket", key, len(data), "etag"))


def write(
    database: Database, source_id: int, sha256: str, *variants: UploadedVariant, hours: int = 0
) -> None:
    with database.write() as session:
        now = NOON + timedelta(hours=hours)
        publish(session, source_id, sha256, variants, HASHES, now)


def states(database: Database, source_id: int) -> dict[str | None, str]:
    """The state of each row, by the key of its object."""
    query = select(PosterVariant).where(PosterVariant.source_id == source_id)
    with database.read() as session:
        return {row.key: row.state.value for row in session.scalars(query)}


def test_new_content_supersedes_the_rows_of_the_old(database: Database, source_id: int) -> None:
    write(database, source_id, OLD, uploaded(key="a"), uploaded(OTHER, key="b"))
    write(database, source_id, NEW, uploaded(key="c"), hours=1)
    assert states(database, source_id) == {"a": "superseded", "b": "superseded", "c": "ready"}
    with database.read() as session:
        rows = {row.key: row.superseded_at for row in session.scalars(select(PosterVariant))}
    assert rows == {"a": NOON + timedelta(hours=1), "b": NOON + timedelta(hours=1), "c": None}


def test_missing_variants_are_added_to_those_of_the_same_content(
    database: Database, source_id: int
) -> None:
    write(database, source_id, NEW, uploaded(key="a"))
    write(database, source_id, NEW, uploaded(OTHER, key="b"))
    assert states(database, source_id) == {"a": "ready", "b": "ready"}


def test_superseded_row_becomes_ready_again(database: Database, source_id: int) -> None:
    write(database, source_id, OLD, uploaded(key="a"))
    write(database, source_id, NEW, uploaded(key="b"))
    write(database, source_id, OLD, uploaded(key="a", data=b"longer than before"))
    assert states(database, source_id) == {"a": "ready", "b": "superseded"}
    with database.read() as session:
        row = session.scalars(select(PosterVariant).where(PosterVariant.key == "a")).one()
    assert (row.superseded_at, row.bytes) == (None, len(b"longer than before"))


def test_same_variant_under_another_key_supersedes_the_row(
    database: Database, source_id: int
) -> None:
    """A slug has changed. Cached pages may still link the old object."""
    write(database, source_id, NEW, uploaded(key="old slug"))
    write(database, source_id, NEW, uploaded(key="new slug"))
    assert states(database, source_id) == {"old slug": "superseded", "new slug": "ready"}


def test_row_of_a_recipe_of_before_is_superseded(database: Database, source_id: int) -> None:
    write(database, source_id, NEW, uploaded(key="a"), uploaded(OTHER, key="b"))
    with database.write() as session:
        variants = [uploaded(OTHER, key="b")]
        publish(session, source_id, NEW, variants, HASHES - {THUMB.hash}, NOON)
    assert states(database, source_id) == {"a": "superseded", "b": "ready"}


def test_other_sources_are_not_changed(database: Database, source_id: int, movie_id: int) -> None:
    another = add_source(database, movie_id, "drawn:other", chosen=False)
    write(database, another, OLD, uploaded(key="a"))
    write(database, source_id, NEW, uploaded(key="b"))
    assert states(database, another) == {"a": "ready"}


def test_row_describes_its_object(database: Database, source_id: int) -> None:
    write(database, source_id, NEW, uploaded(key="a"))
    with database.read() as session:
        row = session.scalars(select(PosterVariant)).one()
    assert (row.name, row.format, row.recipe_hash) == (THUMB.name, THUMB.format, THUMB.hash)
    assert (row.bucket, row.key, row.mime, row.bytes) == ("bucket", "a", THUMB.mime, 8)
    assert (row.width, row.height, row.source_sha256, row.created_at) == (10, 15, NEW, NOON)
