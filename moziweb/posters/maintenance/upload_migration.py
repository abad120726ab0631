"""Moving a site's old upload folder into storage.

A file belongs to a movie when its name begins with the movie's id: ``1234.jpg``, ``1234-dune.jpg``
or any other text after the dash, in whatever subfolder. All others are named and left alone. A
movie that has a chosen poster keeps it; of several files the first by name is chosen.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

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
from ..imaging.limits import LIMITS, Limits, probe

_NAME: Final = re.compile(r"(?P<movie>[0-9]+)(-[^/]*)?\.[A-Za-z]+")


class MoveStatus(StrEnum):
    """What became of a file."""

    MOVED = "moved"
    """Stored, read back and recorded; or found so from an earlier run."""
    UNMATCHED = "unmatched"
    """Its name tells no movie."""
    NO_MOVIE = "no_movie"
    """There is no movie of that id."""
    REJECTED = "rejected"
    """No picture, or one beyond the limits; the code tells."""
    UNREADABLE = "unreadable"
    """The file itself could not be read."""
    NOT_VERIFIED = "not_verified"
    """What storage gave back is not what it was given."""


@dataclass(frozen=True, slots=True)
class Move:
    """One file (``name`` is relative to the folder) and what became of it."""

    name: str
    status: MoveStatus
    code: str | None = None
    key: str | None = None
    source_id: int | None = None
    deleted: bool = False


class _Left(Exception):
    def __init__(self, status: MoveStatus, code: str | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.code = code


def upload_files(folder: Path) -> list[Path]:
    """The files below ``folder`` in the order of their names; links are not followed."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


class Migration:
    """Moves upload files to storage: checks, stores, reads back, records.

    Safe to repeat: what is moved already is stored under its key again, for an old original that no
    row knows yet might be removed before its row is committed. With ``delete`` a file goes once it
    is recorded and what storage gives back equals it, byte for byte. ``prober`` looks at each file
    first, as `probe.probe` does.
    """

    def __init__(
        self,
        database: Database,
        storage: Storage,
        limits: Limits = LIMITS,
        *,
        delete: bool = False,
        prober: Prober = probe,
    ) -> None:
        self._database = database
        self._storage = storage
        self._limits = limits
        self._delete = delete
        self._prober = prober

    def run(self, folder: Path, files: list[Path]) -> Iterator[Move]:
        """Move ``files`` of ``folder``; raises ``StorageError`` when storage fails."""
        for path in files:
            name = str(path.relative_to(folder))
            try:
                yield self._move(path, name)
            except _Left as left:
                yield Move(name, left.status, left.code)

    def _move(self, path: Path, name: str) -> Move:
        movie_id = _movie_id(path.name)
        self._check_movie(movie_id)
        data = self._read(path)
        try:
            upload, mime = inspect_upload(data, self._limits, self._prober)
        except ImageRejected as rejected:
            raise _Left(MoveStatus.REJECTED, rejected.code) from rejected
        self._store(upload, data, mime)
        with self._database.write() as session:
            source_id = record_upload(session, movie_id, upload, choose=False).id
        deleted = self._delete and _deleted(path, data)
        return Move(name, MoveStatus.MOVED, None, upload.key, source_id, deleted)

    def _check_movie(self, movie_id: int) -> None:
        with self._database.read() as session:
            if session.get(Movie, movie_id) is None:
                raise _Left(MoveStatus.NO_MOVIE)

    def _read(self, path: Path) -> bytes:
        try:
            if path.stat().st_size > self._limits.bytes:
                raise _Left(MoveStatus.REJECTED, RejectCode.TOO_MANY_BYTES)
            return path.read_bytes()
        except OSError as error:
            raise _Left(MoveStatus.UNREADABLE, error.strerror) from error

    def _store(self, upload: StoredUpload, data: bytes, mime: str) -> None:
        self._storage.put(upload.key, data, content_type=mime, cache_control=ORIGINAL_CACHE_CONTROL)
        if not self._has(upload.key, data):
            raise _Left(MoveStatus.NOT_VERIFIED)

    def _has(self, key: str, data: bytes) -> bool:
        try:
            return self._storage.get(key) == data
        except ObjectNotFound:
            return False


def _movie_id(name: str) -> int:
    match = _NAME.fullmatch(name)
    movie_id = parse_id(match["movie"]) if match else None
    if movie_id is None:
        raise _Left(MoveStatus.UNMATCHED)
    return movie_id


def _deleted(path: Path, data: bytes) -> bool:
    try:
        # The old site may have written another picture there since: the next run moves that.
        if path.read_bytes() != data:
            return False
        path.unlink()
    except OSError:  # a folder that we may not write in; the report says "deleted": false
        return False
    return True
