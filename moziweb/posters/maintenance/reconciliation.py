"""Reconciles storage with the database: objects without a row, and rows without an object.

Storage lists its keys in byte order. For each page of it, the database's keys of the same range are
read. Publishing goes on during the run, so each difference is checked again: an object is an orphan
only after a day, and is looked up once more while its movie is locked; a missing object is
requested by its key. Only a page is in memory.

The picture of a link needs no lock: each drawing has its own key.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from moziweb.db import Database
from moziweb.db.paging import keyset_pages
from moziweb.storage import Storage, StoredObject

from ..generation.upload_store import ORIGINAL_PREFIX
from ..models import PendingUpload, PosterSource, PosterVariant, SharePicture, VariantState
from ..object_keys import VARIANT_PREFIX, at_keys, between_keys, movie_of_key
from ..sharing import PICTURE_PREFIX
from .held_objects import held
from .movie_locks import MovieLock, locked_movies, mark_all_for_regeneration

OBJECTS_PER_QUERY: Final = 1_000
MIN_ORPHAN_AGE: Final = timedelta(days=1)
"""A younger object may belong to a variant or an upload that is not committed yet."""

KEYS_PER_SCAN: Final = 100_000

T = TypeVar("T")

_LIVE: Final = (VariantState.READY, VariantState.SUPERSEDED)


@dataclass(frozen=True, slots=True)
class Finding:
    """A key at which storage and database differ.

    It is an orphan, an object without a row of ``size`` bytes, or a row whose object is missing.
    """

    key: str
    is_orphan: bool
    size: int = 0


@dataclass(slots=True)
class Survey:
    """Counts: objects that were read, those too young to be orphans, orphans, missing objects."""

    objects: int = 0
    young: int = 0
    orphans: int = 0
    missing: int = 0

    @property
    def share(self) -> float:
        """The share of the objects that are orphans, from 0 to 1."""
        return self.orphans / self.objects if self.objects else 0.0


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Compares storage with the database. ``clock`` returns aware datetimes."""

    database: Database
    storage: Storage
    clock: Callable[[], datetime]

    def estimate(self) -> int:
        """About how many objects the database refers to: the greatest ids, which cost nothing."""
        with self.database.read() as session:
            ids = PosterSource.id, PosterVariant.id, SharePicture.id
            greatest = [func.max(each) for each in ids]
            return sum(session.scalar(select(each)) or 0 for each in greatest)

    def findings(
        self, survey: Survey, progress: Callable[[int], None] = lambda _: None
    ) -> Iterator[Finding]:
        """Compare everything without changing it, and yield the differences.

        Counts in ``survey``; ``progress`` gets the number of objects read.
        """
        for prefix, known in (
            (VARIANT_PREFIX, self._known_variants),
            (PICTURE_PREFIX, self._known_pictures),
            (ORIGINAL_PREFIX, self._known_originals),
        ):
            last = ""
            for page in _pages(self.storage.list(prefix)):
                yield from self._compare(survey, page, known(last, page))
                last = page[-1].key
                survey.objects += len(page)
                progress(survey.objects)
            yield from self._missing_after(survey, prefix, last)

    def remove(self, orphans: Iterable[Finding]) -> int:
        """Remove objects that still are orphans; returns how many. Raises ``StorageError``."""
        removed = 0
        for page in _pages(orphans):
            batch = [found.key for found in page]
            originals = [key for key in batch if key.startswith(ORIGINAL_PREFIX)]
            variants = {key: movie_of_key(key) for key in batch if key.startswith(VARIANT_PREFIX)}
            removed += sum(map(self._remove_original, originals))
            removed += self._remove_pictures([each for each in batch if _is_picture(each)])
            movie_ids = {movie_id for movie_id in variants.values() if movie_id is not None}
            with locked_movies(self.database, self.clock, movie_ids) as lock:
                removed += self._remove_variants(lock, variants)
        return removed

    def repair(self, missing: Iterable[Finding]) -> int:
        """Have objects that are missing made again; returns the number of sources and pictures.

        Variants are marked for regeneration. Rows of pictures are deleted, so that pages link the
        route that draws them.
        """
        source_ids, pictures = set[int](), 0
        for page in _pages(missing):
            keys = [found.key for found in page]
            variants = (key for key in keys if not _is_picture(key))
            source_ids.update(mark_all_for_regeneration(self.database, variants))
            pictures += self._forget_pictures([key for key in keys if _is_picture(key)])
        return len(source_ids) + pictures

    def _compare(
        self, survey: Survey, page: Sequence[StoredObject], known: set[str]
    ) -> Iterator[Finding]:
        for stored in page:
            if stored.key in known:
                continue
            if self._is_young(stored):
                survey.young += 1
            else:
                survey.orphans += 1
                yield Finding(stored.key, True, stored.size)
        if not page[0].key.startswith(ORIGINAL_PREFIX):
            yield from self._missing(survey, known, frozenset(stored.key for stored in page))

    def _missing(self, survey: Survey, known: set[str], there: frozenset[str]) -> Iterator[Finding]:
        for key in sorted(known - there):
            if self.storage.head(key) is None and self._is_linked(key):
                survey.missing += 1
                yield Finding(key, False)

    def _known_variants(self, last: str, page: Sequence[StoredObject]) -> set[str]:
        """The keys of the database's variants up to the end of a page, and those that are held."""
        query = self._variants(between_keys(last, page[-1].key))
        with self.database.read() as session:
            there = {key for key in session.scalars(query) if key}
            return there | held(session, [stored.key for stored in page])

    def _known_pictures(self, last: str, page: Sequence[StoredObject]) -> set[str]:
        query = self._pictures(SharePicture.key > last, SharePicture.key <= page[-1].key)
        with self.database.read() as session:
            return set(session.scalars(query))

    def _missing_after(self, survey: Survey, prefix: str, last: str) -> Iterator[Finding]:
        """The database's keys after the last one that storage lists."""
        if prefix == PICTURE_PREFIX:
            yield from self._missing_of(survey, self._pictures(SharePicture.key > last))
        elif prefix == VARIANT_PREFIX:
            yield from self._missing_of(survey, self._variants(PosterVariant.key > last))

    def _missing_of(self, survey: Survey, keys: Select[Any]) -> Iterator[Finding]:
        """Each page of variants reads all of them and sorts them, so the pages are large."""
        for page in keyset_pages(self.database.read, keys, KEYS_PER_SCAN):
            yield from self._missing(survey, {row.key for row in page if row.key}, frozenset())

    def _pictures(self, *where: ColumnElement[bool]) -> Select[str]:
        in_bucket = SharePicture.bucket == self.storage.bucket
        return select(SharePicture.key).where(*where, in_bucket)

    def _variants(self, *where: ColumnElement[bool]) -> Select[str | None]:
        return select(PosterVariant.key).where(*where, *self._is_stored()).distinct()

    def _is_stored(self) -> tuple[ColumnElement[bool], ...]:
        return PosterVariant.state.in_(_LIVE), PosterVariant.bucket == self.storage.bucket

    def _known_originals(self, last: str, page: Sequence[StoredObject]) -> set[str]:
        with self.database.read() as session:
            return _originals(session, [stored.key for stored in page])

    def _is_linked(self, key: str) -> bool:
        """Whether a page may link the object: also a superseded picture may be used again."""
        if _is_picture(key):
            query = select(SharePicture.id).where(SharePicture.key == key)
        else:
            is_ready = PosterVariant.state == VariantState.READY
            query = select(PosterVariant.id).where(at_keys([key]), is_ready)
        with self.database.read() as session:
            return session.scalars(query.limit(1)).first() is not None

    def _remove_pictures(self, keys: Sequence[str]) -> int:
        with self.database.read() as session:
            is_known = SharePicture.key.in_(keys)
            known = set(session.scalars(select(SharePicture.key).where(is_known)))
        orphans = [key for key in keys if key not in known]
        self.storage.delete(orphans)
        return len(orphans)

    def _forget_pictures(self, keys: Sequence[str]) -> int:
        with self.database.write() as session:
            rows = session.scalars(select(SharePicture).where(SharePicture.key.in_(keys))).all()
            for row in rows:  # by the ORM, which invalidates the pages that link them
                session.delete(row)
        return len(rows)

    def _remove_original(self, key: str) -> int:
        """Remove an original unless it was stored again since the survey.

        No lock can prevent a new upload, which has no row before its commit. So each original is
        requested just before its removal.
        """
        stored = self.storage.head(key)
        if stored is None or self._is_young(stored):
            return 0
        orphans = self._unknown([key])
        self.storage.delete(orphans)
        return len(orphans)

    def _remove_variants(self, lock: MovieLock, variants: Mapping[str, int | None]) -> int:
        """Remove those of these keys that have no row and whose movies are locked."""
        unknown = self._unknown(list(variants))
        still_locked = {*lock.renew(), None}
        orphans = [key for key in unknown if variants[key] in still_locked]
        try:
            self.storage.delete(orphans)
        finally:  # some may have been removed
            with self.database.write() as session:
                lock.record_removal(session, orphans)
        return len(orphans)

    def _is_young(self, stored: StoredObject) -> bool:
        return stored.last_modified is None or stored.last_modified > self.clock() - MIN_ORPHAN_AGE

    def _unknown(self, keys: Sequence[str]) -> list[str]:
        with self.database.read() as session:
            live = select(PosterVariant.key).where(at_keys(keys), PosterVariant.state.in_(_LIVE))
            # `_originals` also finds the held keys of variants.
            known = {key for key in session.scalars(live) if key} | _originals(session, keys)
        return [key for key in keys if key not in known]


def _is_picture(key: str) -> bool:
    return key.startswith(PICTURE_PREFIX)


def _originals(session: Session, keys: Collection[str]) -> set[str]:
    """Those of the keys that a source, a pending upload or a deleted source has."""
    sources = select(PosterSource.key).where(PosterSource.key.in_(keys))
    pending = select(PendingUpload.key).where(PendingUpload.key.in_(keys))
    known = {key for query in (sources, pending) for key in session.scalars(query) if key}
    return known | held(session, keys)


def _pages(each: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(each)
    while page := list(islice(rest, OBJECTS_PER_QUERY)):
        yield page
