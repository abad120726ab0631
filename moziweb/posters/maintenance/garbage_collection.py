"""Garbage collection: removes the objects of variants that were superseded some time ago."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from sqlalchemy import ColumnElement, Row, func, select, update

from moziweb.cache import TAGS_OPTION
from moziweb.db import Database
from moziweb.db.paging import keyset_pages
from moziweb.storage import Storage, StorageError

from ..models import PosterSource, PosterVariant, VariantState
from ..object_keys import at_keys
from .held_objects import held
from .movie_locks import MovieLock, locked_movies

OBJECT_RETENTION: Final = timedelta(days=30)
"""How long superseded objects stay: pages in other caches may link them."""

MOVIES_PER_REMOVAL: Final = 50
"""Movies whose objects are removed by one storage request."""

_LIVE: Final = (VariantState.READY, VariantState.SUPERSEDED)


@dataclass(frozen=True, slots=True)
class RemovalResult:
    """What was removed of one movie: the numbers of variants and objects.

    ``shared`` is the number of keys that stay because another variant is stored there, too.
    ``busy`` is set if one of its sources was leased: it is left to the next run.
    """

    movie_id: int
    variants: int = 0
    objects: int = 0
    shared: int = 0
    busy: bool = False


_Row: TypeAlias = Row[int, int, str | None]
"""The id, movie id and key of a variant."""


@dataclass(frozen=True, slots=True)
class SupersededVariants:
    """Removes superseded variants, a batch of movies at a time.

    ``clock`` returns aware datetimes; ``retention`` is how long the variants stay.
    """

    database: Database
    storage: Storage
    clock: Callable[[], datetime]
    retention: timedelta = OBJECT_RETENTION

    def count(self) -> int:
        """The number of movies with variants to remove."""
        query = select(func.count(func.distinct(PosterSource.movie_id))).join(PosterVariant)
        with self.database.read() as session:
            return session.scalar(query.where(self._is_old())) or 0

    def run(self) -> Iterator[RemovalResult]:
        """Remove the variants, and yield a result for each movie; raises ``StorageError``."""
        query = select(PosterSource.movie_id).join(PosterVariant).where(self._is_old()).distinct()
        for page in keyset_pages(self.database.read, query, MOVIES_PER_REMOVAL):
            yield from self._remove([row.movie_id for row in page])

    def _remove(self, movie_ids: Sequence[int]) -> list[RemovalResult]:
        with locked_movies(self.database, self.clock, movie_ids) as lock:
            rows, shared = self._read_rows(lock.movie_ids)
            still_locked = lock.renew()
            rows = [row for row in rows if row.movie_id in still_locked]
            keys = sorted(_keys(rows) - shared)
            try:
                self.storage.delete(keys)
            except StorageError:  # some may have been removed
                self._record(lock, (), keys)
                raise
            self._record(lock, rows, keys)
        return [_result_of(movie_id, rows, shared, still_locked) for movie_id in movie_ids]

    def _read_rows(self, movie_ids: frozenset[int]) -> tuple[list[_Row], frozenset[str]]:
        """The variants to remove, and those of their keys that other variants share."""
        query = (
            select(PosterVariant.id, PosterSource.movie_id, PosterVariant.key)
            .join(PosterSource)
            .where(PosterSource.movie_id.in_(movie_ids), self._is_old())
        )
        with self.database.read() as session:
            rows = list(session.execute(query))
            others = select(PosterVariant.key).where(
                at_keys(_keys(rows)),
                PosterVariant.id.not_in([row.id for row in rows]),
                PosterVariant.state.in_(_LIVE),
            )
            shared = {key for key in session.scalars(others) if key}
            return rows, frozenset(shared | held(session, _keys(rows)))

    def _record(self, lock: MovieLock, rows: Sequence[_Row], keys: Sequence[str]) -> None:
        """Mark the rows as deleted, and what was published during the removal as pending."""
        deleted = (
            update(PosterVariant)
            .where(
                PosterVariant.id.in_([row.id for row in rows]),
                PosterVariant.state == VariantState.SUPERSEDED,
            )
            .values(state=VariantState.DELETED)
        )
        # No page shows a superseded variant, so none is invalidated.
        options = {"synchronize_session": False, TAGS_OPTION: ()}
        with self.database.write() as session:
            session.execute(deleted, execution_options=options)
            lock.record_removal(session, keys)

    def _is_old(self) -> ColumnElement[bool]:
        return (
            (PosterVariant.state == VariantState.SUPERSEDED)
            & (PosterVariant.superseded_at <= self.clock() - self.retention)
            & (PosterVariant.bucket == self.storage.bucket)
            & PosterVariant.key.is_not(None)
        )


def _keys(rows: Sequence[_Row]) -> frozenset[str]:
    return frozenset(row.key for row in rows if row.key)


def _result_of(
    movie_id: int, rows: Sequence[_Row], shared: frozenset[str], still_locked: frozenset[int]
) -> RemovalResult:
    ours = [row for row in rows if row.movie_id == movie_id]
    keys, is_busy = _keys(ours), movie_id not in still_locked
    return RemovalResult(movie_id, len(ours), len(keys - shared), len(keys & shared), is_busy)
