"""Uploads and URLs as new sources: an upload is inspected and stored before its row is written."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.movies.models import Movie
from moziweb.storage import Storage

from ..fetching.url_policy import ForbiddenUrl, parse_image_url
from ..imaging.limits import LIMITS, Limits, SourceImage, probe
from ..models import PosterSource, SourceKind
from . import selection

MAX_URL_LENGTH: Final = 2000
"""Characters of an external URL; longer ones are nobody's poster."""

ORIGINAL_CACHE_CONTROL: Final = "private, no-cache"
"""Originals are read by the poster service alone."""


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

    Raises ``ForbiddenUrl`` for anything but a plain http(s) URL.
    """
    if len(url) > MAX_URL_LENGTH:
        raise ForbiddenUrl(f"more than {MAX_URL_LENGTH} characters")
    parse_image_url(url)
    source = PosterSource(kind=SourceKind.URL, movie_id=movie.id, url=url, key=key)
    _add(session, source, choose=choose)
    return source


_UPLOAD_COLUMNS: Final = ("key", "sha256", "bytes", "format", "width", "height")


def _add(session: Session, source: PosterSource, *, choose: bool) -> None:
    shown = select(PosterSource.id).where(
        PosterSource.movie_id == source.movie_id, PosterSource.chosen
    )
    if choose or session.scalars(shown).first() is None:
        selection.choose(session, source)
    else:
        session.add(source)
        session.flush()
