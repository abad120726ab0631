"""Queries of pages. Each function runs one query, except ``published_movie``.

Relations raise instead of lazy loading, so the number of queries of a page is visible in its view.
It does not grow with the number of movies.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased, defer, joinedload, selectinload

from moziweb.db.types import MAX_ID

from .models import (
    Credit,
    DatePrecision,
    Distributor,
    Genre,
    Movie,
    MovieGenre,
    Premiere,
    PremiereChange,
    PremiereKind,
    StreamingService,
)

SCREENED: Final = frozenset({PremiereKind.CINEMA, PremiereKind.LIMITED, PremiereKind.FESTIVAL})
"""The kinds that are shown on a screen to an audience, unlike streaming."""

STREAMED: Final = frozenset({PremiereKind.STREAMING})

RUNNING: Final = frozenset({PremiereKind.CINEMA, PremiereKind.LIMITED})
"""The kinds that run for more than a day, unlike a screening at a festival."""

DAYS: Final = frozenset({DatePrecision.DAY})
"""The precision of premieres that a week lists."""

DAYS_AND_MONTHS: Final = frozenset({DatePrecision.DAY, DatePrecision.MONTH})
"""The precisions of premieres that a month lists."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A movie in a list, and the premiere that it is listed for, or None without a date.

    ``service`` and ``distributor`` are names or "". ``moved`` is the latest change of the
    premiere's date. Synopses are not loaded.
    """

    movie: Movie
    premiere: Premiere | None = None
    service: str = ""
    distributor: str = ""
    moved: PremiereChange | None = None

    @property
    def day(self) -> date:
        """The premiere's date for sorting; ``date.max`` without a premiere."""
        return self.premiere.date if self.premiere else date.max


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The dates of the nearest premieres before and after a period without premieres."""

    before: date | None
    after: date | None


def premieres_between(
    session: Session, start: date, end: date, precisions: Collection[DatePrecision] = DAYS
) -> tuple[Listing, ...]:
    """The premieres of published movies from ``start`` to ``end``, both included.

    Ordered by date, then by title. Includes cancelled premieres. The date of a premiere of which
    only the month is known is the first day of the month.
    """
    query = _listed(Premiere.movie_id == Movie.id).where(
        Premiere.date.between(start, end), Premiere.precision.in_(precisions)
    )
    return tuple(sorted(_fetched(session, query), key=_by_date_and_title))


def undated_movies(session: Session, today: date, limit: int) -> tuple[Listing, ...]:
    """Published movies whose day is not known: those with a month or year first, then the rest.

    A movie is omitted if all of its premieres are cancelled or in a month or year that is over.
    """
    dated = exists().where(Premiere.movie_id == Movie.id, Premiere.precision.in_(DAYS))
    announced = exists().where(Premiere.movie_id == Movie.id)
    query = (
        _listed(Premiere.id == _first_awaited(today), outer=True)
        .where(~dated.correlate(Movie), or_(Premiere.id.is_not(None), ~announced.correlate(Movie)))
        .order_by(Premiere.date.is_(None), Premiere.date, Movie.id.desc())
        .limit(limit)
    )
    return _fetched(session, query)


def genre_premieres_from(
    session: Session, genre: Genre, start: date, limit: int
) -> tuple[Listing, ...]:
    """The next premieres of a genre from ``start`` on, the earliest first."""
    query = _of_genre(genre).where(Premiere.date >= start)
    return _fetched(session, query.order_by(Premiere.date, Premiere.id).limit(limit))


def genre_premieres_before(
    session: Session, genre: Genre, end: date, limit: int
) -> tuple[Listing, ...]:
    """The latest premieres of a genre before ``end``, the latest first."""
    query = _of_genre(genre).where(Premiere.date < end)
    return _fetched(session, query.order_by(Premiere.date.desc(), Premiere.id).limit(limit))


def listings_of(
    session: Session, movie_ids: Collection[int], premiere_ids: Collection[int]
) -> tuple[Listing, ...]:
    """Published movies with the given premieres of theirs, or without one, for cards."""
    wanted = and_(Premiere.movie_id == Movie.id, Premiere.id.in_(premiere_ids))
    query = _listed(wanted, outer=True).where(Movie.id.in_(movie_ids))
    return _fetched(session, query)


def neighbours(
    session: Session, start: date, end: date, precisions: Collection[DatePrecision] = DAYS
) -> Neighbours:
    """The nearest days before ``start`` and after ``end`` with premieres of published movies."""
    shown = (Movie.id == Premiere.movie_id, Movie.published, Premiere.precision.in_(precisions))
    before = select(func.max(Premiere.date)).where(*shown, Premiere.date < start)
    after = select(func.min(Premiere.date)).where(*shown, Premiere.date > end)
    row = session.execute(select(before.scalar_subquery(), after.scalar_subquery())).one()
    return Neighbours(before=row[0], after=row[1])


def genres_of(session: Session, movie_ids: Iterable[int]) -> dict[int, tuple[Genre, ...]]:
    """The genres of each movie in display order; no key for a movie without genres."""
    rows = session.execute(
        select(MovieGenre.movie_id, Genre)
        .join(Genre, MovieGenre.genre_id == Genre.id)
        .where(MovieGenre.movie_id.in_(sorted(set(movie_ids))))
        .order_by(MovieGenre.movie_id, MovieGenre.position)
    )
    found: dict[int, tuple[Genre, ...]] = {}
    for movie_id, genre in rows:
        found[movie_id] = (*found.get(movie_id, ()), genre)
    return found


def genre_by_slug(session: Session, slug: str) -> Genre | None:
    """The genre with this slug, or None."""
    return session.scalar(select(Genre).where(Genre.slug == slug))


def published_movie(session: Session, movie_id: int) -> Movie | None:
    """A published movie with all relations that its page shows, or None.

    Five queries: the movie with its distributor and genres; premieres with their services and
    changes; credits with people; trailers; provenance. One query if there is no such movie.
    """
    if not 0 < movie_id <= MAX_ID:
        return None
    query = (
        select(Movie)
        .where(Movie.id == movie_id, Movie.published)
        .options(
            joinedload(Movie.distributor),
            joinedload(Movie.genre_links).joinedload(MovieGenre.genre),
            selectinload(Movie.premieres).options(
                joinedload(Premiere.service), joinedload(Premiere.changes)
            ),
            selectinload(Movie.credits).joinedload(Credit.person),
            selectinload(Movie.trailers),
            selectinload(Movie.provenance),
        )
    )
    return session.scalars(query).unique().one_or_none()


# The columns of ``_listed``. The outer-joined ones may be None, which this type cannot express.
ListedSelect: TypeAlias = Select[Movie, Premiere, str, str, PremiereChange]


def _listed(premiere_is: ColumnElement[bool], *, outer: bool = False) -> ListedSelect:
    """Published movies joined to a premiere, with the other columns of a ``Listing``."""
    return (
        select(Movie, Premiere, StreamingService.name, Distributor.name, PremiereChange)
        .select_from(Movie)
        .join(Premiere, premiere_is, isouter=outer)
        .outerjoin(StreamingService, StreamingService.id == Premiere.service_id)
        .outerjoin(Distributor, Distributor.id == Movie.distributor_id)
        .outerjoin(PremiereChange, PremiereChange.id == _latest_change())
        .where(Movie.published)
        .options(defer(Movie.synopsis, raiseload=True), defer(Movie.synopsis_en, raiseload=True))
    )


def published_premieres(*columns: Any) -> Select[Any]:
    """A query of columns of published movies' premieres."""
    return select(*columns).join(Movie, Movie.id == Premiere.movie_id).where(Movie.published)


def _of_genre(genre: Genre) -> ListedSelect:
    of_genre = and_(MovieGenre.movie_id == Movie.id, MovieGenre.genre_id == genre.id)
    return _listed(Premiere.movie_id == Movie.id).join(MovieGenre, of_genre)


def _latest_change() -> ColumnElement[int]:
    change = aliased(PremiereChange)
    return (
        select(func.max(change.id))
        .where(change.premiere_id == Premiere.id)
        .correlate(Premiere)
        .scalar_subquery()
    )


def _first_awaited(today: date) -> ColumnElement[int]:
    """The id of a movie's first premiere whose month or year is not over yet."""
    awaited = aliased(Premiere)
    month, year = today.replace(day=1), today.replace(month=1, day=1)
    still_to_come = or_(
        and_(awaited.precision == DatePrecision.MONTH, awaited.date >= month),
        and_(awaited.precision == DatePrecision.YEAR, awaited.date >= year),
    )
    return (
        select(awaited.id)
        .where(awaited.movie_id == Movie.id, awaited.cancelled_at.is_(None), still_to_come)
        .order_by(awaited.date, awaited.id)
        .limit(1)
        .correlate(Movie)
        .scalar_subquery()
    )


def _fetched(session: Session, query: ListedSelect) -> tuple[Listing, ...]:
    return tuple(
        Listing(movie, premiere, service or "", distributor or "", moved)
        for movie, premiere, service, distributor, moved in session.execute(query)
    )


def _by_date_and_title(listing: Listing) -> tuple[date, str, int, int]:
    # By ids, too, so that no order depends on where PostgreSQL stores a row.
    premiere_id = 0 if listing.premiere is None else listing.premiere.id
    return listing.day, listing.movie.sort_key, listing.movie.id, premiere_id
