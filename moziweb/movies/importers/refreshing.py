"""Which films are to be fetched from TMDB again: those that it has changed, and those grown old."""

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
from .models import ImportMark
from .tmdb.errors import TmdbRefused
from .tmdb.source import TmdbSource

STILL_MOVING: Final = timedelta(days=7)
"""A premiere of last week may still be put right."""


CHANGES: Final = "tmdb.changes"
"""The mark of the moment up to which TMDB has told what it changed."""

CHANGES_REACH: Final = timedelta(days=14)
"""How far back TMDB tells it. So long an unchanged film is left alone, too."""


def movies_to_refresh(
    session: Session,
    today: date,
    stale_since: datetime,
    limit: int | None = None,
    *,
    changed: Collection[int] | None = None,
    now: datetime | None = None,
) -> tuple[int, ...]:
    """TMDB's ids of films that are still to come or have no day yet, or whose facts are too old.

    Of the former only those that are among ``changed``, if that is given, and those that were not
    fetched for ``CHANGES_REACH`` before ``now``. Those that were fetched longest ago come first.
    """
    dated = exists().where(Premiere.movie_id == Movie.id, Premiere.precision == DatePrecision.DAY)
    coming = exists().where(Premiere.movie_id == Movie.id, Premiere.date >= today - STILL_MOVING)
    fetched = (
        select(func.min(FieldProvenance.fetched_at))
        .where(FieldProvenance.movie_id == Movie.id, FieldProvenance.source == TMDB)
        .correlate(Movie)
        .scalar_subquery()
    )
    is_stale = stale(stale_since)
    query = (
        select(Movie.tmdb_id, fetched, is_stale)
        .where(Movie.tmdb_id.is_not(None), or_(coming, ~dated, is_stale))
        .order_by(fetched.is_not(None), fetched, Movie.id)
    )
    long_ago = None if now is None else now - CHANGES_REACH

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
    """The films to fetch again, by what TMDB says it has changed since the last whole refresh.

    All that are still to come where that is too long ago, or with ``everything``. Raises
    ``TmdbError``.
    """
    with database.read() as session:
        mark = session.get(ImportMark, CHANGES)
    changed = None
    if mark is not None and now - mark.at < CHANGES_REACH and not everything:
        with suppress(TmdbRefused):  # then whatever is still to come is asked for
            changed = source.changed_between(mark.at.date(), now.date())
    with database.read() as session:
        today = budapest_today(now)
        return movies_to_refresh(session, today, stale_since, limit, changed=changed, now=now)


def record_refresh(database: Database, since: datetime) -> None:
    """All that was due at a moment has been fetched: the next time what TMDB changed after it."""
    with database.write() as session:
        session.merge(ImportMark(name=CHANGES, at=since))


def stale(since: datetime) -> Exists:
    """Whether a film keeps something of TMDB's that was fetched before ``since``."""
    return exists().where(
        and_(
            FieldProvenance.movie_id == Movie.id,
            FieldProvenance.source == TMDB,
            FieldProvenance.fetched_at < since,
        )
    )


def stale_movies(session: Session, since: datetime) -> list[tuple[int, str, datetime]]:
    """Films that keep something of TMDB's from before ``since``: id, title, its oldest date."""
    query = (
        select(Movie.id, Movie.title, func.min(FieldProvenance.fetched_at))
        .join(FieldProvenance, FieldProvenance.movie_id == Movie.id)
        .where(FieldProvenance.source == TMDB, FieldProvenance.fetched_at < since)
        .group_by(Movie.id, Movie.title)
        .order_by(func.min(FieldProvenance.fetched_at), Movie.id)
    )
    return [(id_, title, fetched) for id_, title, fetched in session.execute(query)]
