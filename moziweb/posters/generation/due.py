"""Selects the sources that background workers should make, by their state in the database.

This also finds sources whose job was lost, whose worker was killed, or that were written without
the ORM. Drawn sources are excluded unless their regeneration was requested: the demo draws a poster
on its first request.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..models import BACKGROUND_ONLY, PosterSource, SourceState
from .host_breaker import STORAGE, is_open
from .leases import is_unleased


def due_sources(session: Session, now: datetime, limit: int) -> list[int]:
    """Ids of at most ``limit`` sources that are due at ``now``.

    New and changed sources come first, then those whose worker died, then retries, then external
    images to revalidate. None is due while storage's circuit breaker is open: all would be
    postponed.
    """
    if is_open(session, STORAGE, now):
        return []
    return list(islice(_by_priority(session, now, limit), limit))


def _by_priority(session: Session, now: datetime, limit: int) -> Iterator[int]:
    is_time = PosterSource.next_attempt_at <= now
    for condition in (
        PosterSource.state == SourceState.PENDING,
        PosterSource.state == SourceState.GENERATING,
        (PosterSource.state == SourceState.RETRY_WAIT) & is_time,
        (PosterSource.state == SourceState.FAILED) & is_time,
        (PosterSource.state == SourceState.READY) & is_time,
    ):
        # One query per state: each is a range of one index.
        query = (
            select(PosterSource.id)
            .where(condition, BACKGROUND_ONLY, is_unleased(now))
            .order_by(PosterSource.next_attempt_at)
            .limit(limit)
        )
        yield from session.scalars(query)
