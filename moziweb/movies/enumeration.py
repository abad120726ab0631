"""Enumerates everything that is published: movies, genres, days and years with premieres."""

from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime
from functools import cache
from typing import Final

from sqlalchemy import (
    ColumnElement,
    Date,
    Integer,
    Select,
    column,
    exists,
    or_,
    select,
    values,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from moziweb.db import Database
from moziweb.db.paging import keyset_rows

from .calendar import FIRST_YEAR, LAST_YEAR, week_of
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


_PERSON_IS_SHOWN: Final = exists().where(
    Credit.person_id == Person.id, Credit.movie_id == Movie.id, Movie.published
)
_DISTRIBUTOR_IS_SHOWN: Final = exists().where(
    Movie.distributor_id == Distributor.id, Movie.published
)


def every_movie(database: Database) -> Iterator[MovieName]:
    """Every published movie, by id."""
    query = select(Movie.id, Movie.slug).where(Movie.published)
    return ((row.id, row.slug) for row in keyset_rows(database.read, query, ENUMERATED_PER_QUERY))


def every_person(database: Database) -> Iterator[Person]:
    """Every person with a published movie, by id, with name alone."""
    query = select(Person.id, Person.name).where(_PERSON_IS_SHOWN)
    rows = keyset_rows(database.read, query, ENUMERATED_PER_QUERY)
    return (Person(id=row.id, name=row.name) for row in rows)


def all_distributors(session: Session) -> Sequence[Distributor]:
    """Every distributor with a published movie, by id: a few hundred at most."""
    query = select(Distributor).where(_DISTRIBUTOR_IS_SHOWN).order_by(Distributor.id)
    return session.scalars(query).all()


def every_day(database: Database, precisions: Collection[DatePrecision]) -> Iterator[date]:
    """Every day on which a published movie has a premiere of these precisions, in order."""
    days = published_premieres(Premiere.date).where(Premiere.precision.in_(precisions))
    query = days.group_by(Premiere.date)
    return (row.date for row in keyset_rows(database.read, query, ENUMERATED_PER_QUERY))


def movie_blocks(session: Session, size: int) -> Sequence[int]:
    """The numbers of those blocks of ``size`` ids that have published movies, in order."""
    return session.scalars(_blocks_query(Movie.id, Movie.published, size)).all()[::-1]


def person_blocks(session: Session, size: int, most: int) -> Sequence[int]:
    """The last ``most`` blocks of ``size`` ids with people who have a published movie, in order."""
    query = _blocks_query(Person.id, _PERSON_IS_SHOWN, size).limit(most)
    return session.scalars(query).all()[::-1]


def distributor_blocks(session: Session, size: int) -> Sequence[int]:
    """The numbers of the blocks of ``size`` ids with distributors of published movies."""
    query = _blocks_query(Distributor.id, _DISTRIBUTOR_IS_SHOWN, size)
    return session.scalars(query).all()[::-1]


def _blocks_query(
    row_id: InstrumentedAttribute[int],
    shown: ColumnElement[bool] | InstrumentedAttribute[bool],
    size: int,
) -> Select[int]:
    """The numbers of the blocks of ids that have rows that are shown, the last block first.

    Finds the last row of each block by the index of ids; the others are not read, and no block
    after the limit of a query.
    """
    last = select((row_id - 1) // size).where(shown).order_by(row_id.desc()).limit(1)
    blocks = select(last.scalar_subquery().label("block")).cte("blocks", recursive=True)
    before = last.where(row_id <= blocks.c.block * size).correlate(blocks)
    blocks = blocks.union_all(select(before.scalar_subquery()).where(blocks.c.block.is_not(None)))
    return select(blocks.c.block).where(blocks.c.block.is_not(None))


def movies_of_block(session: Session, block: int, size: int) -> Sequence[tuple[int, str, datetime]]:
    """The ids and slugs of a block's published movies, by their ids, and their last changes."""
    columns = Movie.id, Movie.slug, Movie.updated_at
    is_in = _is_in_block(Movie.id, block, size)
    query = select(*columns).where(Movie.published, is_in).order_by(Movie.id)
    return [(row.id, row.slug, row.updated_at) for row in session.execute(query)]


def people_of_block(session: Session, block: int, size: int) -> Sequence[Person]:
    """The people of a block with a published movie, by id."""
    is_in = _is_in_block(Person.id, block, size)
    query = select(Person).where(_PERSON_IS_SHOWN, is_in).order_by(Person.id)
    return session.scalars(query).all()


def distributors_of_block(session: Session, block: int, size: int) -> Sequence[Distributor]:
    """The distributors of a block with a published movie, by id."""
    is_in = _is_in_block(Distributor.id, block, size)
    query = select(Distributor).where(_DISTRIBUTOR_IS_SHOWN, is_in).order_by(Distributor.id)
    return session.scalars(query).all()


def _is_in_block(row_id: InstrumentedAttribute[int], block: int, size: int) -> ColumnElement[bool]:
    return row_id.between(block * size + 1, (block + 1) * size)


def premiere_years(session: Session) -> Sequence[int]:
    """The years of the months and weeks in which published movies have premieres, in order.

    Looks for one premiere of each year; the others are not read.
    """
    return session.scalars(_years_query()).all()


@cache
def _years_query() -> Select[int]:
    years = values(
        column("year", Integer), column("first", Date), column("last", Date),
        column("last_of_weeks", Date), name="year_values",
    )  # fmt: skip
    listed = years.data([_year_row(year) for year in range(FIRST_YEAR, LAST_YEAR + 1)]).cte("years")
    day, is_day = Premiere.date, Premiere.precision.in_(DAYS)
    premieres = published_premieres(Premiere.id).where(day >= listed.c.first)
    in_year = premieres.where(Premiere.precision.in_(DAYS_AND_MONTHS), day <= listed.c.last)
    in_weeks = premieres.where(is_day, day > listed.c.last, day <= listed.c.last_of_weeks)
    has_some = or_(*(each.correlate(listed).exists() for each in (in_year, in_weeks)))
    return select(listed.c.year).where(has_some).order_by(listed.c.year)


def _year_row(year: int) -> tuple[int, date, date, date]:
    """A year, its first and last day, and the last day of its last week, early in January."""
    last = date(year, 12, 31)
    return year, date(year, 1, 1), last, max(last, week_of(last).end)


def premiere_days(session: Session, start: date, end: date) -> Sequence[tuple[date, DatePrecision]]:
    """The days of premieres from ``start`` to ``end``, or the first days of their months."""
    is_in_range = Premiere.precision.in_(DAYS_AND_MONTHS), Premiere.date.between(start, end)
    query = published_premieres(Premiere.date, Premiere.precision).where(*is_in_range).distinct()
    return [(row.date, row.precision) for row in session.execute(query.order_by(Premiere.date))]
