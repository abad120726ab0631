"""Locks on movies: keeps all sources of a movie unchanged while its objects are removed.

An object's key depends on its content alone. So a returning image is stored under the key that is
about to be removed, and two sources of a movie may share a key. Removing objects of a movie
therefore takes the leases of all its sources; their states stay as they are.
"""

import secrets
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from moziweb.cache import TAGS_OPTION
from moziweb.db import Database

from ..generation.leases import NO_LEASE, RELEASED, is_unleased, update_sources
from ..models import PosterSource, PosterVariant, SourceState, VariantState
from ..object_keys import at_keys

LOCK_DURATION: Final = timedelta(minutes=5)
"""Longer than a batch of removals takes, with all retries of storage."""

KEYS_PER_STATEMENT: Final = 1_000
"""Keys in one statement."""


@dataclass(frozen=True, slots=True)
class MovieLock:
    """A lock on the movies ``movie_ids``. Each may be lost after `LOCK_DURATION`."""

    movie_ids: frozenset[int]
    _sourceless: frozenset[int]
    _token: str
    _database: Database
    _clock: Callable[[], datetime]

    def renew(self) -> frozenset[int]:
        """Lock for another `LOCK_DURATION`, just before a removal; returns the movies still locked.

        Movies whose lock was lost are not among them.
        """
        with self._database.write() as session:
            until = self._clock() + LOCK_DURATION
            update_sources(session, PosterSource.lease_token == self._token, lease_until=until)
            return _fully_locked(session, self.movie_ids, self._token) | self._sourceless

    def record_removal(self, session: Session, keys: Collection[str]) -> None:
        """After objects were removed: regenerate what was published under their keys.

        The lock may have expired during a slow removal. A worker that has leased a source since may
        have uploaded before the removal and would publish after it, so its lease is taken away.
        Variants that it has published already are marked for regeneration.
        """
        is_other = PosterSource.lease_token != self._token
        update_sources(session, PosterSource.movie_id.in_(self.movie_ids) & is_other, **RELEASED)
        mark_for_regeneration(session, keys)


@contextmanager
def locked_movies(
    database: Database, clock: Callable[[], datetime], movie_ids: Collection[int]
) -> Iterator[MovieLock]:
    """Lock those of the movies of which no source is leased, for a block."""
    token, now = secrets.token_hex(16), clock()
    with database.write() as session:
        acquired = _acquire(session, movie_ids, token, now)
        partly = acquired - _fully_locked(session, movie_ids, token)
        _release(session, token, partly)
    # Movies without a source need no lock: no worker can make anything of them.
    with database.read() as session:
        query = select(PosterSource.movie_id).where(PosterSource.movie_id.in_(movie_ids))
        sourceless = frozenset(movie_ids) - frozenset(session.scalars(query.distinct()))
    try:
        yield MovieLock((acquired - partly) | sourceless, sourceless, token, database, clock)
    finally:
        with database.write() as session:
            _release(session, token)


def mark_for_regeneration(session: Session, keys: Collection[str]) -> list[int]:
    """Mark the ready variants at these keys as deleted, and their sources as pending.

    Pages then link the route that makes them. Returns the ids of the sources.
    """
    # Their pages must be invalidated, so this goes through the ORM.
    is_ready = PosterVariant.state == VariantState.READY
    rows = session.scalars(select(PosterVariant).where(at_keys(keys), is_ready)).all()
    for row in rows:
        row.state = VariantState.DELETED
    session.flush()
    source_ids = sorted({row.source_id for row in rows})
    is_ready = PosterSource.id.in_(source_ids) & (PosterSource.state == SourceState.READY)
    update_sources(session, is_ready, state=SourceState.PENDING)
    return source_ids


def mark_all_for_regeneration(database: Database, keys: Iterable[str]) -> list[int]:
    """As `mark_for_regeneration` for any number of keys, with one transaction per page.

    A database takes some ten thousand parameters at most, and storage can lose more objects.
    """
    source_ids: set[int] = set()
    rest = iter(keys)
    while page := list(islice(rest, KEYS_PER_STATEMENT)):
        with database.write() as session:
            source_ids.update(mark_for_regeneration(session, page))
    return sorted(source_ids)


def _acquire(
    session: Session, movie_ids: Collection[int], token: str, now: datetime
) -> frozenset[int]:
    leased = select(PosterSource.movie_id).where(
        PosterSource.movie_id.in_(movie_ids), ~is_unleased(now)
    )
    acquired = session.execute(
        update(PosterSource)
        .where(
            PosterSource.movie_id.in_(movie_ids),
            PosterSource.movie_id.not_in(leased),
            is_unleased(now),
        )
        .values(lease_token=token, lease_until=now + LOCK_DURATION)
        .returning(PosterSource.movie_id),
        execution_options={"synchronize_session": False, TAGS_OPTION: ()},
    )
    return frozenset(acquired.scalars())


def _fully_locked(session: Session, movie_ids: Collection[int], token: str) -> frozenset[int]:
    """The movies of which every source has our token; a worker may have leased one since."""
    is_ours = PosterSource.lease_token == token
    query = (
        select(PosterSource.movie_id)
        .where(PosterSource.movie_id.in_(movie_ids))
        .group_by(PosterSource.movie_id)
        .having(func.count(PosterSource.id) == func.count(PosterSource.id).filter(is_ours))
    )
    return frozenset(session.scalars(query))


def _release(session: Session, token: str, movie_ids: Collection[int] | None = None) -> None:
    is_ours = PosterSource.lease_token == token
    if movie_ids is not None:
        is_ours &= PosterSource.movie_id.in_(movie_ids)
    update_sources(session, is_ours, **NO_LEASE)
