"""Queries of the pages of years: the first premieres of each month, and numbers of premieres."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import groupby
from typing import Final

from sqlalchemy import (
    CTE,
    ColumnElement,
    CompoundSelect,
    Date,
    Integer,
    ScalarSelect,
    Select,
    case,
    column,
    extract,
    false,
    func,
    literal,
    select,
    tuple_,
    union_all,
    values,
)
from sqlalchemy.orm import Session

from moziweb.db.planner_hints import NoIndex

from .calendar import FIRST_YEAR, LAST_YEAR, Year, year_of
from .list_position import TitlePosition
from .models import DatePrecision, Movie, Premiere, PremiereKind
from .queries import (
    SCREENED,
    STREAMED,
    Listing,
    fetch_listings,
    is_without_day,
    listings_of,
    published_premieres,
    select_listings,
)

MOST_OF_YEAR: Final = 500
"""The numbers of a year are exact below it: the cost of counting has an upper bound."""

NO_MONTH = 0
"""Stands for the month of premieres of which only the year is known."""

YEAR_BLOCK: Final = 100
"""Premieres of which only the year is known on one page. No other page lists those of a year."""

_KINDS: Final = SCREENED, STREAMED


@dataclass(frozen=True, slots=True)
class MonthOverview:
    """The first premieres of a month, and how many the month has, also cancelled ones."""

    month: int
    number: int
    listings: Sequence[Listing]


@dataclass(frozen=True, slots=True)
class YearNumbers:
    """The numbers of a year's premieres that are not cancelled, at most ``MOST_OF_YEAR``."""

    screened: int = 0
    streamed: int = 0


def year_overview(
    session: Session,
    year: Year,
    limit: int,
    where: Iterable[ColumnElement[bool]] = (),
    *,
    without_month: int,
) -> Sequence[MonthOverview]:
    """At most ``limit`` premieres of each month that has any, by date. Two queries.

    ``where`` are further conditions. The last one is ``NO_MONTH``, if there are premieres of which
    only the year is known: at most ``without_month``.
    """
    is_year = Premiere.precision == DatePrecision.YEAR
    month = case((is_year, NO_MONTH), else_=extract("month", Premiere.date))
    day = case((is_year, year.start), else_=Premiere.date)
    order = day, Movie.sort_key, Premiere.id
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
        .where(ranked.c.position <= case((ranked.c.month == NO_MONTH, without_month), else_=limit))
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


def year_only_premieres(
    session: Session,
    year: Year,
    limit: int,
    where: Iterable[ColumnElement[bool]],
    position: TitlePosition,
) -> Sequence[Listing]:
    """At most ``limit`` premieres of which only the year is known, by title, from ``position`` on.

    In the order of ``year_overview``. One query.
    """
    order = Movie.sort_key, Premiere.id
    is_year = Premiere.precision == DatePrecision.YEAR
    query = select_listings(Premiere.movie_id == Movie.id)
    query = query.where(Premiere.date.between(year.start, year.end), is_year, *where)
    query = query.where(tuple_(*order) >= (position.sort_key, position.row_id))
    return fetch_listings(session, query.order_by(*order).limit(limit))


def year_only_positions(session: Session) -> Mapping[Year, Sequence[TitlePosition]]:
    """The positions of all premieres of which only the year is known, in order, by year.

    One query.
    """
    columns = Premiere.date, Movie.sort_key, Premiere.id
    query = published_premieres(*columns).where(is_without_day(Premiere))
    query = query.where(Premiere.precision == DatePrecision.YEAR)
    query = query.order_by(Movie.sort_key, Premiere.id)
    found: dict[Year, list[TitlePosition]] = defaultdict(list)
    for day, title_key, row_id in session.execute(query):
        found[year_of(day)].append(TitlePosition(title_key, row_id))
    return found


def numbers_by_year(session: Session) -> Mapping[Year, YearNumbers]:
    """The numbers of every year that has premieres, cancelled ones included, by year.

    Counts in an index, and subtracts the premieres of movies that are not published: joining every
    premiere to its movie takes several times as long. Where there are too many to subtract, a
    second query joins those of the years concerned, until ``MOST_OF_YEAR`` are found.
    """
    rows = session.execute(_numbers_query()).all()
    hidden = {int(row[1]): (row[2], row[3]) for row in rows if row[0]}
    found, unsure = {}, []
    for is_hidden, number, *counts in rows:
        if not is_hidden:
            year, less = Year(int(number)), hidden.get(int(number), (0, 0))
            pairs = list(zip(counts, less, strict=True))
            found[year] = YearNumbers(*(count - few for count, few in pairs))
            if any(count == MOST_OF_YEAR and few for count, few in pairs):
                unsure.append(year.number)
    if unsure:
        listed = _years(unsure)
        counts_of_published = _counts(listed, published_premieres(Premiere.kind))
        for number, *counts in session.execute(select(listed.c.year, *counts_of_published)):
            found[Year(number)] = YearNumbers(*counts)
    return found


@cache
def _numbers_query() -> CompoundSelect[bool, int, int, int]:
    """Whether the movies are not published, the year, and its numbers; see above."""
    listed = _years(range(FIRST_YEAR, LAST_YEAR + 1))
    # No EXISTS: PostgreSQL would join all premieres to the years.
    first = published_premieres(Premiere.id).where(_is_in(listed)).limit(1).correlate(listed)
    has_some = first.scalar_subquery().is_not(None)
    counts = _counts(listed, select(Premiere.kind))
    year = extract("year", Premiere.date)
    sums = [func.sum(case((Premiere.kind.in_(each), 1), else_=0)) for each in _KINDS]
    hidden = select(literal(True), year, *sums).join(Movie, Movie.id == Premiere.movie_id)
    not_cancelled = NoIndex(Premiere.cancelled_at).is_(None)
    hidden = hidden.where(not_cancelled, Movie.published == false()).group_by(year)
    return union_all(select(literal(False), listed.c.year, *counts).where(has_some), hidden)


def _years(numbers: Iterable[int]) -> CTE:
    """A table of years: the number, and the first and last day."""
    years = values(
        column("year", Integer), column("first", Date), column("last", Date), name="year_values"
    )
    rows = [(number, date(number, 1, 1), date(number, 12, 31)) for number in numbers]
    return years.data(rows).cte("years")


def _is_in(listed: CTE) -> ColumnElement[bool]:
    return Premiere.date.between(listed.c.first, listed.c.last)


def _counts(listed: CTE, premieres: Select[PremiereKind]) -> list[ScalarSelect[int]]:
    """How many of ``premieres`` a year of ``listed`` has, by kind, at most ``MOST_OF_YEAR``."""
    is_shown = Premiere.cancelled_at.is_(None)
    of_kinds = (
        premieres.where(_is_in(listed), is_shown, Premiere.kind.in_(each))
        .limit(MOST_OF_YEAR)
        .correlate(listed)
        for each in _KINDS
    )
    return [select(func.count()).select_from(few.subquery()).scalar_subquery() for few in of_kinds]
