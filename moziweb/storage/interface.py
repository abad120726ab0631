"""What every storage can do, and the keys, values and errors it speaks in."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

#: S3's own limit, in bytes of UTF-8.
MAX_KEY_BYTES = 1024

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class StorageError(Exception):
    """An object could not be stored, read or removed."""


class ObjectNotFound(StorageError):
    """No object has this key."""


class InvalidKey(StorageError, ValueError):
    """A key that no storage takes: a mistake of the caller."""


class StorageUnavailable(StorageError):
    """The storage does not answer, or not now. The same call may succeed later."""


class StorageMisconfigured(StorageError):
    """The storage refuses what we are set up to ask of it; trying again changes nothing.

    Its text is one line for the operator that names what to change.
    """


@dataclass(frozen=True)
class StoredObject:
    """What a storage knows of one object.

    ``size`` is in bytes; ``etag`` is an opaque text without quotes that changes with the content;
    ``last_modified`` is in UTC with whole seconds. S3 tells no ``last_modified`` in answer to a
    put, and neither ``content_type`` nor ``cache_control`` in a listing: these are ``None`` there.
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
        """Which storage this is."""

    @property
    def bucket(self) -> str:
        """The bucket that new objects go to. Keep it beside the key: see ``url``."""

    def put(
        self,
        key: str,
        body: bytes,
        *,
        content_type: str,
        cache_control: str,
        if_absent: bool = False,
    ) -> StoredObject:
        """Store ``body``, to be served with exactly these headers, and describe what is stored.

        Readers see the old object or the new one, never a part. With ``if_absent`` an object that
        is there already is left alone, and described. What is private by its Cache-Control
        (``is_private``) is for us alone: it bears no ACL, and no view of ours serves it.
        """

    def get(self, key: str) -> bytes:
        """The body of an object; raises ``ObjectNotFound``."""

    def head(self, key: str) -> StoredObject | None:
        """The description of an object, ``None`` when there is no such object."""

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects, in batches; keys without an object are no error."""

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """The objects whose key starts with ``prefix``, in the order of their keys' UTF-8 bytes.

        Fetched page by page while it is read. Objects whose key is not valid here (made by
        others, as a console's empty "folder/") are passed over.
        """

    def url(self, key: str, bucket: str | None = None) -> str:
        """The public address of an object, without asking anyone.

        ``bucket`` is the one that was stored beside the key, when it may not be today's.
        """

    def check(self) -> None:
        """A cheap heartbeat: returns when objects can be stored and listed, raises otherwise."""


def valid_key(key: str) -> str:
    """``key`` itself, or ``InvalidKey``.

    A key is a relative path of one or more segments: no empty segment (so no slash at either
    end), no ``.`` or ``..``, no control character, 1024 bytes of UTF-8 at most.
    """
    fault = _fault(key)
    if fault:
        raise InvalidKey(f"object key {key[:80]!r} {fault}")
    return key


def is_valid_key(key: str) -> bool:
    """Whether ``valid_key`` takes ``key``."""
    return _fault(key) is None


def valid_header(value: str) -> str:
    """``value`` itself, or ``ValueError`` when it cannot stand in an HTTP header."""
    if not value or not value.isascii() or _CONTROL.search(value):
        raise ValueError(f"not a header value: {value[:80]!r}")
    return value


def is_private(cache_control: str | None) -> bool:
    """Whether an object with this header is for us alone, and for no visitor.

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
