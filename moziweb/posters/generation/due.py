"""Which sources have something to be done: the database's states are the truth.

A job that was lost, a process that was killed, a source that was written past every hook: it is
found here, by its state. Drawn sources are left out, unless somebody asked for them to be made
anew: the demo draws a poster when it is looked at.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Final

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from ..models import PosterSource, SourceKind, SourceState
from .host_breaker import STORAGE, is_open
from .leases import unleased

ON_DEMAND_KINDS: Final = frozenset({SourceKind.DRAWN})
"""Kinds that are made when a visitor asks, and not before."""

BACKGROUND_ONLY: Final = or_(
    PosterSource.kind.not_in(ON_DEMAND_KINDS), PosterSource.regenerate_requested
)
"""Sources that the background makes, without waiting for a visitor."""


def due_sources(session: Session, now: datetime, limit: int) -> list[int]:
    """Ids of at most ``limit`` sources that somebody ought to work on at ``now``.

    Those that were never made or have changed come first, then those whose worker died, then those
    whose time to be tried again has come, at last external pictures that may have changed. While
    storage is left alone there is nothing to be done: each would only be put off.
    """
    if is_open(session, STORAGE, now):
        return []
    return list(islice(_in_turn(session, now, limit), limit))


def _in_turn(session: Session, now: datetime, limit: int) -> Iterator[int]:
    for condition in _conditions(now):
        # A query to each state: all of them run along one index, whatever the number of sources.
        query = (
            select(PosterSource.id)
            .where(condition, BACKGROUND_ONLY, unleased(now))
            .order_by(PosterSource.next_attempt_at)
            .limit(limit)
        )
        yield from session.scalars(query)


def _conditions(now: datetime) -> tuple[ColumnElement[bool], ...]:
    is_time = PosterSource.next_attempt_at <= now
    return (
        PosterSource.state == SourceState.PENDING,
        PosterSource.state == SourceState.GENERATING,
        and_(PosterSource.state == SourceState.RETRY_WAIT, is_time),
        and_(PosterSource.state == SourceState.FAILED, is_time),
        and_(PosterSource.state == SourceState.READY, is_time),
    )
