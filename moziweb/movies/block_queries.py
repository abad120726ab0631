"""Queries of the API's lists, block by block: premieres, movies, people, distributors, changes.

Each function runs one query, ``changes_since`` two. A block begins after the key of a row, by
keyset paging, and has at most ``size`` rows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from operator import attrgetter
from typing import TypeAlias

from sqlalchemy import ColumnElement, Row, exists, select
from sqlalchemy.orm import Session

from moziweb.db.paging import block_after

from .models import Credit, CreditRole, Distributor, Movie, Person, Premiere, RemovedMovie
from .queries import IS_PUBLISHED, Listing, fetch_listings, select_listings

RoleRow: TypeAlias = Row[CreditRole, int, str, str, str]
"""A role, with the id, the title, the original title and the slug of the movie."""


@dataclass(frozen=True, slots=True)
class MovieChange:
    """The time of a published movie's last change, or of its removal."""

    time: datetime
    movie_id: int
    is_removal: bool


def premiere_block(
    session: Session,
    start: date,
    end: date,
    where: Iterable[ColumnElement[bool]],
    after: tuple[date, int] | None,
    size: int,
) -> tuple[Listing, ...]:
    """Premieres from ``start`` to ``end``, both included, by date and id; also cancelled ones.

    The date of a premiere of which only the month or the year is known is its first day.
    """
    query = select_listings(Premiere.movie_id == Movie.id)
    query = query.where(Premiere.date.between(start, end), *where)
    return fetch_listings(session, block_after(query, (Premiere.date, Premiere.id), after, size))


def movie_block(session: Session, after: int, size: int) -> tuple[Listing, ...]:
    """Published movies by id, without premieres. Synopses are not loaded."""
    # No premiere has the id 0: the columns of premieres are NULL.
    query = select_listings(Premiere.id == 0, outer=True)
    return fetch_listings(session, block_after(query, (Movie.id,), (after,), size))


def people_block(session: Session, after: int, size: int) -> Sequence[Person]:
    """People with a published movie, by id."""
    shown = exists().where(Credit.person_id == Person.id, Credit.movie_id == Movie.id)
    query = select(Person).where(shown.where(Movie.published))
    return session.scalars(block_after(query, (Person.id,), (after,), size)).all()


def distributor_block(session: Session, after: int, size: int) -> Sequence[Distributor]:
    """Distributors with a published movie, by id."""
    shown = exists().where(Movie.distributor_id == Distributor.id, Movie.published)
    query = select(Distributor).where(shown)
    return session.scalars(block_after(query, (Distributor.id,), (after,), size)).all()


def credits_of(session: Session, person_id: int) -> Sequence[RoleRow]:
    """The roles of a person in published movies, by the movie's id, with the movie's names."""
    names = Movie.id, Movie.title, Movie.original_title, Movie.slug
    query = select(Credit.role, *names).join(Movie, Movie.id == Credit.movie_id)
    query = query.where(Credit.person_id == person_id, Movie.published)
    return session.execute(query.distinct().order_by(Movie.id, Credit.role)).all()


def changes_since(
    session: Session, since: datetime, after: tuple[datetime, int] | None, size: int
) -> Sequence[MovieChange]:
    """The last changes and the removals of movies at ``since`` or later, by time and id."""
    changed = select(Movie.updated_at, Movie.id).where(IS_PUBLISHED, Movie.updated_at >= since)
    removed = select(RemovedMovie.removed_at, RemovedMovie.movie_id)
    removed = removed.where(RemovedMovie.removed_at >= since)
    found: list[MovieChange] = []
    for query, order, is_removal in (
        (changed, (Movie.updated_at, Movie.id), False),
        (removed, (RemovedMovie.removed_at, RemovedMovie.movie_id), True),
    ):
        rows = session.execute(block_after(query, order, after, size))
        found.extend(MovieChange(*row, is_removal) for row in rows)
    return sorted(found, key=attrgetter("time", "movie_id"))[:size]
