"""Removing what was superseded a while ago: nothing links it any longer, in any cache."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, func, select, update

from moziweb.cache import TAGS_OPTION
from moziweb.db import Database
from moziweb.db.paging import keyset_pages
from moziweb.storage import Storage, StorageError

from ..models import PosterSource, PosterVariant, VariantState
from .movie_locks import MovieLock, locked_movies

RETENTION: Final = timedelta(days=30)
"""How long superseded objects stay: pages that link them may be kept by others."""

BATCH: Final = 50
"""Movies whose objects are removed by one request."""

_LIVE: Final = (VariantState.READY, VariantState.SUPERSEDED)


@dataclass(frozen=True, slots=True)
class Removed:
    """What became of the superseded variants of one movie.

    ``busy`` when one of its sources is being worked on: its turn comes at the next run. ``shared``
    are keys that stay because another variant is stored there, too.
    """

    movie_id: int
    variants: int = 0
    objects: int = 0
    shared: int = 0
    busy: bool = False


@dataclass(frozen=True, slots=True)
class _Row:
    id: int
    movie_id: int
    key: str | None


class SupersededVariants:
    """Removes superseded variants, a batch of movies at a time.

    ``clock`` gives aware moments; ``kept`` is how long they stay.
    """

    def __init__(
        self,
        database: Database,
        storage: Storage,
        clock: Callable[[], datetime],
        kept: timedelta = RETENTION,
    ) -> None:
        self._database = database
        self._storage = storage
        self._clock = clock
        self._kept = kept

    def count(self) -> int:
        """How many movies have something to remove."""
        query = select(func.count(func.distinct(PosterSource.movie_id))).join(PosterVariant)
        with self._database.read() as session:
            return session.scalar(query.where(self._is_old())) or 0

    def run(self) -> Iterator[Removed]:
        """Remove what is old enough. Raises ``StorageError``; what is left is left to the next."""
        query = select(PosterSource.movie_id).join(PosterVariant).where(self._is_old()).distinct()
        for page in keyset_pages(self._database.read, query, BATCH):
            yield from self._remove([row.movie_id for row in page])

    def _remove(self, movie_ids: Sequence[int]) -> list[Removed]:
        with locked_movies(self._database, self._clock, movie_ids) as hold:
            rows, shared = self._rows(hold.movie_ids)
            held = hold.renewed()
            rows = [row for row in rows if row.movie_id in held]
            keys = sorted(_keys(rows) - shared)
            try:
                self._storage.delete(keys)
            except StorageError:  # some may be gone
                self._record(hold, (), keys)
                raise
            self._record(hold, rows, keys)
        return [_told(movie_id, rows, shared, held) for movie_id in movie_ids]

    def _rows(self, movie_ids: frozenset[int]) -> tuple[list[_Row], frozenset[str]]:
        """The variants to remove, and those of their keys that something else is stored at."""
        rows = (
            select(PosterVariant.id, PosterSource.movie_id, PosterVariant.key)
            .join(PosterSource)
            .where(PosterSource.movie_id.in_(movie_ids), self._is_old())
        )
        with self._database.read() as session:
            old = [_Row(*row) for row in session.execute(rows)]
            others = select(PosterVariant.key).where(
                PosterVariant.key.in_(_keys(old)),
                PosterVariant.id.not_in([row.id for row in old]),
                PosterVariant.state.in_(_LIVE),
            )
            return old, frozenset(key for key in session.scalars(others) if key)

    def _record(self, hold: MovieLock, rows: Sequence[_Row], keys: Sequence[str]) -> None:
        """Say that they are deleted; what was made meanwhile, past our hold, is made anew."""
        deleted = (
            update(PosterVariant)
            .where(
                PosterVariant.id.in_([row.id for row in rows]),
                PosterVariant.state == VariantState.SUPERSEDED,
            )
            .values(state=VariantState.DELETED)
        )
        # Nothing links a superseded variant, so no page is concerned.
        options = {"synchronize_session": False, TAGS_OPTION: ()}
        with self._database.write() as session:
            session.execute(deleted, execution_options=options)
            hold.settle(session, keys)

    def _is_old(self) -> ColumnElement[bool]:
        return (
            (PosterVariant.state == VariantState.SUPERSEDED)
            & (PosterVariant.superseded_at <= self._clock() - self._kept)
            & (PosterVariant.bucket == self._storage.bucket)
            & PosterVariant.key.is_not(None)
        )


def _keys(rows: Sequence[_Row]) -> frozenset[str]:
    return frozenset(row.key for row in rows if row.key)


def _told(
    movie_id: int, rows: Sequence[_Row], shared: frozenset[str], held: frozenset[int]
) -> Removed:
    ours = [row for row in rows if row.movie_id == movie_id]
    keys = _keys(ours)
    return Removed(
        movie_id, len(ours), len(keys - shared), len(keys & shared), busy=movie_id not in held
    )
