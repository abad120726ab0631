"""Where pictures come from: an upload kept in storage, an external URL, or a drawing of the demo.

Each kind has a reader. The two that everybody needs stand here; others join through the directive
``config.add_poster_source(kind, reader)``.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.movies.models import Movie
from moziweb.storage import ObjectNotFound, Storage, StorageError, StorageMisconfigured

from . import choosing
from .addresses import BadTargetError, parse_target
from .claims import Validators
from .fetch import FetchCode, Fetched, Fetcher, FetchError
from .models import PosterSource, SourceKind
from .probe import LIMITS, Limits, SourceImage, probe

MAX_URL_LENGTH: Final = 2000
"""Characters of an external URL; longer ones are nobody's poster."""

ORIGINAL_CACHE_CONTROL: Final = "private, no-cache"
"""Originals are read by the poster service alone."""


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


@dataclass(frozen=True, slots=True)
class StoredUpload:
    """An original that stands in storage, and what its header tells: sizes in pixels, upright."""

    key: str
    sha256: str
    bytes: int
    format: str
    width: int
    height: int


def upload_key(sha256: str, format_: str) -> str:
    """Where an original is kept: equal files have one key, whoever uploads them."""
    extension = "jpg" if format_ == "jpeg" else format_
    return f"upload/{sha256[:2]}/{sha256}.{extension}"


Prober = Callable[[bytes, Limits], SourceImage]
"""Looks at a picture as `probe` does, be it in this process or in another."""


def inspect_upload(
    data: bytes, limits: Limits = LIMITS, prober: Prober = probe
) -> tuple[StoredUpload, str]:
    """What ``data`` will be once stored, and its media type; raises ``ImageRejected``."""
    image = prober(data, limits)
    sha256 = hashlib.sha256(data).hexdigest()
    key = upload_key(sha256, image.format)
    upload = StoredUpload(key, sha256, len(data), image.format, image.width, image.height)
    return upload, image.mime


def store_upload(
    storage: Storage, data: bytes, limits: Limits = LIMITS, prober: Prober = probe
) -> StoredUpload:
    """Check an original against ``limits`` and store it; the same one twice has one key.

    Raises ``ImageRejected`` or ``StorageError``. No session is needed, so none need be open.
    """
    upload, mime = inspect_upload(data, limits, prober)
    # Even if it is there: an original that no row knows is removed some days after it was last
    # stored, so it has to be young again until its row is committed.
    storage.put(upload.key, data, content_type=mime, cache_control=ORIGINAL_CACHE_CONTROL)
    return upload


def record_upload(
    session: Session, movie_id: int, upload: StoredUpload, *, choose: bool = True
) -> PosterSource:
    """The movie's source for a stored original: a new one, or the one that it has already.

    A new one is chosen as ``choosing.choose`` has it; with ``choose`` off, only where the movie has
    no chosen source yet.
    """
    known = select(PosterSource).where(
        PosterSource.movie_id == movie_id, PosterSource.key == upload.key
    )
    source = session.scalars(known).first()
    if source is None:
        facts = {column: getattr(upload, column) for column in _UPLOAD_COLUMNS}
        source = PosterSource(kind=SourceKind.UPLOAD, movie_id=movie_id, **facts)
        _add(session, source, choose=choose)
    return source


def add_upload(
    session: Session, storage: Storage, movie: Movie, data: bytes, limits: Limits = LIMITS
) -> PosterSource:
    """Make an uploaded file the chosen source of ``movie``.

    Raises ``ImageRejected`` for what is no acceptable picture, ``StorageError`` when it cannot be
    kept. Its variants are made when they are first asked for.
    """
    return record_upload(session, movie.id, store_upload(storage, data, limits))


def add_url(
    session: Session, movie: Movie, url: str, *, key: str | None = None, choose: bool = True
) -> PosterSource:
    """Make an external picture a source of ``movie``; it is fetched when first needed.

    With a ``key``, it was fetched to be looked at, and is first made of what stands there. With
    ``choose`` off it is chosen only where the movie has no chosen source yet.

    Raises ``BadTargetError`` for anything but a plain http(s) URL.
    """
    if len(url) > MAX_URL_LENGTH:
        raise BadTargetError(f"more than {MAX_URL_LENGTH} characters")
    parse_target(url)
    source = PosterSource(kind=SourceKind.URL, movie_id=movie.id, url=url, key=key)
    _add(session, source, choose=choose)
    return source


_UPLOAD_COLUMNS: Final = ("key", "sha256", "bytes", "format", "width", "height")


def _add(session: Session, source: PosterSource, *, choose: bool) -> None:
    shown = select(PosterSource.id).where(
        PosterSource.movie_id == source.movie_id, PosterSource.chosen
    )
    if choose or session.scalars(shown).first() is None:
        choosing.choose(session, source)
    else:
        session.add(source)
        session.flush()
