"""Adds uploads and URLs as sources; an upload is checked and stored before its row is written."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.movies.models import Movie
from moziweb.storage import Storage

from ..fetching.fetcher import DEFAULT_POLICY, FetchPolicy
from ..fetching.url_policy import ForbiddenUrl
from ..imaging.limits import probe
from ..imaging.values import LIMITS, Limits, SourceImage
from ..models import PosterSource, SourceKind
from . import selection

MAX_SOURCE_URL_LENGTH: Final = 2000
"""Characters of an external URL at most."""

ORIGINAL_PREFIX: Final = "upload/"
"""The start of the keys of originals."""

MAX_FILE_NAME_LENGTH: Final = 200
"""Stored characters of the name of an uploaded file."""

ORIGINAL_CACHE_CONTROL: Final = "private, no-cache"
"""Cache-Control of originals, which only the poster service reads."""


@dataclass(frozen=True, slots=True)
class StoredUpload:
    """An original; equal files have one key. Sizes are in bytes and, after orientation, pixels."""

    key: str
    sha256: str
    bytes: int
    format: str
    width: int
    height: int


Prober = Callable[[bytes, Limits], SourceImage]
"""Reads an image's header as `probe` does, in this process or in another."""


def inspect_upload(
    data: bytes, limits: Limits = LIMITS, prober: Prober = probe
) -> tuple[StoredUpload, str]:
    """Check an image; returns its future record and media type, or raises ``ImageRejected``."""
    image = prober(data, limits)
    sha256 = hashlib.sha256(data).hexdigest()
    extension = "jpg" if image.format == "jpeg" else image.format
    key = f"{ORIGINAL_PREFIX}{sha256[:2]}/{sha256}.{extension}"
    upload = StoredUpload(key, sha256, len(data), image.format, image.width, image.height)
    return upload, image.mime


def store_upload(
    storage: Storage, data: bytes, limits: Limits = LIMITS, prober: Prober = probe
) -> StoredUpload:
    """Check an original against ``limits`` and store it.

    Raises ``ImageRejected`` or ``StorageError``. Call it before a transaction begins.
    """
    upload, mime = inspect_upload(data, limits, prober)
    # Store it even if it exists: an original without a row is removed some days after it was last
    # stored, so its age must start again until its row is committed.
    storage.put(upload.key, data, content_type=mime, cache_control=ORIGINAL_CACHE_CONTROL)
    return upload


def record_upload(
    session: Session,
    movie_id: int,
    upload: StoredUpload,
    *,
    choose: bool = True,
    file_name: str | None = None,
) -> PosterSource:
    """Return the movie's source of a stored original, a new one if it has none.

    The new one keeps ``file_name``.
    A new one is chosen by ``selection.choose_source``; with ``choose`` off, only if the movie has
    no chosen source yet.
    """
    query = select(PosterSource).where(PosterSource.movie_id == movie_id)
    source = session.scalars(query.where(PosterSource.key == upload.key)).first()
    if source is None:
        columns = {name: getattr(upload, name) for name in _UPLOAD_COLUMNS}
        source = PosterSource(
            kind=SourceKind.UPLOAD,
            movie_id=movie_id,
            file_name=(file_name or "")[:MAX_FILE_NAME_LENGTH] or None,
            **columns,
        )
        _add(session, source, choose=choose)
    return source


def add_url(
    session: Session,
    movie: Movie,
    url: str,
    *,
    key: str | None = None,
    choose: bool = True,
    policy: FetchPolicy = DEFAULT_POLICY,
) -> PosterSource:
    """Add an external image as a source of ``movie``; it is fetched when first needed.

    ``key`` is where its previewed copy is stored, which its first variants are made from. With
    ``choose`` off it is chosen only if the movie has no chosen source yet.

    Raises ``ForbiddenUrl`` for anything but a plain http(s) URL with a port that is allowed.
    """
    if len(url) > MAX_SOURCE_URL_LENGTH:
        raise ForbiddenUrl(f"more than {MAX_SOURCE_URL_LENGTH} characters")
    policy.check_url(url)
    source = PosterSource(kind=SourceKind.URL, movie_id=movie.id, url=url, key=key)
    _add(session, source, choose=choose)
    return source


_UPLOAD_COLUMNS: Final = ("key", "sha256", "bytes", "format", "width", "height")


def _add(session: Session, source: PosterSource, *, choose: bool) -> None:
    query = select(PosterSource.id).where(PosterSource.movie_id == source.movie_id)
    if choose or session.scalars(query.where(PosterSource.chosen)).first() is None:
        selection.choose_source(session, source)
    else:
        session.add(source)
        session.flush()
