"""Going through all that is published, a batch at a time, however much there is.

Each function asks for what comes after the last thing seen, which an index finds at once; an
offset would count through everything before it, again and again. Nothing is held between two
batches, so a walk of an hour holds no snapshot of an hour.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date
from typing import Final, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.db import Database

from .models import DatePrecision, Genre, Movie, Premiere
from .queries import DAYS

BATCH: Final = 500

Thing = TypeVar("Thing")
MovieName = tuple[int, str]
"""The id and the slug of a movie."""


def movies_after(session: Session, last: int, limit: int = BATCH) -> Sequence[MovieName]:
    """Published movies with ids above ``last``, by their ids."""
    query = select(Movie.id, Movie.slug).where(Movie.published, Movie.id > last)
    rows = session.execute(query.order_by(Movie.id).limit(limit))
    return [(row.id, row.slug) for row in rows]


def days_after(
    session: Session, last: date, precisions: Collection[DatePrecision], limit: int = BATCH
) -> Sequence[date]:
    """The days above ``last`` that published movies have premieres on, each once."""
    query = (
        select(Premiere.date)
        .join(Movie, Movie.id == Premiere.movie_id)
        .where(Movie.published, Premiere.precision.in_(precisions), Premiere.date > last)
        .group_by(Premiere.date)
        .order_by(Premiere.date)
        .limit(limit)
    )
    return session.scalars(query).all()


def movies_opening(session: Session, start: date, end: date) -> Sequence[MovieName]:
    """The movies with premieres from ``start`` to ``end``, both included, the latest ones first."""
    query = (
        select(Movie.id, Movie.slug, Premiere.date)
        .join(Premiere, Premiere.movie_id == Movie.id)
        .where(Movie.published, Premiere.precision.in_(DAYS), Premiere.date.between(start, end))
        .order_by(Premiere.date.desc(), Movie.id)
    )
    return list(dict.fromkeys((row.id, row.slug) for row in session.execute(query)))


def genre_slugs(session: Session) -> Sequence[str]:
    """What stands for genres in addresses; there are a few dozen."""
    return session.scalars(select(Genre.slug).order_by(Genre.slug)).all()


def every_movie(database: Database) -> Iterator[MovieName]:
    """Every published movie, by id."""
    return _walk(database, 0, movies_after, lambda movie: movie[0])


def every_day(database: Database, precisions: Collection[DatePrecision]) -> Iterator[date]:
    """Every day with premieres, the earliest first."""

    def after(session: Session, last: date) -> Sequence[date]:
        return days_after(session, last, precisions)

    return _walk(database, date.min, after, lambda day: day)


Place = TypeVar("Place", int, date)


def _walk(
    database: Database,
    first: Place,
    after: Callable[[Session, Place], Sequence[Thing]],
    place_of: Callable[[Thing], Place],
) -> Iterator[Thing]:
    last = first
    while True:
        with database.read() as session:
            batch = after(session, last)
        if not batch:
            return
        yield from batch
        last = place_of(batch[-1])
