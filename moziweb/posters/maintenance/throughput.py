"""How fast posters are made: pictures and sources by the hour, as the database has them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..models import PosterSource, PosterVariant

HOURS: Final = 24

RECENT: Final = 100_000
"""Rows that are looked at, the newest: what it costs does not grow with the site."""


@dataclass(frozen=True, slots=True)
class Hour:
    """From ``start``: how many pictures were made first, and how many sources came."""

    start: datetime
    made: int
    came: int


def hourly_throughput(session: Session, now: datetime, hours: int = HOURS) -> tuple[Hour, ...]:
    """The last ``hours``, the present one (not over yet) at the end. Two queries.

    A picture that is made anew and comes out as it was is not counted: it is no new row.
    """
    last = now.replace(minute=0, second=0, microsecond=0)
    starts = [last - timedelta(hours=back) for back in reversed(range(hours))]
    made, came = (_by_hour(session, model, starts) for model in (PosterVariant, PosterSource))
    return tuple(Hour(*each) for each in zip(starts, made, came, strict=True))


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
    row = session.execute(select(*counts).where(model.id > newest - RECENT)).one()
    return [int(count) for count in row]
