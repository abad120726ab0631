"""Queries of facets: genres, people, distributors and streaming services, and their premieres.

A facet is shared by movies and has a page of its own, which lists all of their premieres in
sections: the coming ones, the past ones, and movies without any. Each section is read in blocks by
keyset paging. Each function but ``facet_blocks`` runs one query.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final, Self, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    and_,
    cast,
    func,
    literal,
    null,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from moziweb.db.planner_hints import NoIndex

from .calendar import week_of
from .list_position import ListPosition
from .models import (
    UNANNOUNCED,
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
from .queries import (
    IS_PUBLISHED,
    Listing,
    has_no_premiere,
    is_awaited,
    listings_of,
)

Facet: TypeAlias = Genre | Person | Distributor | StreamingService

BLOCK: Final = 60
"""Rows of a section on one page."""

COMMON: Final = 2_000
"""A genre or distributor with more movies is found by reading premieres in the order of dates."""


class FacetSection(StrEnum):
    """A part of a facet's list."""

    COMING = "coming"
    """Premieres of this week and later, the earliest first."""
    PAST = "past"
    """Earlier premieres, the latest first."""
    UNANNOUNCED = "unannounced"
    """Movies without a premiere, the newest first."""


@dataclass(frozen=True, slots=True)
class FacetPosition:
    """Where a block of a section begins: at a premiere, or at a movie without one."""

    section: FacetSection
    place: ListPosition

    def __str__(self) -> str:
        return f"{self.section}-{self.place}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The inverse of ``str``; None for any other text."""
        name, _dash, rest = text.partition("-")
        section = next((each for each in FacetSection if each == name), None)
        place = ListPosition.parse(rest)
        if section is None or place is None:
            return None
        is_dated = section is not FacetSection.UNANNOUNCED
        return cls(section, place) if (place.day is not None) == is_dated else None

    @classmethod
    def of(cls, section: FacetSection, listing: Listing) -> Self:
        """The position of a listing in a section."""
        premiere = listing.premiere
        day, row_id = (premiere.date, premiere.id) if premiere else (None, listing.movie.id)
        return cls(section, ListPosition(day, row_id))

    @property
    def key(self) -> tuple[Any, ...]:
        """The values that the section is ordered by."""
        place = self.place
        return (place.row_id,) if place.day is None else (place.day, place.row_id)


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


def facet_blocks(
    session: Session,
    facet: Facet,
    sections: Iterable[FacetSection],
    today: date,
    limit: int,
    position: FacetPosition | None = None,
) -> Mapping[FacetSection, Sequence[Listing]]:
    """The rows of sections from ``position`` on, or their first rows.

    Two queries, three for a genre or a distributor.
    """
    is_common = _is_common(session, facet)
    parts = {
        section: _block_ids(facet, section, today, is_common, position).limit(limit).subquery()
        for section in _sections_of(facet, sections)
    }
    ids = union_all(*(select(literal(str(name)), part) for name, part in parts.items()))
    rows = [tuple(row) for row in session.execute(ids)] if parts else []
    movie_ids, premiere_ids = {row[1] for row in rows}, {row[2] for row in rows} - {None}
    listings = listings_of(session, movie_ids, premiere_ids) if rows else ()
    by_ids = {(each.movie.id, each.premiere and each.premiere.id): each for each in listings}
    found: dict[FacetSection, Sequence[Listing]] = {}
    for section in sections:
        # A premiere may have been deleted between the two queries.
        block = [by_ids[row[1:]] for row in rows if row[0] == section and row[1:] in by_ids]
        found[section] = sorted(block, key=_place, reverse=_ORDERS[section].is_descending)
    return found


def facet_positions(session: Session, facet: Facet, today: date) -> Iterator[FacetPosition]:
    """The positions of all blocks but the first of each section. Runs a query for each section."""
    for section in _sections_of(facet, FacetSection):
        query = _section_rows(facet, section, today).order_by(*_ORDERS[section].by)
        for *days, row_id in session.execute(query).all()[BLOCK::BLOCK]:
            yield FacetPosition(section, ListPosition(days[0] if days else None, row_id))


def _sections_of(facet: Facet, sections: Iterable[FacetSection]) -> Iterator[FacetSection]:
    """Those that a facet can have: a service belongs to a premiere."""
    is_service = isinstance(facet, StreamingService)
    return (each for each in sections if not (is_service and each is FacetSection.UNANNOUNCED))


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


def _section_rows(
    facet: Facet, section: FacetSection, today: date, *, in_order: bool = False
) -> Select[Any]:
    """The values of a section's rows that it is ordered by.

    With ``in_order``, SQLite begins with all rows of the section in their order, and not with the
    movies that have the facet.
    """
    rows = select(*_ORDERS[section].columns).select_from(Movie)
    if section is FacetSection.UNANNOUNCED:
        unannounced = UNANNOUNCED.c.movie_id
        is_same = (NoIndex(unannounced) if in_order else unannounced) == Movie.id
        rows = rows.join(UNANNOUNCED, is_same)
    else:
        rows = rows.join(Premiere, Premiere.movie_id == Movie.id)
    return rows.where(IS_PUBLISHED, _has(facet, in_order), _is_in(section, today))


def _block_ids(
    facet: Facet,
    section: FacetSection,
    today: date,
    is_common: bool,
    position: FacetPosition | None,
) -> Select[int, int]:
    """The ids of a section's movies and premieres from ``position`` on, in their order."""
    order = _ORDERS[section]
    # The other sections are short.
    in_order = isinstance(facet, _SHARED) and (is_common or section is not FacetSection.PAST)
    rows = _section_rows(facet, section, today, in_order=in_order).order_by(*order.by)
    if position is not None:
        key = tuple_(*order.columns)
        is_after = key <= position.key if order.is_descending else key >= position.key
        rows = rows.where(is_after)
    is_unannounced = section is FacetSection.UNANNOUNCED
    premiere_id = cast(null(), Integer) if is_unannounced else Premiere.id
    return rows.with_only_columns(Movie.id.label("movie_id"), premiere_id.label("premiere_id"))


_SHARED: Final = (Genre, Distributor)
"""The facets that a large part of all movies may have."""


def _is_common(session: Session, facet: Facet) -> bool:
    """Whether to read past premieres in their order until there are enough of the facet."""
    match facet:
        case Genre():
            movies = select(MovieGenre.movie_id).where(MovieGenre.genre_id == facet.id)
        case Distributor():
            movies = select(Movie.id).where(Movie.distributor_id == facet.id)
        case _:
            return False
    return session.scalar(movies.offset(COMMON).limit(1)) is not None


def _place(listing: Listing) -> tuple[date, int]:
    """The values that a section is ordered by; movies without a premiere have the same date."""
    return listing.day, listing.premiere.id if listing.premiere else listing.movie.id


def _is_in(section: FacetSection, today: date) -> ColumnElement[bool]:
    week = week_of(today).start
    is_awaited_still = is_awaited(Premiere, today)
    match section:
        case FacetSection.COMING:
            first = min(week, today.replace(month=1, day=1))  # for the index of dates
            return and_(Premiere.date >= first, or_(Premiere.date >= week, is_awaited_still))
        case FacetSection.PAST:
            return and_(Premiere.date < week, ~is_awaited_still)
        case FacetSection.UNANNOUNCED:
            return has_no_premiere()


def _has(facet: Facet, in_order: bool) -> ColumnElement[bool]:
    """Whether a movie or, for a service, a premiere has the facet."""
    match facet:
        case Genre():
            of_genre = select(MovieGenre.movie_id).where(MovieGenre.genre_id == facet.id)
            if in_order:
                return of_genre.where(MovieGenre.movie_id == Movie.id).correlate(Movie).exists()
            return Movie.id.in_(of_genre)
        case Person():
            return Movie.id.in_(select(Credit.movie_id).where(Credit.person_id == facet.id))
        case Distributor():
            column = Movie.distributor_id
            return (NoIndex(column) if in_order else column) == facet.id
        case StreamingService():
            return Premiere.service_id == facet.id
