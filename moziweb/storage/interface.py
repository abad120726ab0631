"""The interface of storages: ``Storage``, its values and its errors."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

#: The limit of S3, in bytes of UTF-8.
MAX_KEY_BYTES = 1024

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class StorageError(Exception):
    """An object could not be stored, read or removed."""


class ObjectNotFound(StorageError):
    """There is no object with this key."""


class InvalidKey(StorageError, ValueError):
    """A key that no storage accepts: a mistake of the caller."""


class StorageUnavailable(StorageError):
    """The storage does not answer, or is overloaded. The same call may succeed later."""


class StorageMisconfigured(StorageError):
    """The storage refuses requests because of our configuration; a retry does not help.

    The text is one line for the operator that says what to change.
    """


@dataclass(frozen=True)
class StoredObject:
    """The description of one object.

    ``size`` is in bytes; ``etag`` is an opaque text without quotes that changes with the content,
    or empty if the server sent none; ``last_modified`` is in UTC with whole seconds. S3 does not
    return ``last_modified`` from a put, nor ``content_type`` and ``cache_control`` in a listing,
    and some servers never return ``last_modified``: there they are ``None``.
    """

    bucket: str
    key: str
    size: int
    etag: str
    content_type: str | None = None
    cache_control: str | None = None
    last_modified: datetime | None = None


class Storage(Protocol):
    """Where objects live.

    Every method but ``url`` does I/O and may raise ``StorageUnavailable`` or
    ``StorageMisconfigured``; every method that takes a key raises ``InvalidKey`` for a bad one.
    A storage is safe to share between threads, and to be made before a process forks.
    """

    @property
    def name(self) -> Literal["s3", "disk"]:
        """The kind of the storage."""

    @property
    def bucket(self) -> str:
        """The bucket of new objects. Store it with the key: see ``url``."""

    def put(
        self,
        key: str,
        body: bytes,
        *,
        content_type: str,
        cache_control: str,
        if_absent: bool = False,
    ) -> StoredObject:
        """Store ``body`` and return its description. It is served with exactly these headers.

        Readers get the old object or the new one, never a part. With ``if_absent``, an existing
        object is not overwritten, and its description is returned. A private object
        (``is_private``) gets no ACL, and no view serves it.
        """

    def get(self, key: str) -> bytes:
        """Return the body of an object. Raises ``ObjectNotFound``."""

    def head(self, key: str) -> StoredObject | None:
        """Return the description of an object; ``None`` if there is none."""

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects, in batches. Keys without an object are ignored."""

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """Yield the objects whose key starts with ``prefix``, ordered by the UTF-8 bytes of keys.

        Pages are fetched as they are read. Objects with a key that is invalid here, such as the
        "folder/" of a console, are skipped.
        """

    def url(self, key: str, bucket: str | None = None) -> str:
        """Return the public URL of an object, without any request.

        ``bucket`` is the one stored with the key, if it may differ from the current one.
        """

    def limit_calls(self, seconds: float) -> None:
        """Let each request to the server take at most ``seconds``, with all its tries.

        For processes whose clients wait. Call it before the first use.
        """

    def check(self) -> None:
        """Cheap health check: raises unless objects can be stored and listed."""


def valid_key(key: str) -> str:
    """Return ``key``, or raise ``InvalidKey``.

    A key is a relative path of one or more segments: no empty segment (so no slash at either
    end), no ``.`` or ``..``, no control character, at most 1024 bytes of UTF-8.
    """
    fault = _fault(key)
    if fault:
        raise InvalidKey(f"object key {key[:80]!r} {fault}")
    return key


def is_valid_key(key: str) -> bool:
    """Whether ``key`` is valid; see ``valid_key``."""
    return _fault(key) is None


def valid_header(value: str) -> str:
    """Return ``value``, or raise ``ValueError`` if it is not valid in an HTTP header."""
    if not value or not value.isascii() or _CONTROL.search(value):
        raise ValueError(f"not a header value: {value[:80]!r}")
    return value


def is_private(cache_control: str | None) -> bool:
    """Whether an object with this header must not be served to visitors.

    >>> is_private("private, no-cache"), is_private("max-age=9, public"), is_private(None)
    (True, False, False)
    """
    directives = (cache_control or "").lower().split(",")
    return "private" in (directive.strip() for directive in directives)


def _fault(key: str) -> str | None:
    segments = key.split("/")
    if "" in segments:
        return "has an empty segment"
    if "." in segments or ".." in segments:
        return "has a relative segment"
    if _CONTROL.search(key):
        return "has a control character"
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        return "is not UTF-8"
    return "is too long" if size > MAX_KEY_BYTES else None
