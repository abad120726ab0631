"""Pictures of links on other sites: one for each movie, or week, and language.

A page computes what the picture shows (`ShareContent`), and its digest. If there is a picture with
this digest, the page links its object, otherwise a route of the site, whose first request draws it.
So a change of a title, a date or a poster leads to a new picture. The row of the new picture has a
tag, which makes the pages stale that link the route.
"""

import json
import logging
import secrets
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Integer,
    and_,
    case,
    cast,
    delete,
    exists,
    func,
    or_,
    select,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from moziweb.cache import TAGS_OPTION
from moziweb.db import Database
from moziweb.db.paging import keyset_pages
from moziweb.movies.models import Movie
from moziweb.storage import ObjectNotFound, Storage, StorageError

from .cache_tags import share_tag
from .generation.error_codes import storage_code
from .generation.host_breaker import STORAGE, HostCircuitBreaker
from .generation.publication import CACHE_CONTROL
from .imaging.errors import ImageRejected
from .imaging.values import ShareText
from .models import PosterSource, SharePicture
from .urls import POSTERS_QUERY, PosterLinks, links_of, poster_links

log = logging.getLogger(__name__)

PUBLIC_FOLDER: Final = "share"
"""The first part of the keys of pictures; visitors may read what is in it."""

PICTURE_PREFIX: Final = f"{PUBLIC_FOLDER}/"

_EPOCH: Final = 1
"""Increase it if the drawing changes: all pictures are then drawn again."""

PICTURES_PER_REMOVAL: Final = 200
"""Pictures that are removed by one transaction and one storage request."""

_MOVIE: Final = "movie-"

Draw = Callable[[ShareText, Sequence[bytes]], bytes]
"""As `imaging.share_picture.draw_share_picture`, with the arguments in the other order."""


@dataclass(frozen=True)
class ShareContent:
    """What a picture shows. ``posters`` are the storage keys of JPEG variants.

    ``alt`` describes the picture; it is not part of it.
    """

    subject: str
    locale: str
    text: ShareText
    posters: tuple[str, ...] = ()
    alt: str = ""

    @cached_property
    def digest(self) -> str:
        """SHA-256 (64 hex digits) of what is drawn."""
        shown = {"epoch": _EPOCH, "text": asdict(self.text), "posters": self.posters}
        return sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()


def movie_subject(movie_id: int) -> str:
    """The subject of a movie's picture."""
    return f"{_MOVIE}{movie_id}"


def week_subject(name: str) -> str:
    """The subject of the picture of the week ``2026-W34``."""
    return f"week-{name}"


@dataclass(frozen=True, slots=True)
class DrawnPictures:
    """The pictures of subjects in a language: their storage URLs by subject and digest."""

    locale: str
    urls: Mapping[tuple[str, str], str]

    def url(self, content: ShareContent, depend: Callable[..., None]) -> str | None:
        """The storage URL of a picture; None if it is not drawn yet. ``depend`` gets its tag."""
        depend(share_tag(content.subject, self.locale))
        return self.urls.get((content.subject, content.digest))


def links_and_pictures(
    session: Session,
    storage: Storage,
    movies: Mapping[int, str],
    subjects: Collection[str],
    locale: str,
) -> tuple[dict[int, PosterLinks], DrawnPictures]:
    """As `poster_links`, and the pictures of ``subjects``.

    One query, or two if no movie has a poster.
    """
    if not subjects:
        return poster_links(session, storage, movies), DrawnPictures(locale, {})
    is_shown = and_(
        SharePicture.subject.in_(subjects),
        SharePicture.locale == locale,
        SharePicture.superseded_at.is_(None),
    )
    names = ("subject", "digest", "key", "bucket")
    columns = [getattr(SharePicture, name).label(f"share_{name}") for name in names]
    query = POSTERS_QUERY.add_columns(*columns).outerjoin(SharePicture, is_shown)
    rows: Sequence[Any] = session.execute(query.where(PosterSource.movie_id.in_(movies))).all()
    links = links_of(rows, storage, movies)
    rows = rows or session.execute(select(*columns).where(is_shown)).all()
    urls = {
        (row.share_subject, row.share_digest): storage.url(row.share_key, row.share_bucket)
        for row in rows
        if row.share_key is not None
    }
    return links, DrawnPictures(locale, urls)


def _is(content: ShareContent) -> tuple[ColumnElement[bool], ...]:
    return (*_is_of(content), SharePicture.digest == content.digest)


def _is_of(content: ShareContent) -> tuple[ColumnElement[bool], ...]:
    return SharePicture.subject == content.subject, SharePicture.locale == content.locale


class PictureUnavailable(Exception):
    """A picture cannot be drawn now; the text says why."""


class SharePictures:
    """Draws the pictures that are missing, one at a time in a process.

    ``clock`` returns aware datetimes. Requests call ``ensure`` with a slot of admission control.
    """

    def __init__(
        self, database: Database, storage: Storage, draw: Draw, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._storage = storage
        self._draw = draw
        self._clock = clock
        self._breaker = HostCircuitBreaker(database, clock)
        self._lock = threading.Lock()

    def ensure(self, content: ShareContent, *, keep: bool = True) -> str | bytes | None:
        """The storage URL of the picture, which is drawn if it is missing.

        The JPEG itself without ``keep``, or if storage has lost a poster: it is not stored, because
        its poster will be there soon. None if this process draws another picture. Raises
        ``PictureUnavailable`` and ``SQLAlchemyError``.
        """
        if not self._lock.acquire(blocking=False):
            return None
        try:
            url = self.find(content) or self._restore(content) if keep else None
            return url or self._make(content, keep=keep)
        finally:
            self._lock.release()

    def find(self, content: ShareContent) -> str | None:
        """The storage URL of the picture; None if it is not drawn. One query."""
        with self._database.autocommit_read() as session:
            row = session.execute(
                select(SharePicture.key, SharePicture.bucket).where(
                    *_is(content), SharePicture.superseded_at.is_(None)
                )
            ).first()
        return self._storage.url(row.key, row.bucket) if row else None

    def _make(self, content: ShareContent, *, keep: bool) -> str | bytes | None:
        """Draw and store the picture, unless the circuit breaker of storage is open."""
        needed = (STORAGE,) if keep or content.posters else ()
        storage = self._breaker.ask(*needed)
        if storage.until is not None:
            raise PictureUnavailable(f"storage has failed; no request before {storage.until}")
        try:
            picture = self._draw_and_store(content, keep=keep)
        except (StorageError, ImageRejected) as error:
            log.warning("the picture of %s could not be drawn: %s", content.subject, error)
            if isinstance(error, StorageError):
                seen = storage.failures.get(STORAGE, 0)
                self._breaker.record_failure(STORAGE, storage_code(error), seen=seen)
            elif STORAGE in storage.failures:
                self._breaker.return_trial(STORAGE)
            raise PictureUnavailable(str(error)) from error
        if STORAGE in storage.failures:
            self._breaker.record_success(STORAGE)
        return picture

    def _draw_and_store(self, content: ShareContent, *, keep: bool) -> str | bytes | None:
        posters = list(self._posters(content))
        picture = self._draw(content.text, posters)
        if not keep or len(posters) < len(content.posters):
            return picture
        return self._store(content, picture)

    def _store(self, content: ShareContent, picture: bytes) -> str | None:
        # Each drawing has its own key: garbage collection may be removing an earlier one.
        name = f"{content.locale}-{content.digest[:16]}-{secrets.token_hex(4)}"
        key = f"{PICTURE_PREFIX}{content.subject}/{name}.jpg"
        self._storage.put(key, picture, content_type="image/jpeg", cache_control=CACHE_CONTROL)
        try:
            with self._database.write() as session:
                self._supersede_others(session, content)
                session.add(
                    SharePicture(
                        subject=content.subject,
                        locale=content.locale,
                        digest=content.digest,
                        bucket=self._storage.bucket,
                        key=key,
                        created_at=self._clock(),
                    )
                )
        except IntegrityError:  # another process has drawn it
            self._storage.delete([key])
            return self.find(content)
        return self._storage.url(key)

    def _restore(self, content: ShareContent) -> str | None:
        """Use the picture of before again, if a change was undone; returns its storage URL."""
        with self._database.write() as session:
            row = session.scalars(select(SharePicture).where(*_is(content))).first()
            if row is None:
                return None
            row.superseded_at = None
            self._supersede_others(session, content)
            return self._storage.url(row.key, row.bucket)

    def _supersede_others(self, session: Session, content: ShareContent) -> None:
        others = select(SharePicture).where(
            *_is_of(content),
            SharePicture.digest != content.digest,
            SharePicture.superseded_at.is_(None),
        )
        for row in session.scalars(others):
            row.superseded_at = self._clock()

    def _posters(self, content: ShareContent) -> Iterator[bytes]:
        for key in content.posters:
            try:
                yield self._storage.get(key)
            except ObjectNotFound as error:
                # Lost, or in another bucket. It returns under this key, so the digest will be the
                # same: a picture that is stored without it would stay without it.
                log.warning("a picture of %s lacks a poster: %s", content.subject, error)


@dataclass(frozen=True, slots=True)
class SupersededPictures:
    """Removes pictures that were superseded some time ago, and those of deleted movies.

    ``clock`` returns aware datetimes; ``retention`` is how long the pictures stay.
    """

    database: Database
    storage: Storage
    clock: Callable[[], datetime]
    retention: timedelta

    def count(self) -> int:
        """The number of pictures to remove."""
        with self.database.read() as session:
            return session.scalar(select(func.count(SharePicture.id)).where(self._is_old())) or 0

    def run(self) -> Iterator[str]:
        """Yield the key of each; raises ``StorageError``.

        The rows are deleted first: a page that links an object would be stale at once.
        """
        query = select(SharePicture.id, SharePicture.subject, SharePicture.locale)
        where = self._is_old()
        for page in keyset_pages(self.database.read, query.where(where), PICTURES_PER_REMOVAL):
            tags = tuple({share_tag(row.subject, row.locale) for row in page})
            statement = delete(SharePicture).where(
                SharePicture.id.in_([row.id for row in page]), where
            )
            with self.database.write() as session:
                keys = session.scalars(
                    statement.returning(SharePicture.key),
                    execution_options={"synchronize_session": False, TAGS_OPTION: tags},
                ).all()
            self.storage.delete(keys)
            yield from keys

    def _is_old(self) -> ColumnElement[bool]:
        # The id is computed from the subject, so that the index of movies finds the movie.
        is_of_movie = SharePicture.subject.startswith(_MOVIE)
        digits = func.substr(SharePicture.subject, len(_MOVIE) + 1)
        movie_id = case((is_of_movie, cast(digits, Integer)))
        is_of_deleted_movie = is_of_movie & ~exists().where(Movie.id == movie_id)
        is_superseded = SharePicture.superseded_at <= self.clock() - self.retention
        return or_(is_superseded, is_of_deleted_movie) & (
            SharePicture.bucket == self.storage.bucket
        )
