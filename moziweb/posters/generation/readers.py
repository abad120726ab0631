"""Readers: the bytes of a source, from an upload in storage or from an external URL."""

from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from moziweb.storage import ObjectNotFound, Storage, StorageError, StorageMisconfigured

from ..fetching.fetcher import FetchCode, Fetched, Fetcher, FetchError
from .leases import Validators

_MISCONFIGURED: Final = "storage_misconfigured"
_UNAVAILABLE: Final = "storage_unavailable"
STORAGE_CODES: Final = frozenset({_MISCONFIGURED, _UNAVAILABLE})


class SourceError(Exception):
    """A source could not be read.

    ``code`` is stable, kept with the source and counted; ``permanent`` says that trying again is of
    no use until the source changes; ``retry_after`` is the other side's own wish in seconds.
    ``detail`` is for logs: it may hold addresses and a stranger's words.
    """

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        permanent: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"the source could not be read: {code}")
        self.code = code
        self.detail = detail
        self.permanent = permanent
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class SourceBytes:
    """The picture of a source, and the validators that its server gave for it.

    They belong to ``final_url``, where the redirects led.
    """

    body: bytes
    etag: str | None = None
    last_modified: str | None = None
    final_url: str | None = None


class SourceAddress(Protocol):
    """What a reader is told of a source: ``url`` or ``key``, what its kind has."""

    @property
    def url(self) -> str | None:
        """What a URL or drawn source is read from."""

    @property
    def key(self) -> str | None:
        """Where the original of an upload stands in storage, or a picture that was looked at."""


class SourceReader(Protocol):
    """Reads the sources of one kind. Threads share it."""

    def read(self, source: SourceAddress) -> SourceBytes:
        """The whole picture; raises ``SourceError``."""


@runtime_checkable
class ChangeReader(Protocol):
    """A reader of pictures that may change where they are."""

    def read_changed(self, source: SourceAddress, validators: Validators) -> SourceBytes | None:
        """As ``read``; None when the picture is still the one that the validators came with."""


class UploadReader:
    """Reads the originals of uploads from storage."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def read(self, source: SourceAddress) -> SourceBytes:
        """The original; a missing one is permanent, a silent storage is not."""
        if source.key is None:
            raise SourceError("no_key", permanent=True)
        try:
            return SourceBytes(self._storage.get(source.key))
        except ObjectNotFound as error:
            raise SourceError("original_missing", str(error), permanent=True) from error
        except StorageError as error:
            raise SourceError(storage_code(error), str(error)) from error


class UrlReader:
    """Fetches external pictures.

    One that somebody has looked at before it was saved is in ``storage`` already, at the source's
    ``key``, until it is made: what was seen is what is shown, and its host is asked once.
    """

    def __init__(self, fetcher: Fetcher, storage: Storage | None = None) -> None:
        self._fetcher = fetcher
        self._storage = storage

    def read(self, source: SourceAddress) -> SourceBytes:
        """The picture as it was looked at, or as its server has it now."""
        if source.key is not None and self._storage is not None:
            try:
                return SourceBytes(self._storage.get(source.key))
            except ObjectNotFound:  # its host has it still
                pass
            except StorageError as error:
                raise SourceError(storage_code(error), str(error)) from error
        found = self._fetched(source, Validators(None, None, None))
        if found is None:  # we sent no validators, so 304 makes no sense
            raise SourceError(FetchCode.BAD_RESPONSE)
        return found

    def read_changed(self, source: SourceAddress, validators: Validators) -> SourceBytes | None:
        """The same, unless it has not changed."""
        return self._fetched(source, validators)

    def _fetched(self, source: SourceAddress, validators: Validators) -> SourceBytes | None:
        try:
            fetched = self._fetcher.fetch(
                source.url or "",
                etag=validators.etag,
                last_modified=validators.last_modified,
                final_url=validators.final_url,
            )
        except FetchError as error:
            raise SourceError(
                error.code, error.detail, permanent=error.permanent, retry_after=error.retry_after
            ) from error
        if not isinstance(fetched, Fetched):
            return None
        return SourceBytes(fetched.body, fetched.etag, fetched.last_modified, fetched.final_url)


def storage_code(error: StorageError) -> str:
    """The stable code of a storage's error, one of `STORAGE_CODES`."""
    if isinstance(error, StorageMisconfigured):
        return _MISCONFIGURED
    return _UNAVAILABLE
