"""Enumerates everything that is published: movies, genres, days and years with premieres."""

from collections.abc import Collection, Iterator, Sequence
from datetime import date
from typing import Final

from sqlalchemy import and_, case, exists, extract, select
from sqlalchemy.orm import Session

from moziweb.db import Database
from moziweb.db.paging import keyset_rows

from .calendar import week_of
from .models import Credit, DatePrecision, Distributor, Movie, Person, Premiere
from .queries import DAYS, DAYS_AND_MONTHS, IS_PUBLISHED, published_premieres

ENUMERATED_PER_QUERY: Final = 500
"""Rows in one query."""

MovieName = tuple[int, str]
"""Id and slug of a movie."""


def movies_opening(session: Session, start: date, end: date) -> Sequence[MovieName]:
    """The movies with premieres from ``start`` to ``end``, both included, the latest first."""
    query = (
        select(Movie.id, Movie.slug, Premiere.date)
        .join(Premiere, Premiere.movie_id == Movie.id)
        .where(IS_PUBLISHED, Premiere.precision.in_(DAYS), Premiere.date.between(start, end))
        .order_by(Premiere.date.desc(), Movie.id)
    )
    return list(dict.fromkeys((row.id, row.slug) for row in session.execute(query)))


def every_movie(database: Database) -> Iterator[MovieName]:
    """Every published movie, by id."""
    query = select(Movie.id, Movie.slug).where(Movie.published)
    return ((row.id, row.slug) for row in keyset_rows(database.read, query, ENUMERATED_PER_QUERY))


def every_person(database: Database) -> Iterator[Person]:
    """Every person with a published movie, by id, with name alone."""
    shown = exists().where(Credit.person_id == Person.id, Credit.movie_id == Movie.id)
    query = select(Person.id, Person.name).where(shown.where(Movie.published))
    rows = keyset_rows(database.read, query, ENUMERATED_PER_QUERY)
    return (Person(id=row.id, name=row.name) for row in rows)


def all_distributors(session: Session) -> Sequence[Distributor]:
    """Every distributor with a published movie, by id: a few hundred at most."""
    shown = exists().where(Movie.distributor_id == Distributor.id, Movie.published)
    return session.scalars(select(Distributor).where(shown).order_by(Distributor.id)).all()


def every_day(database: Database, precisions: Collection[DatePrecision]) -> Iterator[date]:
    """Every day on which a published movie has a premiere of these precisions, in order."""
    days = published_premieres(Premiere.date).where(Premiere.precision.in_(precisions))
    query = days.group_by(Premiere.date)
    return (row.date for row in keyset_rows(database.read, query, ENUMERATED_PER_QUERY))


_LATER: Final = 7
"""From this day of January on, the week belongs to the same year."""


def movie_blocks(session: Session, size: int) -> Sequence[int]:
    """The numbers of those blocks of ``size`` ids that have published movies, in order."""
    block = ((Movie.id - 1) // size).label("block")
    return session.scalars(select(block).where(Movie.published).distinct().order_by(block)).all()


def movies_of_block(session: Session, block: int, size: int) -> Sequence[MovieName]:
    """The ids and slugs of a block's published movies, by their ids."""
    ids = Movie.id.between(block * size + 1, (block + 1) * size)
    query = select(Movie.id, Movie.slug).where(Movie.published, ids).order_by(Movie.id)
    return [(row.id, row.slug) for row in session.execute(query)]


def premiere_years(session: Session) -> Sequence[int]:
    """The years of the months and weeks in which published movies have premieres, in order."""
    year, month = extract("year", Premiere.date), extract("month", Premiere.date)
    day = extract("day", Premiere.date)
    # The week of a day early in January may belong to the year before, so these days are selected.
    early = case((and_(month == 1, day <= 6, Premiere.precision.in_(DAYS)), day), else_=_LATER)
    query = published_premieres(year, early).where(Premiere.precision.in_(DAYS_AND_MONTHS))
    found: set[int] = set()
    for row in session.execute(query.distinct()):
        first = date(int(row[0]), 1, int(row[1]))
        found |= {first.year, week_of(first).thursday.year if first.day < _LATER else first.year}
    return sorted(found)


def premiere_days(session: Session, start: date, end: date) -> Sequence[tuple[date, DatePrecision]]:
    """The days of premieres from ``start`` to ``end``, or the first days of their months."""
    is_in_range = Premiere.precision.in_(DAYS_AND_MONTHS), Premiere.date.between(start, end)
    query = published_premieres(Premiere.date, Premiere.precision).where(*is_in_range).distinct()
    return [(row.date, row.precision) for row in session.execute(query.order_by(Premiere.date))]
