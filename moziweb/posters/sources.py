"""Where pictures come from: an upload kept in storage, an external URL, or a drawing of the demo.

Each kind has a reader. The two that everybody needs stand here; others join through the directive
``config.add_poster_source(kind, reader)``.
"""

from dataclasses import dataclass
from typing import Protocol

from moziweb.storage import ObjectNotFound, Storage, StorageError, StorageMisconfigured

from .fetch import FetchCode, Fetched, Fetcher, FetchError


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
    """The picture of a source, and the validators that its server gave for it."""

    body: bytes
    etag: str | None = None
    last_modified: str | None = None


class SourceAddress(Protocol):
    """What a reader is told of a source: ``url`` or ``key``, whichever its kind has."""

    @property
    def url(self) -> str | None:
        """What a URL or drawn source is read from."""

    @property
    def key(self) -> str | None:
        """Where the original of an upload stands in storage."""


class SourceReader(Protocol):
    """Reads the sources of one kind. Threads share it."""

    def read(self, source: SourceAddress) -> SourceBytes:
        """The whole picture; raises ``SourceError``."""


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
    """Fetches external pictures."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher

    def read(self, source: SourceAddress) -> SourceBytes:
        """The picture as its server has it now."""
        try:
            fetched = self._fetcher.fetch(source.url or "")
        except FetchError as error:
            raise SourceError(
                error.code, error.detail, permanent=error.permanent, retry_after=error.retry_after
            ) from error
        if not isinstance(fetched, Fetched):  # we sent no validators, so 304 makes no sense
            raise SourceError(FetchCode.BAD_RESPONSE)
        return SourceBytes(fetched.body, fetched.etag, fetched.last_modified)


def storage_code(error: StorageError) -> str:
    """The stable code of a storage's error."""
    if isinstance(error, StorageMisconfigured):
        return "storage_misconfigured"
    return "storage_unavailable"
