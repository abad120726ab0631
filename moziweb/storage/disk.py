"""Storage of objects in a folder, for one machine.

An object is **one file**: a line of metadata, then the body. One rename replaces both, so a body
is never without its metadata or with that of another body. A file without this line, or with
another key or size in it, is not an object.

``a/b.webp`` is stored in ``<path>/a/b.webp+object``. Plus and per cent signs in keys are escaped,
so that an object's file and a folder never have the same name: ``a`` and ``a/b`` may both be
objects, as on S3. Folders are opened one by one without following symbolic links, so no file
outside is reached.
"""

import errno
import json
import os
import secrets
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import IO, Final
from urllib.parse import quote

from moziweb.timings import Part, measured_as

from .interface import (
    InvalidKey,
    ObjectNotFound,
    StorageError,
    StorageMisconfigured,
    StorageUnavailable,
    StoredObject,
    is_valid_key,
    valid_header,
    valid_key,
)

#: The path of objects on this site, used in URLs if no base URL is configured.
OBJECTS_PATH = "/objects"

#: Drafts older than this (in seconds) are of crashed writers: no write takes as long.
DRAFT_SECONDS = 3600.0

_BUCKET = "disk"
_MAGIC = b"moziweb-object-1 "
_MAX_HEADER = 16_384
_SUFFIX = "+object"
_DRAFTS = "+drafts"

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_DRAFT_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.ENXIO})
_TRANSIENT = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN}
)


class DiskStorage:
    """The objects in one folder; see ``interface.Storage``.

    Creates the folder if it is missing and removes the drafts of crashed writers. Any number of
    processes of one machine may share it. Empty folders are not removed.
    """

    name: Final = "disk"
    bucket: Final = _BUCKET

    def __init__(self, path: Path, base_url: str | None = None) -> None:
        self.path = path.absolute()
        self._base_url = (base_url or OBJECTS_PATH).rstrip("/")
        with self._translated():
            self.path.mkdir(parents=True, exist_ok=True)
            self._remove_old_drafts(time.time() - DRAFT_SECONDS)

    @measured_as(Part.STORAGE)
    def put(
        self,
        key: str,
        body: bytes,
        *,
        content_type: str,
        cache_control: str,
        if_absent: bool = False,
    ) -> StoredObject:
        """See ``Storage``. When this returns, the object is on the disk (fsync)."""
        stored = StoredObject(
            bucket=_BUCKET,
            key=valid_key(key),
            size=len(body),
            etag=sha256(body).hexdigest()[:32],
            content_type=valid_header(content_type),
            cache_control=valid_header(cache_control),
            last_modified=datetime.now(UTC).replace(microsecond=0),
        )
        *parents, name = _file_names(key)
        with (
            self._translated(),
            self._folder([_DRAFTS], make=True) as drafts,
            self._folder(parents, make=True) as folder,
            _draft(drafts, _header(stored) + body) as draft,
        ):
            if if_absent:
                with suppress(FileExistsError):
                    os.link(draft, name, src_dir_fd=drafts, dst_dir_fd=folder)
                    os.fsync(folder)
                existing = self.head(key)
                if existing is not None:
                    return existing
            os.rename(draft, name, src_dir_fd=drafts, dst_dir_fd=folder)
            os.fsync(folder)
        return stored

    @measured_as(Part.STORAGE)
    def get(self, key: str) -> bytes:
        """See ``Storage``."""
        stored, file = self.open(key)
        with file, self._translated():
            return file.read(stored.size)

    def head(self, key: str) -> StoredObject | None:
        """See ``Storage``."""
        try:
            stored, file = self.open(key)
        except ObjectNotFound:
            return None
        file.close()
        return stored

    @measured_as(Part.STORAGE)
    def open(self, key: str) -> tuple[StoredObject, IO[bytes]]:
        """Return the description of an object, and its open file at the first byte of the body.

        Both are of the same object, even if it is overwritten at the same time. The caller closes
        the file. Raises ``ObjectNotFound``.
        """
        *parents, name = _file_names(valid_key(key))
        with self._translated(key), self._folder(parents) as folder, ExitStack() as undo:
            file = undo.enter_context(open(name, "rb", opener=partial(_open_at, folder)))
            stored = _description(file, key)
            if stored is None:
                raise ObjectNotFound(f"no object {key} in {self.path}")
            undo.pop_all()
            return stored, file

    @measured_as(Part.STORAGE)
    def delete(self, keys: Iterable[str]) -> None:
        """See ``Storage``."""
        for key in keys:
            *parents, name = _file_names(valid_key(key))
            with suppress(ObjectNotFound), self._translated(key), self._folder(parents) as folder:
                os.unlink(name, dir_fd=folder)

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """See ``Storage``."""
        with self._translated():
            for key in _keys(self.path, "", prefix):
                stored = self.head(key) if is_valid_key(key) else None
                if stored is not None:
                    yield stored

    def url(self, key: str, bucket: str | None = None) -> str:
        """See ``Storage``. Without a base URL it is a path of this site; ``bucket`` is ignored."""
        return f"{self._base_url}/{quote(valid_key(key), safe='/~')}"

    def limit_calls(self, seconds: float) -> None:
        """Do nothing: a folder has no server."""

    def check(self) -> None:
        """See ``Storage``."""
        if not self.path.is_dir() or not os.access(self.path, os.R_OK | os.W_OK | os.X_OK):
            raise StorageMisconfigured(
                f"storage.disk.path = {self.path}: not a writable folder; make it one, or correct "
                "the key"
            )

    def _remove_old_drafts(self, before: float) -> None:
        with suppress(FileNotFoundError), os.scandir(self.path / _DRAFTS) as drafts:
            for draft in drafts:
                if draft.stat(follow_symlinks=False).st_mtime < before:
                    Path(draft.path).unlink(missing_ok=True)

    @contextmanager
    def _folder(self, names: Iterable[str], *, make: bool = False) -> Iterator[int]:
        """Open the folder ``names`` below ours, as a descriptor; with ``make``, create it."""
        folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for name in names:
                if make:
                    _make_folder(name, folder)
                inner = os.open(name, _FOLDER_FLAGS, dir_fd=folder)
                os.close(folder)
                folder = inner
            yield folder
        finally:
            os.close(folder)

    @contextmanager
    def _translated(self, key: str | None = None) -> Iterator[None]:
        """Translate ``OSError`` into ``StorageError``.

        With a key, a missing path (or one of the wrong type) is a missing object; without a key,
        the folder is misconfigured.
        """
        try:
            yield
        except OSError as error:
            if key is not None and error.errno in _ABSENT:
                raise ObjectNotFound(f"no object {key} in {self.path}") from error
            raise _translate(error, self.path) from error


def _translate(error: OSError, path: Path) -> StorageError:
    if error.errno == errno.ENAMETOOLONG:
        return InvalidKey(f"a segment of the object key is too long for a file name in {path}")
    message = f"storage.disk.path = {path}: {error.strerror}"
    if error.errno in _TRANSIENT:
        return StorageUnavailable(message)
    return StorageMisconfigured(f"{message}; it must be a readable and writable folder")


def _open_at(folder: int, name: str, _: int) -> int:
    return os.open(name, _READ_FLAGS, dir_fd=folder)


def _make_folder(name: str, parent: int) -> None:
    with suppress(FileExistsError):
        os.mkdir(name, dir_fd=parent)
        os.fsync(parent)  # otherwise a crash could lose the new folder with its files


@contextmanager
def _draft(folder: int, content: bytes) -> Iterator[str]:
    """Write a new file and yield its name; remove it at the end unless it was renamed."""
    name = secrets.token_hex(16)
    with os.fdopen(os.open(name, _DRAFT_FLAGS, 0o644, dir_fd=folder), "wb") as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            yield name
        finally:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)


def _header(stored: StoredObject) -> bytes:
    metadata = asdict(stored)
    del metadata["bucket"], metadata["last_modified"]
    return _MAGIC + json.dumps(metadata).encode() + b"\n"


def _description(file: IO[bytes], key: str) -> StoredObject | None:
    """Read the metadata line; None if the file is not the object ``key``, or is incomplete.

    The key is checked because a file system may ignore the case of names.
    """
    status = os.fstat(file.fileno())
    line = file.readline(_MAX_HEADER) if stat.S_ISREG(status.st_mode) else b""
    if not line.startswith(_MAGIC):
        return None
    modified = datetime.fromtimestamp(int(status.st_mtime), UTC)
    try:
        metadata = json.loads(line.removeprefix(_MAGIC))
        stored = StoredObject(bucket=_BUCKET, last_modified=modified, **metadata)
    except (TypeError, ValueError):
        return None
    complete = stored.key == key and stored.size == status.st_size - len(line)
    return stored if complete else None


def _keys(folder: Path, start: str, prefix: str) -> Iterator[str]:
    """Yield the keys with ``prefix`` in ``folder``, whose keys start with ``start``."""
    for part, file_name in _entries(folder):
        key = start + part
        if part.endswith("/"):
            if key.startswith(prefix) or prefix.startswith(key):
                yield from _keys(folder / file_name, key, prefix)
        elif key.startswith(prefix):
            yield key


def _entries(folder: Path) -> list[tuple[str, str]]:
    """Return the key parts in ``folder`` (those of folders with a slash), and the file names.

    They are sorted so that a walk yields whole keys in order.
    """
    with suppress(FileNotFoundError), os.scandir(folder) as found:
        named = ((_key_part(entry), entry.name) for entry in found)
        kept = [(part, file_name) for part, file_name in named if part is not None]
        return sorted(kept, key=lambda pair: os.fsencode(pair[0]))
    return []


def _file_names(key: str) -> list[str]:
    """Return the names of an object's folders and of its file."""
    *folders, name = (_escaped(segment) for segment in key.split("/"))
    return [*folders, name + _SUFFIX]


def _key_part(entry: os.DirEntry[str]) -> str | None:
    """Return the key part of a folder (with a slash) or of an object's file; None for others."""
    is_folder = entry.is_dir(follow_symlinks=False)
    name = entry.name if is_folder else entry.name.removesuffix(_SUFFIX)
    if "+" in name or not (is_folder or entry.name.endswith(_SUFFIX)):
        return None
    return name.replace("%2B", "+").replace("%25", "%") + "/" * is_folder


def _escaped(segment: str) -> str:
    return segment.replace("%", "%25").replace("+", "%2B")
