"""Throughput: variants made and sources added per hour, from the database."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from sqlalchemy import ScalarSelect, func, select
from sqlalchemy.orm import Session

from ..models import PosterSource, PosterVariant

HOURS: Final = 24

WINDOWS: Final = (1_000, 10_000, 100_000)
"""The newest rows, of which those are counted that reach back far enough, or else the most.

The cost grows with what was made in these hours, and not with the site.
"""


_Model: TypeAlias = type[PosterVariant] | type[PosterSource]


@dataclass(frozen=True, slots=True)
class Hour:
    """The number of variants made for the first time and of sources added from ``start`` on."""

    start: datetime
    made: int
    added: int


def hourly_throughput(session: Session, now: datetime, hours: int = HOURS) -> tuple[Hour, ...]:
    """The last ``hours``, the current one last. Three queries.

    A variant that is made again with the same bytes is not counted: it has no new row.
    """
    last = now.replace(minute=0, second=0, microsecond=0)
    starts = [last - timedelta(hours=back) for back in reversed(range(hours))]
    made, added = (
        _by_hour(session, model, starts, window)
        for model, window in _windows(session, (PosterVariant, PosterSource), starts[0])
    )
    return tuple(Hour(*each) for each in zip(starts, made, added, strict=True))


def _windows(
    session: Session, models: Sequence[_Model], start: datetime
) -> Iterator[tuple[_Model, int]]:
    """For each table, the least window before which all rows were created before ``start``."""
    queries = (_time_before(model, window) for model in models for window in WINDOWS)
    times = iter(session.execute(select(*queries)).one())
    for model in models:
        before = [(window, next(times)) for window in WINDOWS]
        enough = (window for window, at in before if at is None or at < start)
        yield model, next(enough, WINDOWS[-1])


def _time_before(model: _Model, window: int) -> ScalarSelect[datetime]:
    """When the latest row was created that is older than the newest ``window`` rows."""
    rows = select(model.created_at).where(model.id <= _newest(model) - window)
    return rows.order_by(model.id.desc()).limit(1).scalar_subquery()


def _newest(model: _Model) -> ScalarSelect[int]:
    return select(func.max(model.id)).scalar_subquery()


def _by_hour(session: Session, model: _Model, starts: list[datetime], window: int) -> list[int]:
    counts = [
        func.count().filter(
            model.created_at >= start, model.created_at < start + timedelta(hours=1)
        )
        for start in starts
    ]
    row = session.execute(select(*counts).where(model.id > _newest(model) - window)).one()
    return [int(count) for count in row]
