"""Moving files to each storage, verified; the tests of the command cover the rest."""

import os
from pathlib import Path
from typing import Any

import pytest

from moziweb.db import Database
from moziweb.posters.generation.readers import UploadReader
from moziweb.posters.generation.upload_store import store_upload
from moziweb.posters.imaging.errors import ImageRejected, RejectCode
from moziweb.posters.imaging.limits import probe
from moziweb.posters.imaging.values import Limits, SourceImage
from moziweb.posters.maintenance.upload_migration import MoveStatus, UploadMigration, upload_files
from moziweb.posters.models import PosterSource
from moziweb.storage import Storage, StorageError
from moziweb.storage.disk import DiskStorage
from moziweb.storage.s3 import S3Storage
from tests.posters.conftest import DEPLOYMENTS, picture, source_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "uploads"
    folder.mkdir()
    return folder


def moved(migration: UploadMigration, folder: Path) -> list[tuple[str, MoveStatus]]:
    files = upload_files(folder)
    return [(move.name, move.status) for move in migration.run(folder, files)]


@DEPLOYMENTS
def test_file_becomes_a_source_with_the_same_bytes(
    database: Database, storage: Storage, folder: Path, movie_id: int
) -> None:
    (folder / "7-dune.jpg").write_bytes(picture())
    (move,) = UploadMigration(database, storage).run(folder, upload_files(folder))
    assert move.source_id
    source = source_of(database, move.source_id)
    assert UploadReader(storage).read(source).body == picture()
    assert (source.movie_id, source.chosen, source.width) == (7, True, 200)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("7.jpg", MoveStatus.MOVED),
        ("7-.jpg", MoveStatus.MOVED),
        ("7-dűne 2021.JPEG", MoveStatus.MOVED),
        ("7.poster.jpg", MoveStatus.UNMATCHED),
        ("7dune.jpg", MoveStatus.UNMATCHED),
        ("07-dune.jpg", MoveStatus.UNMATCHED),
        ("dune-7.jpg", MoveStatus.UNMATCHED),
        ("7", MoveStatus.UNMATCHED),
        (".jpg", MoveStatus.UNMATCHED),
        ("9999999999-dune.jpg", MoveStatus.UNMATCHED),
        ("8-alien.jpg", MoveStatus.NO_MOVIE),
    ],
)
def test_file_name_has_the_movie_id(
    database: Database,
    disk: Storage,
    folder: Path,
    movie_id: int,
    name: str,
    status: MoveStatus,
) -> None:
    (folder / name).write_bytes(picture())
    assert moved(UploadMigration(database, disk), folder) == [(name, status)]


class Forgetful:
    """A storage that stores a truncated object."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def put(self, key: str, body: bytes, **headers: Any) -> object:
        return self._storage.put(key, body[:-1], **headers)

    def get(self, key: str) -> bytes:
        return self._storage.get(key)


def test_file_that_is_not_read_back_whole_is_neither_recorded_nor_deleted(
    database: Database, disk: Storage, folder: Path, movie_id: int
) -> None:
    (folder / "7.jpg").write_bytes(picture())
    forgetful: Any = Forgetful(disk)
    migration = UploadMigration(database, forgetful, delete=True)
    assert moved(migration, folder) == [("7.jpg", MoveStatus.NOT_VERIFIED)]
    assert (folder / "7.jpg").exists()
    with database.read() as session:
        assert session.query(PosterSource).count() == 0


def test_existing_original_is_stored_again(
    database: Database, disk: DiskStorage, tmp_path: Path, folder: Path, movie_id: int
) -> None:
    """Until its row is committed it is an orphan, and an old orphan might be removed."""
    (folder / "7.jpg").write_bytes(picture())
    key = store_upload(disk, picture()).key
    for path in (tmp_path / "objects").rglob("*+object"):
        os.utime(path, (0, 0))
    assert moved(UploadMigration(database, disk), folder) == [("7.jpg", MoveStatus.MOVED)]
    stored = disk.head(key)
    assert stored is not None
    assert stored.last_modified is not None
    assert stored.last_modified.year > 1970


def test_files_are_probed_by_the_given_prober(
    database: Database, disk: DiskStorage, folder: Path, movie_id: int
) -> None:
    """The command passes the decoder pool's, so files are decoded in a child process."""

    def refuse(data: bytes, limits: Limits) -> SourceImage:
        raise ImageRejected(RejectCode.UNIDENTIFIED)

    (folder / "7.jpg").write_bytes(picture())
    migration = UploadMigration(database, disk, prober=refuse)
    assert moved(migration, folder) == [("7.jpg", MoveStatus.REJECTED)]


def test_file_replaced_during_the_move_is_not_deleted(
    database: Database, disk: DiskStorage, folder: Path, movie_id: int
) -> None:
    file = folder / "7.jpg"
    file.write_bytes(picture())

    def replace_meanwhile(data: bytes, limits: Limits) -> SourceImage:
        file.write_bytes(picture("#2040a0"))
        return probe(data, limits)

    migration = UploadMigration(database, disk, delete=True, prober=replace_meanwhile)
    (first,) = migration.run(folder, [file])
    assert (first.status, first.deleted) == (MoveStatus.MOVED, False)
    (second,) = migration.run(folder, [file])
    assert (second.status, second.deleted) == (MoveStatus.MOVED, True)
    assert first.key
    assert second.key
    assert disk.get(first.key) == picture()
    assert disk.get(second.key) == picture("#2040a0")


def test_unreachable_storage_ends_the_run_and_keeps_the_files(
    database: Database, storage_away: S3Storage, folder: Path, movie_id: int
) -> None:
    (folder / "7.jpg").write_bytes(picture())
    with pytest.raises(StorageError):
        moved(UploadMigration(database, storage_away, delete=True), folder)
    assert (folder / "7.jpg").exists()
