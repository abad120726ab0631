"""Selects movies to fetch from TMDB again: those that TMDB has changed, and those with old data."""

from collections.abc import Collection
from contextlib import suppress
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Final

from sqlalchemy import Exists, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from moziweb.db import Database
from moziweb.movies.calendar import budapest_today
from moziweb.movies.models import DatePrecision, FieldProvenance, Movie, Premiere

from .candidate import TMDB
from .models import ImportCheckpoint
from .tmdb.errors import TmdbRefused
from .tmdb.source import TmdbSource

CORRECTION_PERIOD: Final = timedelta(days=7)
"""Premieres of the last week may still be corrected."""

CHANGES_CHECKPOINT: Final = "tmdb.changes"
"""The checkpoint of the changes that were read from TMDB."""

CHANGES_WINDOW: Final = timedelta(days=14)
"""TMDB lists the changes of this time. An unchanged movie is fetched again after the same time."""


def movies_to_refresh(
    session: Session,
    today: date,
    stale_since: datetime,
    limit: int | None = None,
    *,
    changed: Collection[int] | None = None,
    now: datetime | None = None,
) -> tuple[int, ...]:
    """Return TMDB ids of movies that are upcoming, have no exact date, or have stale data.

    With ``changed``, upcoming and undated movies are limited to these ids and to those that were
    last fetched more than ``CHANGES_WINDOW`` before ``now``. The longest unfetched come first.
    """
    dated = exists().where(Premiere.movie_id == Movie.id, Premiere.precision == DatePrecision.DAY)
    upcoming = exists().where(
        Premiere.movie_id == Movie.id, Premiere.date >= today - CORRECTION_PERIOD
    )
    fetched = (
        select(func.min(FieldProvenance.fetched_at))
        .where(FieldProvenance.movie_id == Movie.id, FieldProvenance.source == TMDB)
        .correlate(Movie)
        .scalar_subquery()
    )
    is_stale = stale(stale_since)
    query = (
        select(Movie.tmdb_id, fetched, is_stale)
        .where(Movie.tmdb_id.is_not(None), or_(upcoming, ~dated, is_stale))
        .order_by(fetched.is_not(None), fetched, Movie.id)
    )
    long_ago = None if now is None else now - CHANGES_WINDOW

    def is_due(tmdb_id: int, at: datetime | None) -> bool:
        if changed is None or tmdb_id in changed or at is None:
            return True
        return long_ago is not None and at < long_ago

    rows = session.execute(query)
    wanted = (id_ for id_, at, is_old in rows if id_ is not None and (is_old or is_due(id_, at)))
    return tuple(islice(wanted, limit))


def due_movies(
    database: Database,
    source: TmdbSource,
    now: datetime,
    stale_since: datetime,
    limit: int | None = None,
    *,
    everything: bool = False,
) -> tuple[int, ...]:
    """Return the TMDB ids to fetch, by TMDB's changes since the last complete refresh.

    All upcoming and undated movies are returned with ``everything``, or if the last refresh is
    older than ``CHANGES_WINDOW``. Raises ``TmdbError``.
    """
    with database.read() as session:
        checkpoint = session.get(ImportCheckpoint, CHANGES_CHECKPOINT)
    changed = None
    if checkpoint is not None and now - checkpoint.at < CHANGES_WINDOW and not everything:
        with suppress(TmdbRefused):  # then all upcoming movies are fetched
            changed = source.changed_between(checkpoint.at.date(), now.date())
    with database.read() as session:
        today = budapest_today(now)
        return movies_to_refresh(session, today, stale_since, limit, changed=changed, now=now)


def record_refresh(database: Database, since: datetime) -> None:
    """Record that all movies due at ``since`` were fetched; the next refresh starts there."""
    with database.write() as session:
        session.merge(ImportCheckpoint(name=CHANGES_CHECKPOINT, at=since))


def stale(since: datetime) -> Exists:
    """Return the condition that a movie has TMDB data fetched before ``since``."""
    return exists().where(
        and_(
            FieldProvenance.movie_id == Movie.id,
            FieldProvenance.source == TMDB,
            FieldProvenance.fetched_at < since,
        )
    )


def stale_movies(session: Session, since: datetime) -> list[tuple[int, str, datetime]]:
    """Return movies with TMDB data fetched before ``since``: id, title, and the oldest time."""
    query = (
        select(Movie.id, Movie.title, func.min(FieldProvenance.fetched_at))
        .join(FieldProvenance, FieldProvenance.movie_id == Movie.id)
        .where(FieldProvenance.source == TMDB, FieldProvenance.fetched_at < since)
        .group_by(Movie.id, Movie.title)
        .order_by(func.min(FieldProvenance.fetched_at), Movie.id)
    )
    return [(id_, title, fetched) for id_, title, fetched in session.execute(query)]
