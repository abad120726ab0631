"""Moves the upload folder of an old site into storage.

A file belongs to a movie if its name begins with the movie's id: ``1234.jpg``, ``1234-dune.jpg`` or
any other text after the dash, in any subfolder. All others are reported and not moved. A movie that
has a chosen poster keeps it; of several files the first by name is chosen.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.db import Database
from moziweb.db.types import parse_id
from moziweb.movies.models import Movie
from moziweb.storage import ObjectNotFound, Storage

from ..generation.upload_store import (
    ORIGINAL_CACHE_CONTROL,
    Prober,
    StoredUpload,
    inspect_upload,
    record_upload,
)
from ..imaging.errors import ImageRejected, RejectCode
from ..imaging.limits import probe
from ..imaging.values import LIMITS, Limits
from ..models import PosterSource

_NAME: Final = re.compile(r"(?P<movie>[0-9]+)(-[^/]*)?\.[A-Za-z]+")


class MoveStatus(StrEnum):
    """The result of moving a file."""

    MOVED = "moved"
    """Stored, read back and recorded, now or by an earlier run."""
    UNMATCHED = "unmatched"
    """Its name has no movie id."""
    NO_MOVIE = "no_movie"
    """There is no movie with that id."""
    REJECTED = "rejected"
    """No image, or one beyond the limits; ``Move.code`` is the reason."""
    UNREADABLE = "unreadable"
    """The file could not be read."""
    NOT_VERIFIED = "not_verified"
    """Storage returned other bytes than it was given."""


@dataclass(frozen=True, slots=True)
class Move:
    """One file (``name`` is relative to the folder) and what became of it."""

    name: str
    status: MoveStatus
    code: str | None = None
    key: str | None = None
    source_id: int | None = None
    deleted: bool = False


def upload_files(folder: Path) -> list[Path]:
    """The files below ``folder`` in the order of their names; links are not followed."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


@dataclass(frozen=True, slots=True)
class UploadMigration:
    """Moves upload files to storage: checks, stores, reads back, records.

    Safe to repeat: a file that was moved already is stored under its key again, as an old original
    without a row might be removed before its row is committed. With ``delete`` a file is deleted
    once it is recorded and storage returns the same bytes. ``prober`` reads each file's header as
    `probe` does. ``on_added`` is called for each new source, in its transaction.
    """

    database: Database
    storage: Storage
    limits: Limits = LIMITS
    delete: bool = False
    prober: Prober = probe
    on_added: Callable[[Session, PosterSource], None] | None = None

    def run(self, folder: Path, files: list[Path]) -> Iterator[Move]:
        """Move ``files`` of ``folder``; raises ``StorageError`` when storage fails."""
        for path in files:
            yield self._move(path, str(path.relative_to(folder)))

    def _move(self, path: Path, name: str) -> Move:
        movie_id = _movie_id(path.name)
        if movie_id is None:
            return Move(name, MoveStatus.UNMATCHED)
        with self.database.read() as session:
            if session.get(Movie, movie_id) is None:
                return Move(name, MoveStatus.NO_MOVIE)
        try:
            data = self._read(path)
            upload, mime = inspect_upload(data, self.limits, self.prober)
        except OSError as error:
            return Move(name, MoveStatus.UNREADABLE, error.strerror)
        except ImageRejected as rejected:
            return Move(name, MoveStatus.REJECTED, rejected.code)
        if not self._store(upload, data, mime):
            return Move(name, MoveStatus.NOT_VERIFIED)
        source_id = self._record(movie_id, upload, path.name)
        deleted = self.delete and _deleted(path, data)
        return Move(name, MoveStatus.MOVED, None, upload.key, source_id, deleted)

    def _record(self, movie_id: int, upload: StoredUpload, name: str) -> int:
        has_it = PosterSource.movie_id == movie_id, PosterSource.key == upload.key
        with self.database.write() as session:
            is_new = session.scalar(select(PosterSource.id).where(*has_it).limit(1)) is None
            source = record_upload(session, movie_id, upload, choose=False, file_name=name)
            if is_new and self.on_added is not None:
                self.on_added(session, source)
            return source.id

    def _read(self, path: Path) -> bytes:
        size = path.stat().st_size
        if size > self.limits.bytes:
            raise ImageRejected(RejectCode.TOO_MANY_BYTES, f"{size} bytes")
        return path.read_bytes()

    def _store(self, upload: StoredUpload, data: bytes, mime: str) -> bool:
        """Stores the object; returns whether storage returns the same bytes."""
        self.storage.put(upload.key, data, content_type=mime, cache_control=ORIGINAL_CACHE_CONTROL)
        with suppress(ObjectNotFound):
            return self.storage.get(upload.key) == data
        return False


def _movie_id(name: str) -> int | None:
    match = _NAME.fullmatch(name)
    return parse_id(match["movie"]) if match else None


def _deleted(path: Path, data: bytes) -> bool:
    try:
        # The old site may have replaced the file since: the next run moves the new one.
        if path.read_bytes() != data:
            return False
        path.unlink()
    except OSError:  # no write permission; the report has "deleted": false
        return False
    return True
