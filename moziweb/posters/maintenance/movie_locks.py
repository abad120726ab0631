"""Holding a movie's sources still, so that its objects can be removed.

An object's key is told by its content, so a picture that comes back is stored under the key that
is about to be removed, and two sources of a movie may share a key. Whoever removes objects of a
movie therefore holds the leases of all its sources, as whoever makes them holds one: their states
stay as they are.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import case, func, select, update
from sqlalchemy.orm import Session

from moziweb.cache import TAGS_OPTION
from moziweb.db import Database

from ..generation.leases import is_unleased
from ..models import PosterSource, PosterVariant, SourceState, VariantState

HOLD: Final = timedelta(minutes=5)
"""More than a batch of removals takes, with every retry of the storage's."""

PAGE: Final = 1_000
"""Keys in one statement."""

_SILENT: Final = {"synchronize_session": False, TAGS_OPTION: ()}


@dataclass(frozen=True, slots=True)
class MovieLock:
    """The movies that are still for us. Whoever takes longer than `HOLD` may have lost some."""

    movie_ids: frozenset[int]
    _sourceless: frozenset[int]
    _token: str
    _database: Database
    _clock: Callable[[], datetime]

    def renewed(self) -> frozenset[int]:
        """Those that are still ours, for another `HOLD`: ask just before anything is removed."""
        with self._database.write() as session:
            ours = update(PosterSource).where(PosterSource.lease_token == self._token)
            session.execute(
                ours.values(lease_until=self._clock() + HOLD), execution_options=_SILENT
            )
            return _whole(session, self.movie_ids, self._token) | self._sourceless

    def settle(self, session: Session, keys: Collection[str]) -> None:
        """After objects were removed: have made anew what was published under their keys.

        Our hold may have run out while storage took its time. Whoever has claimed a source since
        may have uploaded before the removal and publish after it; the lease is taken from them, so
        that they cannot. What they have published already is healed.
        """
        others = update(PosterSource).where(
            PosterSource.movie_id.in_(self.movie_ids), PosterSource.lease_token != self._token
        )
        left = case(
            (PosterSource.state == SourceState.GENERATING, SourceState.PENDING),
            else_=PosterSource.state,
        )
        session.execute(
            others.values(lease_token=None, lease_until=None, state=left),
            execution_options=_SILENT,
        )
        mark_for_regeneration(session, keys)


@contextmanager
def locked_movies(
    database: Database, clock: Callable[[], datetime], movie_ids: Collection[int]
) -> Iterator[MovieLock]:
    """Those of the movies of which no source is being worked on; they are still for a block."""
    token, now = secrets.token_hex(16), clock()
    with database.write() as session:
        taken = _take(session, movie_ids, token, now)
        partly = taken - _whole(session, movie_ids, token)
        _give_back(session, token, partly)
    # Movies without any source have nobody who could make anything.
    with database.read() as session:
        known = frozenset(
            session.scalars(
                select(PosterSource.movie_id).where(PosterSource.movie_id.in_(movie_ids)).distinct()
            )
        )
    sourceless = frozenset(movie_ids) - known
    try:
        yield MovieLock((taken - partly) | sourceless, sourceless, token, database, clock)
    finally:
        with database.write() as session:
            _give_back(session, token)


def mark_for_regeneration(session: Session, keys: Collection[str]) -> list[int]:
    """Have the ready variants at these keys made anew: their objects are gone or wrong.

    They are linked no longer, so that the route makes them; the ids of their sources are returned.
    """
    # Their pages have to be told, so this goes by rows.
    rows = session.scalars(
        select(PosterVariant).where(
            PosterVariant.key.in_(keys), PosterVariant.state == VariantState.READY
        )
    ).all()
    for row in rows:
        row.state = VariantState.DELETED
    session.flush()
    source_ids = sorted({row.source_id for row in rows})
    session.execute(
        update(PosterSource)
        .where(PosterSource.id.in_(source_ids), PosterSource.state == SourceState.READY)
        .values(state=SourceState.PENDING),
        execution_options=_SILENT,
    )
    return source_ids


def mark_all_for_regeneration(database: Database, keys: Sequence[str]) -> list[int]:
    """The same for any number of keys, a page at a time; each page is committed by itself.

    A database takes some ten thousand parameters at most, and storage can lose more objects.
    """
    healed: set[int] = set()
    for start in range(0, len(keys), PAGE):
        with database.write() as session:
            healed.update(mark_for_regeneration(session, keys[start : start + PAGE]))
    return sorted(healed)


def _take(
    session: Session, movie_ids: Collection[int], token: str, now: datetime
) -> frozenset[int]:
    leased = select(PosterSource.movie_id).where(
        PosterSource.movie_id.in_(movie_ids), ~is_unleased(now)
    )
    taken = session.execute(
        update(PosterSource)
        .where(
            PosterSource.movie_id.in_(movie_ids),
            PosterSource.movie_id.not_in(leased),
            is_unleased(now),
        )
        .values(lease_token=token, lease_until=now + HOLD)
        .returning(PosterSource.movie_id),
        execution_options=_SILENT,
    )
    return frozenset(taken.scalars())


def _whole(session: Session, movie_ids: Collection[int], token: str) -> frozenset[int]:
    """The movies of which every source is ours; another may have been claimed meanwhile."""
    counts = Counter[int]()
    ours = Counter[int]()
    query = (
        select(
            PosterSource.movie_id,
            func.count(PosterSource.id),
            func.count(PosterSource.id).filter(PosterSource.lease_token == token),
        )
        .where(PosterSource.movie_id.in_(movie_ids))
        .group_by(PosterSource.movie_id)
    )
    for movie_id, count, held in session.execute(query):
        counts[movie_id], ours[movie_id] = count, held
    return frozenset(movie_id for movie_id in counts if counts[movie_id] == ours[movie_id])


def _give_back(session: Session, token: str, movie_ids: Collection[int] | None = None) -> None:
    ours = update(PosterSource).where(PosterSource.lease_token == token)
    if movie_ids is not None:
        ours = ours.where(PosterSource.movie_id.in_(movie_ids))
    session.execute(ours.values(lease_token=None, lease_until=None), execution_options=_SILENT)
