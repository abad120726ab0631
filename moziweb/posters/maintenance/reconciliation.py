"""Reconciles storage with the database: objects without a row, and rows without an object.

Storage lists its keys in byte order, and the database's index has the same order. So both are read
side by side, a page at a time. Publishing goes on during the run, so each difference is checked
again: an object is an orphan only after a day, and is looked up once more while its movie is
locked; a missing object is requested by its key.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from sqlalchemy import ColumnElement, Select, distinct, func, select
from sqlalchemy.orm import Session

from moziweb.db import Database
from moziweb.db.paging import keyset_pages
from moziweb.db.types import parse_id
from moziweb.storage import Storage, StoredObject

from ..generation.upload_store import ORIGINAL_PREFIX
from ..models import PendingUpload, PosterSource, PosterVariant, VariantState
from .held_objects import held
from .movie_locks import MovieLock, locked_movies, mark_all_for_regeneration

OBJECTS_PER_QUERY: Final = 1_000
MIN_ORPHAN_AGE: Final = timedelta(days=1)
"""A younger object may belong to a variant or an upload that is not committed yet."""

VARIANT_PREFIX: Final = "poster/"

_MOVIE: Final = re.compile(r"poster/([0-9]+)-")
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
    """The number of objects that were read, of those too young to be orphans, and the findings."""

    objects: int = 0
    young: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def orphans(self) -> list[Finding]:
        """The objects without a row."""
        return [found for found in self.findings if found.is_orphan]

    @property
    def missing(self) -> list[Finding]:
        """The rows without an object."""
        return [found for found in self.findings if not found.is_orphan]

    @property
    def share(self) -> float:
        """The share of the objects that are orphans, from 0 to 1."""
        return len(self.orphans) / self.objects if self.objects else 0.0


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Compares storage with the database. ``clock`` returns aware datetimes."""

    database: Database
    storage: Storage
    clock: Callable[[], datetime]

    def count(self) -> int:
        """The number of objects that the database refers to."""
        originals = select(func.count(distinct(PosterSource.key)))
        variants = select(func.count(distinct(PosterVariant.key))).where(*self._is_stored())
        with self.database.read() as session:
            return (session.scalar(originals) or 0) + (session.scalar(variants) or 0)

    def run(self, progress: Callable[[int], None] = lambda _: None) -> Survey:
        """Compare everything without changing it; ``progress`` gets the number of objects read."""
        survey = Survey()
        for prefix, known in (
            (VARIANT_PREFIX, self._known_variants),
            (ORIGINAL_PREFIX, self._known_originals),
        ):
            last = ""
            for page in _pages(self.storage.list(prefix)):
                self._compare(survey, page, known(last, page))
                last = page[-1].key
                survey.objects += len(page)
                progress(survey.objects)
            if prefix == VARIANT_PREFIX:
                self._note_missing_after(survey, last)
        return survey

    def remove(self, orphans: Sequence[Finding]) -> int:
        """Remove objects that still are orphans; returns how many. Raises ``StorageError``."""
        removed = 0
        for start in range(0, len(orphans), OBJECTS_PER_QUERY):
            batch = [found.key for found in orphans[start : start + OBJECTS_PER_QUERY]]
            originals = [key for key in batch if key.startswith(ORIGINAL_PREFIX)]
            variants = {key: _movie_of(key) for key in batch if key.startswith(VARIANT_PREFIX)}
            removed += sum(map(self._remove_original, originals))
            movie_ids = {movie_id for movie_id in variants.values() if movie_id is not None}
            with locked_movies(self.database, self.clock, movie_ids) as lock:
                removed += self._remove_variants(lock, variants)
        return removed

    def repair(self, missing: Sequence[Finding]) -> list[int]:
        """Mark variants without an object for regeneration; returns the ids of their sources."""
        return mark_all_for_regeneration(self.database, [found.key for found in missing])

    def _compare(self, survey: Survey, page: Sequence[StoredObject], known: set[str]) -> None:
        for stored in page:
            if stored.key in known:
                continue
            if self._is_young(stored):
                survey.young += 1
            else:
                survey.findings.append(Finding(stored.key, True, stored.size))
        if page[0].key.startswith(VARIANT_PREFIX):
            self._note_missing(survey, known, frozenset(stored.key for stored in page))

    def _note_missing(self, survey: Survey, known: set[str], there: frozenset[str]) -> None:
        survey.findings += [
            Finding(key, False)
            for key in sorted(known - there)
            if self.storage.head(key) is None and self._is_ready(key)
        ]

    def _known_variants(self, last: str, page: Sequence[StoredObject]) -> set[str]:
        """The keys of the database's variants up to the end of a page, and those that are held."""
        query = self._variants(PosterVariant.key > last, PosterVariant.key <= page[-1].key)
        with self.database.read() as session:
            there = {key for key in session.scalars(query) if key}
            return there | held(session, [stored.key for stored in page])

    def _note_missing_after(self, survey: Survey, last: str) -> None:
        """The database's keys after the last one that storage lists."""
        query = self._variants(PosterVariant.key > last)
        for page in keyset_pages(self.database.read, query, OBJECTS_PER_QUERY):
            self._note_missing(survey, {row.key for row in page}, frozenset())

    def _variants(self, *where: ColumnElement[bool]) -> Select[str | None]:
        return select(PosterVariant.key).where(*where, *self._is_stored()).distinct()

    def _is_stored(self) -> tuple[ColumnElement[bool], ...]:
        return PosterVariant.state.in_(_LIVE), PosterVariant.bucket == self.storage.bucket

    def _known_originals(self, last: str, page: Sequence[StoredObject]) -> set[str]:
        with self.database.read() as session:
            return _originals(session, [stored.key for stored in page])

    def _is_ready(self, key: str) -> bool:
        query = select(PosterVariant.id).where(
            PosterVariant.key == key, PosterVariant.state == VariantState.READY
        )
        with self.database.read() as session:
            return session.scalars(query.limit(1)).first() is not None

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
            live = select(PosterVariant.key).where(
                PosterVariant.key.in_(keys), PosterVariant.state.in_(_LIVE)
            )
            # `_originals` also finds the held keys of variants.
            known = {key for key in session.scalars(live) if key} | _originals(session, keys)
        return [key for key in keys if key not in known]


def _originals(session: Session, keys: Collection[str]) -> set[str]:
    """Those of the keys that a source, a pending upload or a deleted source has."""
    sources = select(PosterSource.key).where(PosterSource.key.in_(keys))
    pending = select(PendingUpload.key).where(PendingUpload.key.in_(keys))
    known = {key for query in (sources, pending) for key in session.scalars(query) if key}
    return known | held(session, keys)


def _pages(objects: Iterator[StoredObject]) -> Iterator[list[StoredObject]]:
    while page := list(islice(objects, OBJECTS_PER_QUERY)):
        yield page


def _movie_of(key: str) -> int | None:
    match = _MOVIE.match(key)
    return parse_id(match[1]) if match else None
