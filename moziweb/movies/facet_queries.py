"""Queries of facets: genres, people, distributors and streaming services, and their premieres.

A facet is shared by movies and has a page of its own, which lists all of their premieres in
sections: the coming ones, the past ones, and movies without any. Each section is read in blocks by
keyset paging. Each function runs one query.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement, Row, Select, func, or_, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from .calendar import week_of
from .models import (
    Credit,
    CreditRole,
    Distributor,
    Genre,
    Movie,
    MovieGenre,
    Person,
    Premiere,
    StreamingService,
)
from .queries import Listing, fetch_listings, is_awaited, select_listings

Facet: TypeAlias = Genre | Person | Distributor | StreamingService

BLOCK: Final = 60
"""Rows of a section on one page."""


class FacetSection(StrEnum):
    """A part of a facet's list."""

    COMING = "coming"
    """Premieres of this week and later, the earliest first."""
    PAST = "past"
    """Earlier premieres, the latest first."""
    UNANNOUNCED = "unannounced"
    """Movies without a premiere, the newest first."""


@dataclass(frozen=True, slots=True)
class FacetCursor:
    """The last row of a block: the id of a premiere, or of a movie without one."""

    section: FacetSection
    row_id: int

    def __str__(self) -> str:
        return f"{self.section}-{self.row_id}"


def genre_by_slug(session: Session, slug: str) -> Genre | None:
    """The genre with this slug, or None."""
    return session.scalar(select(Genre).where(Genre.slug == slug))


def service_by_slug(session: Session, slug: str) -> StreamingService | None:
    """The streaming service with this slug, or None."""
    return session.scalar(select(StreamingService).where(StreamingService.slug == slug))


def all_genres(session: Session) -> Sequence[Genre]:
    """All genres, a few dozen."""
    return session.scalars(select(Genre).order_by(Genre.slug)).all()


def all_services(session: Session) -> Sequence[StreamingService]:
    """All streaming services, a few dozen."""
    return session.scalars(select(StreamingService).order_by(StreamingService.slug)).all()


def long_filmographies(session: Session) -> Sequence[Person]:
    """The people whose page may have more than one block."""
    premieres = select(Credit.person_id).join(Premiere, Premiere.movie_id == Credit.movie_id)
    busy = premieres.group_by(Credit.person_id).having(func.count() > BLOCK)
    return session.scalars(select(Person).where(Person.id.in_(busy)).order_by(Person.id)).all()


def roles_of(session: Session, person: Person) -> frozenset[CreditRole]:
    """The roles of a person in published movies."""
    query = select(Credit.role).join(Movie, Movie.id == Credit.movie_id)
    query = query.where(Movie.published, Credit.person_id == person.id)
    return frozenset(session.scalars(query.distinct()))


def facet_listings(
    session: Session,
    facet: Facet,
    section: FacetSection,
    today: date,
    limit: int,
    after: "Anchor | None" = None,
) -> tuple[Listing, ...]:
    """The rows of a section after ``after``, or its first rows."""
    is_outer, order = section is FacetSection.UNANNOUNCED, _ORDERS[section]
    query = select_listings(Premiere.movie_id == Movie.id, outer=is_outer)
    query = query.where(_has(facet), _is_in(section, today))
    if after is not None:
        row = tuple_(*order.columns)
        query = query.where(row < tuple(after) if order.is_descending else row > tuple(after))
    return fetch_listings(session, query.order_by(*order.by).limit(limit))


def facet_anchor(
    session: Session, facet: Facet, cursor: FacetCursor, today: date
) -> "Anchor | None":
    """The values that the section of the cursor is ordered by, None if its row is not there."""
    query = _section_rows(facet, cursor.section, today)
    columns = _ORDERS[cursor.section].columns
    return session.execute(query.where(columns[-1] == cursor.row_id)).one_or_none()


def facet_cursors(session: Session, facet: Facet, today: date) -> Iterator[FacetCursor]:
    """The cursors of all blocks but the first of each section. Runs a query for each section."""
    for section in FacetSection:
        query = _section_rows(facet, section, today).order_by(*_ORDERS[section].by)
        ids = [row[-1] for row in session.execute(query)]
        for row_id in ids[BLOCK - 1 : len(ids) - 1 : BLOCK]:
            yield FacetCursor(section, row_id)


Anchor: TypeAlias = Row[Any]
"""The values of a row that its section is ordered by."""


@dataclass(frozen=True, slots=True)
class _Order:
    """The columns that order a section; the last one is the id of the row."""

    columns: tuple[InstrumentedAttribute[Any], ...]
    is_descending: bool

    @property
    def by(self) -> Iterable[ColumnElement[Any]]:
        return [each.desc() if self.is_descending else each.asc() for each in self.columns]


_ORDERS: Final = {
    FacetSection.COMING: _Order((Premiere.date, Premiere.id), is_descending=False),
    FacetSection.PAST: _Order((Premiere.date, Premiere.id), is_descending=True),
    FacetSection.UNANNOUNCED: _Order((Movie.id,), is_descending=True),
}


def _section_rows(facet: Facet, section: FacetSection, today: date) -> Select[Any]:
    """The values of a section's rows that it is ordered by."""
    columns, is_outer = _ORDERS[section].columns, section is FacetSection.UNANNOUNCED
    rows = select(*columns).select_from(Movie)
    rows = rows.join(Premiere, Premiere.movie_id == Movie.id, isouter=is_outer)
    return rows.where(Movie.published, _has(facet), _is_in(section, today))


def _is_in(section: FacetSection, today: date) -> ColumnElement[bool]:
    is_coming = or_(Premiere.date >= week_of(today).start, is_awaited(Premiere, today))
    match section:
        case FacetSection.COMING:
            return is_coming
        case FacetSection.PAST:
            return ~is_coming
        case FacetSection.UNANNOUNCED:
            return Premiere.id.is_(None)


def _has(facet: Facet) -> ColumnElement[bool]:
    """Whether a movie or, for a service, a premiere has the facet."""
    match facet:
        case Genre():
            of_genre = select(MovieGenre.movie_id).where(MovieGenre.genre_id == facet.id)
            return Movie.id.in_(of_genre)
        case Person():
            return Movie.id.in_(select(Credit.movie_id).where(Credit.person_id == facet.id))
        case Distributor():
            return Movie.distributor_id == facet.id
        case StreamingService():
            return Premiere.service_id == facet.id
