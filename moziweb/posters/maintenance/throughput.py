"""Throughput: variants made and sources added per hour, from the database."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..models import PosterSource, PosterVariant

HOURS: Final = 24

COUNTED_ROWS: Final = 100_000
"""The newest rows, which are counted: the cost does not grow with the site."""


@dataclass(frozen=True, slots=True)
class Hour:
    """The number of variants made for the first time and of sources added from ``start`` on."""

    start: datetime
    made: int
    added: int


def hourly_throughput(session: Session, now: datetime, hours: int = HOURS) -> tuple[Hour, ...]:
    """The last ``hours``, the current one last. Two queries.

    A variant that is made again with the same bytes is not counted: it has no new row.
    """
    last = now.replace(minute=0, second=0, microsecond=0)
    starts = [last - timedelta(hours=back) for back in reversed(range(hours))]
    made, added = (_by_hour(session, model, starts) for model in (PosterVariant, PosterSource))
    return tuple(Hour(*each) for each in zip(starts, made, added, strict=True))


def _by_hour(
    session: Session, model: type[PosterVariant] | type[PosterSource], starts: list[datetime]
) -> list[int]:
    counts = [
        func.count().filter(
            model.created_at >= start, model.created_at < start + timedelta(hours=1)
        )
        for start in starts
    ]
    newest = select(func.max(model.id)).scalar_subquery()
    row = session.execute(select(*counts).where(model.id > newest - COUNTED_ROWS)).one()
    return [int(count) for count in row]
