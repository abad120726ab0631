"""Queries of the pages of years: the first premieres of each month, and numbers of premieres."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import ColumnElement, case, extract, func, select
from sqlalchemy.orm import Session

from .calendar import Year
from .models import DatePrecision, Movie, Premiere
from .queries import SCREENED, Listing, listings_of, published_premieres

NO_MONTH = 0
"""Stands for the month of premieres of which only the year is known."""


@dataclass(frozen=True, slots=True)
class MonthOverview:
    """The first premieres of a month, and how many the month has, also cancelled ones."""

    month: int
    number: int
    listings: Sequence[Listing]


@dataclass(frozen=True, slots=True)
class YearNumbers:
    """The numbers of a year's premieres that are not cancelled."""

    screened: int = 0
    streamed: int = 0


def year_overview(
    session: Session, year: Year, limit: int, where: Iterable[ColumnElement[bool]] = ()
) -> Sequence[MonthOverview]:
    """At most ``limit`` premieres of each month that has any, by date. Two queries.

    ``where`` are further conditions. The last one is ``NO_MONTH``, if there are premieres of which
    only the year is known.
    """
    is_year = Premiere.precision == DatePrecision.YEAR
    month = case((is_year, NO_MONTH), else_=extract("month", Premiere.date))
    order = Premiere.date, Movie.sort_key, Premiere.id
    position = func.row_number().over(partition_by=month, order_by=order)
    number = func.count().over(partition_by=month)
    ranked = (
        published_premieres(
            Premiere.id, Premiere.movie_id, month.label("month"), position.label("position"),
            number.label("number"),
        )
        .where(Premiere.date.between(year.start, year.end), *where)
        .subquery()
    )  # fmt: skip
    rows = session.execute(
        select(ranked)
        .where(ranked.c.position <= limit)
        .order_by(ranked.c.month == NO_MONTH, ranked.c.month, ranked.c.position)
    ).all()
    if not rows:
        return ()
    listings = listings_of(session, {row.movie_id for row in rows}, {row.id for row in rows})
    found = {each.premiere.id: each for each in listings if each.premiere}
    # A premiere may have been deleted between the two queries.
    return [
        MonthOverview(
            int(month), part[0].number, [found[row.id] for row in part if row.id in found]
        )
        for month, part in ((month, list(rows)) for month, rows in groupby(rows, lambda r: r.month))
    ]


def numbers_by_year(session: Session) -> Mapping[Year, YearNumbers]:
    """The numbers of every year that has premieres, cancelled ones included, by year."""
    year = extract("year", Premiere.date).label("year")
    is_shown = Premiere.cancelled_at.is_(None)
    screened = func.sum(case((is_shown & Premiere.kind.in_(SCREENED), 1), else_=0))
    streamed = func.sum(case((is_shown & Premiere.kind.not_in(SCREENED), 1), else_=0))
    query = published_premieres(year, screened, streamed).group_by(year).order_by(year)
    return {Year(int(row[0])): YearNumbers(row[1], row[2]) for row in session.execute(query)}
