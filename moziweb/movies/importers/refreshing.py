"""Which films are to be fetched from TMDB again. One query."""

from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import Exists, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from moziweb.movies.models import DatePrecision, FieldProvenance, Movie, Premiere

from .candidate import TMDB

STILL_MOVING: Final = timedelta(days=7)
"""A premiere of last week may still be put right."""


def films_to_refresh(
    session: Session, today: date, stale_since: datetime, limit: int | None = None
) -> tuple[int, ...]:
    """TMDB's ids of films that are still to come or have no day yet, or whose facts are too old.

    Those that were fetched longest ago come first.
    """
    dated = exists().where(Premiere.movie_id == Movie.id, Premiere.precision == DatePrecision.DAY)
    coming = exists().where(Premiere.movie_id == Movie.id, Premiere.date >= today - STILL_MOVING)
    fetched = (
        select(func.min(FieldProvenance.fetched_at))
        .where(FieldProvenance.movie_id == Movie.id, FieldProvenance.source == TMDB)
        .correlate(Movie)
        .scalar_subquery()
    )
    query = (
        select(Movie.tmdb_id)
        .where(Movie.tmdb_id.is_not(None), or_(coming, ~dated, stale(stale_since)))
        .order_by(fetched.is_not(None), fetched, Movie.id)
        .limit(limit)
    )
    return tuple(tmdb_id for tmdb_id in session.scalars(query) if tmdb_id is not None)


def stale(since: datetime) -> Exists:
    """Whether a film keeps something of TMDB's that was fetched before ``since``."""
    return exists().where(
        and_(
            FieldProvenance.movie_id == Movie.id,
            FieldProvenance.source == TMDB,
            FieldProvenance.fetched_at < since,
        )
    )


def stale_films(session: Session, since: datetime) -> list[tuple[int, str, datetime]]:
    """Films that keep something of TMDB's from before ``since``: id, title, its oldest date."""
    query = (
        select(Movie.id, Movie.title, func.min(FieldProvenance.fetched_at))
        .join(FieldProvenance, FieldProvenance.movie_id == Movie.id)
        .where(FieldProvenance.source == TMDB, FieldProvenance.fetched_at < since)
        .group_by(Movie.id, Movie.title)
        .order_by(func.min(FieldProvenance.fetched_at), Movie.id)
    )
    return [(id_, title, fetched) for id_, title, fetched in session.execute(query)]
