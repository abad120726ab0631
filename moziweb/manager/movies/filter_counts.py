"""Counts the movies of filters. On a large site, the counts are kept until the next change."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..audit.models import AuditEntry
from .list_query import Filter, FilterContext, movie_ids

SLOW_COUNT_SECONDS: Final = 0.02
"""Faster counts are not kept."""

MAX_COUNT_AGE: Final = 60.0
"""How long counts are kept at most: an import changes movies before its audit entry."""

_BY_WORKERS: Final = frozenset({Filter.FAILED})
"""Filters whose movies change without an audit entry: they are counted each time, by an index."""


@dataclass(frozen=True, slots=True)
class _Kept:
    numbers: dict[Filter, int]
    change: int
    today: date
    until: float


class FilterCounts:
    """The counts of the overview. One per process; threads share it. ``clock`` is monotonic."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: _Kept | None = None

    def of(
        self, session: Session, context: FilterContext, filters: Sequence[Filter]
    ) -> dict[Filter, int]:
        """Counts the movies of each filter. One query; two if kept counts are outdated.

        Every change by a user or a command has an audit entry, so counts are kept until the next
        entry.
        """
        kept = self._kept
        if kept is not None and self._clock() < kept.until and context.today == kept.today:
            live = [each for each in filters if each in _BY_WORKERS]
            numbers, change = _counts(session, context, live)
            if change == kept.change:
                return {**kept.numbers, **numbers}
        began = self._clock()
        numbers, change = _counts(session, context, filters)
        ended = self._clock()
        is_slow = ended - began > SLOW_COUNT_SECONDS
        until = ended + MAX_COUNT_AGE
        self._kept = _Kept(numbers, change, context.today, until) if is_slow else None
        return numbers


def _counts(
    session: Session, context: FilterContext, filters: Sequence[Filter]
) -> tuple[dict[Filter, int], int]:
    """The number of movies of each filter, and the latest change."""
    found = (movie_ids(each, context).subquery() for each in filters)
    numbers = (select(func.count(each.c[0].distinct())).scalar_subquery() for each in found)
    change = select(func.max(AuditEntry.id)).scalar_subquery()
    latest, *counted = session.execute(select(change, *numbers)).one()
    return dict(zip(filters, counted, strict=True)), latest or 0
