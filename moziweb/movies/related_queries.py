"""Queries of what a movie's page links to: its neighbours in the week, its directors and genre.

Each function runs one query with a bounded number of rows.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, tuple_, union
from sqlalchemy.orm import Session, aliased, defer

from .calendar import Period, month_of, week_of
from .enumeration import MovieName
from .models import Credit, CreditRole, Movie, MovieGenre, Premiere
from .queries import (
    DAYS,
    Listing,
    fetch_listings,
    published_premieres,
    select_listings,
)

MAX_RELATED: Final = 6
"""Movies in a list."""


@dataclass(frozen=True, slots=True)
class WeekNeighbours:
    """The movies before and after a premiere in its week. Synopses are not loaded."""

    previous: Movie | None
    following: Movie | None


def week_neighbours(session: Session, movie: Movie, premiere: Premiere) -> WeekNeighbours:
    """The other movies nearest to a premiere in the order of its week: by date, then by title."""
    week = week_of(premiere.date)
    place = tuple_(Premiere.date, Movie.sort_key, Movie.id, Premiere.id)
    here = premiere.date, movie.sort_key, movie.id, premiere.id
    others = published_premieres(Premiere.movie_id).where(
        Premiere.date.between(week.start, week.end),
        Premiere.precision.in_(DAYS),
        Premiere.movie_id != movie.id,
    )
    by = Premiere.date, Movie.sort_key, Movie.id, Premiere.id
    before = others.where(place < here).order_by(*(each.desc() for each in by)).limit(1)
    after = others.where(place > here).order_by(*by).limit(1)
    ids = select(
        before.scalar_subquery().label("previous"), after.scalar_subquery().label("following")
    ).subquery()
    previous, following = aliased(Movie), aliased(Movie)
    texts = [text for each in (previous, following) for text in (each.synopsis, each.synopsis_en)]
    query = (
        select(previous, following)
        .select_from(ids)
        .outerjoin(previous, previous.id == ids.c.previous)
        .outerjoin(following, following.id == ids.c.following)
        .options(*(defer(text, raiseload=True) for text in texts))
    )
    row = session.execute(query).one()
    return WeekNeighbours(previous=row[0], following=row[1])


def movies_of_directors(
    session: Session, movie: Movie, directors: Collection[int]
) -> tuple[Listing, ...]:
    """Other movies of these people as directors, the latest premiere first."""
    directed = select(Credit.movie_id).where(_is_director(directors))
    where = Movie.id.in_(directed), Movie.id != movie.id
    order = Premiere.date.is_(None), Premiere.date.desc(), Premiere.id.desc(), Movie.id.desc()
    return _first_of_each(session, where, order, outer=True)


def movies_of_genre(
    session: Session, movie: Movie, genre_id: int, day: date
) -> tuple[Listing, ...]:
    """Other movies of a genre in the month of ``day``: from this day on, then the earlier ones."""
    month = month_of(day)
    has_genre = exists().where(MovieGenre.movie_id == Movie.id, MovieGenre.genre_id == genre_id)
    where = (
        Premiere.date.between(month.start, month.end),
        Premiere.precision.in_(DAYS),
        has_genre.correlate(Movie),
        Movie.id != movie.id,
    )
    order = Premiere.date < day, Premiere.date, Premiere.id
    return _first_of_each(session, where, order)


def premiere_days_of(session: Session, movie_ids: Collection[int]) -> frozenset[date]:
    """The days of the premieres of movies."""
    query = select(Premiere.date).where(Premiere.movie_id.in_(movie_ids)).distinct()
    return frozenset(session.scalars(query))


def movies_listing(
    session: Session,
    movie_ids: Collection[int],
    periods: Iterable[Period],
    people: Collection[int] = (),
) -> list[MovieName]:
    """The movies whose pages may list one of these movies, or another of ``periods`` or ``people``.

    They are in the periods, or have one of these directors or a director of these movies.
    """
    directors = select(Credit.person_id).where(
        Credit.movie_id.in_(movie_ids), Credit.role == CreditRole.DIRECTOR
    )
    opening = [
        select(Premiere.movie_id).where(Premiere.date.between(each.start, each.end))
        for each in periods
    ]
    directed = select(Credit.movie_id).where(
        or_(_is_director(people), _is_director(directors)),
    )
    query = select(Movie.id, Movie.slug).where(Movie.published)
    query = query.where(Movie.id.in_(union(directed, *opening))).order_by(Movie.id)
    return [(row.id, row.slug) for row in session.execute(query)]


def _is_director(people: Collection[int] | Select[int]) -> ColumnElement[bool]:
    return and_(Credit.person_id.in_(people), Credit.role == CreditRole.DIRECTOR)


def _first_of_each(
    session: Session,
    where: Sequence[ColumnElement[bool]],
    order: Sequence[Any],
    *,
    outer: bool = False,
) -> tuple[Listing, ...]:
    """The first listing of each movie; ``outer``: also of movies without premieres."""
    number = func.row_number().over(partition_by=Movie.id, order_by=order)
    numbered = select(Premiere.id, number.label("number")).select_from(Premiere)
    ranked = numbered.join(Movie, Premiere.movie_id == Movie.id).where(*where).subquery()
    is_first = Premiere.id.in_(select(ranked.c.id).where(ranked.c.number == 1))
    query = select_listings(and_(Premiere.movie_id == Movie.id, is_first), outer=outer)
    return fetch_listings(session, query.where(*where).order_by(*order).limit(MAX_RELATED))
