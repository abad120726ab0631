"""Readers: the bytes of a source, from an upload in storage or from an external URL."""

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Protocol, runtime_checkable

from moziweb.storage import ObjectNotFound, Storage, StorageError

from ..fetching.errors import NO_VALIDATORS, FetchCode, FetchError, Validators
from ..fetching.fetcher import Fetcher
from .error_codes import ServiceCode, SourceError, storage_code


@dataclass(frozen=True)
class SourceBytes:
    """The bytes of a source and their HTTP validators."""

    body: bytes
    validators: Validators = NO_VALIDATORS

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the bytes, 64 hex digits."""
        return sha256(self.body).hexdigest()


class SourceLocation(Protocol):
    """Where a source is read from: ``url`` or ``key``, depending on its kind."""

    @property
    def url(self) -> str | None:
        """The URL of an external or drawn source."""

    @property
    def key(self) -> str | None:
        """The key in storage of an upload, or of a previewed external image."""


class SourceReader(Protocol):
    """Reads the sources of one kind. Threads share it."""

    def read(self, source: SourceLocation) -> SourceBytes:
        """Read the whole image; raises ``SourceError``."""


@runtime_checkable
class ChangeReader(Protocol):
    """A reader that can ask whether an image has changed."""

    def read_changed(self, source: SourceLocation, validators: Validators) -> SourceBytes | None:
        """As ``read``; None if the image has not changed since the validators were received."""


class UploadReader:
    """Reads the originals of uploads from storage."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def read(self, source: SourceLocation) -> SourceBytes:
        """Read the original; a missing one is a permanent failure, a storage error is not."""
        if source.key is None:
            raise SourceError(ServiceCode.NO_KEY, permanent=True)
        try:
            return SourceBytes(self._storage.get(source.key))
        except ObjectNotFound as error:
            raise SourceError(ServiceCode.ORIGINAL_MISSING, str(error), permanent=True) from error
        except StorageError as error:
            raise SourceError(storage_code(error), str(error)) from error


class UrlReader:
    """Fetches external images.

    An image that an editor previewed before saving is stored at the source's ``key`` until its
    variants are made: the variants show what the preview showed, and its host is asked once.
    """

    def __init__(self, fetcher: Fetcher, storage: Storage | None = None) -> None:
        self._fetcher = fetcher
        self._storage = storage

    def read(self, source: SourceLocation) -> SourceBytes:
        """Read the previewed image, or fetch it from its server."""
        if source.key is not None and self._storage is not None:
            try:
                return SourceBytes(self._storage.get(source.key))
            except ObjectNotFound:  # fetch it again
                pass
            except StorageError as error:
                raise SourceError(storage_code(error), str(error)) from error
        fetched = self.read_changed(source, NO_VALIDATORS)
        if fetched is None:  # a 304 without validators in the request is invalid
            raise SourceError(FetchCode.BAD_RESPONSE)
        return fetched

    def read_changed(self, source: SourceLocation, validators: Validators) -> SourceBytes | None:
        """Fetch the image; None if it has not changed."""
        try:
            fetched = self._fetcher.fetch(source.url or "", validators)
        except FetchError as error:
            raise SourceError(
                error.code, error.detail, permanent=error.permanent, retry_after=error.retry_after
            ) from error
        return SourceBytes(fetched.body, fetched.validators) if fetched else None
