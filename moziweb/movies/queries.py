"""Queries of pages. Each function runs one query, except ``published_movie``.

Relations raise instead of lazy loading, so the number of queries of a page is visible in its view.
It does not grow with the number of movies.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Select,
    SQLColumnExpression,
    and_,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import Session, aliased, defer, joinedload, selectinload

from moziweb.db.planner_hints import NoIndex
from moziweb.db.types import MAX_ID

from .list_position import ListPosition
from .models import (
    UNANNOUNCED,
    Credit,
    CreditRole,
    DatePrecision,
    Distributor,
    Genre,
    Movie,
    MovieGenre,
    Person,
    Premiere,
    PremiereChange,
    PremiereKind,
    StreamingService,
)

IS_PUBLISHED: Final = NoIndex(Movie.published)
"""A condition of queries that begin with premieres or ids. Nearly all movies are published, but
SQLite would begin with the index of this column and read all of them."""

SCREENED: Final = frozenset({PremiereKind.CINEMA, PremiereKind.LIMITED, PremiereKind.FESTIVAL})
"""The kinds that are shown on a screen to an audience, unlike streaming."""

STREAMED: Final = frozenset({PremiereKind.STREAMING})

RUNNING: Final = frozenset({PremiereKind.CINEMA, PremiereKind.LIMITED})
"""The kinds that run for more than a day, unlike a screening at a festival."""

DAYS: Final = frozenset({DatePrecision.DAY})
"""The precision of premieres that a week lists."""

DAYS_AND_MONTHS: Final = frozenset({DatePrecision.DAY, DatePrecision.MONTH})
"""The precisions of premieres that a month lists."""

SYNOPSES: Final = (Movie.synopsis, Movie.synopsis_en)
"""The long texts of a movie, which lists do not load."""


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
    session: Session,
    start: date,
    end: date,
    precisions: Collection[DatePrecision] = DAYS,
    where: Iterable[ColumnElement[bool]] = (),
) -> tuple[Listing, ...]:
    """The premieres of published movies from ``start`` to ``end``, both included.

    ``where`` are further conditions. Ordered by date, then by title. Includes cancelled premieres.
    The date of a premiere of which only the month is known is the first day of the month.
    """
    query = select_listings(Premiere.movie_id == Movie.id).where(
        Premiere.date.between(start, end), Premiere.precision.in_(precisions), *where
    )
    return tuple(sorted(fetch_listings(session, query), key=_by_date_and_title))


def undated_movies(
    session: Session, today: date, limit: int, position: ListPosition | None = None
) -> tuple[Listing, ...]:
    """Published movies whose day is not known: those with a month or year first, then the rest.

    At most ``limit``, the first ones or those from ``position`` on: the date of a movie's premiere,
    and the movie's id. A movie is omitted if all of its premieres are cancelled or in a month or
    year that is over.
    """
    parts = _awaited_movies(today, position), _unannounced_movies(position)
    return fetch_listings(session, _undated_query(today, parts, limit))


def undated_positions(session: Session, today: date) -> Sequence[ListPosition]:
    """The positions of all movies of ``undated_movies``, in its order."""
    query = _undated_query(today, (_awaited_movies(today), _unannounced_movies()), None)
    rows = session.execute(query.with_only_columns(Premiere.date, Movie.id))
    return [ListPosition(*row) for row in rows]


def listings_of(
    session: Session, movie_ids: Collection[int], premiere_ids: Collection[int]
) -> tuple[Listing, ...]:
    """Published movies with the given premieres of theirs, or without one, for cards."""
    wanted = and_(Premiere.movie_id == Movie.id, Premiere.id.in_(premiere_ids))
    query = select_listings(wanted, outer=True).where(Movie.id.in_(movie_ids))
    return fetch_listings(session, query)


def synopses_of(session: Session, movie_ids: Iterable[int]) -> dict[int, str]:
    """The Hungarian synopses of movies by id."""
    query = select(Movie.id, Movie.synopsis).where(Movie.id.in_(sorted(set(movie_ids))))
    return {row.id: row.synopsis for row in session.execute(query)}


def both_synopses_of(session: Session, movie_ids: Iterable[int]) -> dict[int, tuple[str, str]]:
    """The Hungarian and the English synopses of movies by id."""
    query = select(Movie.id, *SYNOPSES).where(Movie.id.in_(sorted(set(movie_ids))))
    return {row.id: (row.synopsis, row.synopsis_en) for row in session.execute(query)}


def neighbours(
    session: Session,
    start: date,
    end: date,
    precisions: Collection[DatePrecision] = DAYS,
    where: Iterable[ColumnElement[bool]] = (),
) -> Neighbours:
    """The nearest days before ``start`` and after ``end`` with premieres of published movies."""
    is_listed = Premiere.precision.in_(precisions)
    # Not by max() and min(): for a join, PostgreSQL computes them from all rows.
    days = published_premieres(Premiere.date).where(is_listed, *where).limit(1)
    before = days.where(Premiere.date < start).order_by(Premiere.date.desc())
    after = days.where(Premiere.date > end).order_by(Premiere.date)
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


def genres_and_directors_of(
    session: Session, movie_ids: Iterable[int]
) -> tuple[dict[int, tuple[Genre, ...]], dict[int, tuple[Person, ...]]]:
    """The genres and the directors of each movie in display order; no key for a movie without."""
    wanted = sorted(set(movie_ids))
    nobody = literal(0)
    of_genres = select(
        MovieGenre.movie_id, MovieGenre.position, MovieGenre.genre_id, nobody.label("person_id")
    ).where(MovieGenre.movie_id.in_(wanted))
    of_people = select(Credit.movie_id, Credit.position, nobody, Credit.person_id).where(
        Credit.movie_id.in_(wanted), Credit.role == CreditRole.DIRECTOR
    )
    links = union_all(of_genres, of_people).subquery()
    rows = session.execute(
        select(links.c.movie_id, Genre, Person)
        .select_from(links)
        .outerjoin(Genre, Genre.id == links.c.genre_id)
        .outerjoin(Person, Person.id == links.c.person_id)
        .order_by(links.c.movie_id, links.c.position)
    )
    genres: dict[int, tuple[Genre, ...]] = {}
    directors: dict[int, tuple[Person, ...]] = {}
    for movie_id, genre, person in rows:
        if genre is not None:
            genres[movie_id] = (*genres.get(movie_id, ()), genre)
        else:
            directors[movie_id] = (*directors.get(movie_id, ()), person)
    return genres, directors


def published_movie(session: Session, movie_id: int) -> Movie | None:
    """A published movie with all relations that its page shows, or None.

    Five queries: the movie with its distributor and genres; premieres with their services and
    changes; credits with people; trailers; provenance. One query if there is no such movie.
    """
    return _movie_of_page(session, movie_id, Movie.published)


def previewed_movie(session: Session, movie_id: int) -> Movie | None:
    """As ``published_movie``, also one that is not published."""
    return _movie_of_page(session, movie_id, true())


def _movie_of_page(
    session: Session, movie_id: int, where: SQLColumnExpression[bool]
) -> Movie | None:
    if not 0 < movie_id <= MAX_ID:
        return None
    query = (
        select(Movie)
        .where(Movie.id == movie_id, where)
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


# The columns of ``select_listings``. Outer-joined ones may be None; this type cannot say so.
ListedSelect: TypeAlias = Select[Movie, Premiere, str, str, PremiereChange]


def select_listings(premiere_is: ColumnElement[bool], *, outer: bool = False) -> ListedSelect:
    """Published movies joined to a premiere, with the other columns of a ``Listing``."""
    return (
        select(Movie, Premiere, StreamingService.name, Distributor.name, PremiereChange)
        .select_from(Movie)
        .join(Premiere, premiere_is, isouter=outer)
        .outerjoin(StreamingService, StreamingService.id == Premiere.service_id)
        .outerjoin(Distributor, Distributor.id == Movie.distributor_id)
        .outerjoin(PremiereChange, PremiereChange.id == _latest_change())
        .where(IS_PUBLISHED)
        .options(*(defer(each, raiseload=True) for each in SYNOPSES))
    )


def fetch_listings(session: Session, query: ListedSelect) -> tuple[Listing, ...]:
    """The listings of a query of ``select_listings``."""
    return tuple(
        Listing(movie, premiere, service or "", distributor or "", moved)
        for movie, premiere, service, distributor, moved in session.execute(query)
    )


def is_awaited(premiere: type[Premiere], today: date) -> ColumnElement[bool]:
    """Whether a premiere has a month or a year, but no day, and it is not over yet."""
    month, year = today.replace(day=1), today.replace(month=1, day=1)
    return or_(
        and_(premiere.precision == DatePrecision.MONTH, premiere.date >= month),
        and_(premiere.precision == DatePrecision.YEAR, premiere.date >= year),
    )


def is_without_day(premiere: type[Premiere]) -> ColumnElement[bool]:
    """Whether the date of a premiere is a month or a year. An index has these premieres."""
    # A literal, so that SQLite sees that the partial index has these rows.
    day = literal(DatePrecision.DAY, Premiere.precision.type, literal_execute=True)
    return premiere.precision != day


def has_no_premiere() -> ColumnElement[bool]:
    """Whether a movie has no premiere, also no cancelled one."""
    return ~exists().where(Premiere.movie_id == Movie.id).correlate(Movie)


def published_premieres(*columns: Any) -> Select[Any]:
    """A query of columns of published movies' premieres."""
    return select(*columns).join(Movie, Movie.id == Premiere.movie_id).where(IS_PUBLISHED)


def _undated_query(today: date, parts: Iterable[Select[int]], limit: int | None) -> ListedSelect:
    """The listings of the movies of ``parts``, at most ``limit`` of each and of all."""
    found = union_all(*(select(part.limit(limit).subquery()) for part in parts))
    return (
        select_listings(Premiere.id == _first_awaited(today), outer=True)
        .where(Movie.id.in_(found))
        .order_by(Premiere.date.is_(None), Premiere.date, Movie.id.desc())
        .limit(limit)
    )


def _awaited_movies(today: date, position: ListPosition | None = None) -> Select[int]:
    """The movies with an awaited premiere and none on a known day, the earliest premiere first.

    Those from ``position`` on; none follow a movie without premieres. Looks at the premieres
    without a day alone, which are few.
    """
    dated = exists().where(Premiere.movie_id == Movie.id, Premiere.precision.in_(DAYS))
    awaited = aliased(Premiere)
    query = (
        select(Movie.id)
        .join(awaited, awaited.movie_id == Movie.id)
        .where(IS_PUBLISHED, is_without_day(awaited), awaited.date >= today.replace(month=1, day=1))
        .where(awaited.id == _first_awaited(today), ~dated.correlate(Movie))
        .order_by(awaited.date, Movie.id.desc())
    )
    if position is None:
        return query
    if position.day is None:
        return query.where(false())
    is_same_date = and_(awaited.date == position.day, Movie.id <= position.row_id)
    return query.where(or_(awaited.date > position.day, is_same_date))


def _unannounced_movies(position: ListPosition | None = None) -> Select[int]:
    """The movies without premieres, the newest first: those from ``position`` on."""
    unannounced = UNANNOUNCED.c.movie_id
    query = select(unannounced).join(Movie, Movie.id == NoIndex(unannounced))
    query = query.where(IS_PUBLISHED, has_no_premiere()).order_by(unannounced.desc())
    if position is None or position.day is not None:
        return query
    return query.where(unannounced <= position.row_id)


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
    is_first = awaited.movie_id == Movie.id, awaited.cancelled_at.is_(None)
    return (
        select(awaited.id)
        .where(*is_first, is_awaited(awaited, today))
        .order_by(awaited.date, awaited.id)
        .limit(1)
        .correlate(Movie)
        .scalar_subquery()
    )


def _by_date_and_title(listing: Listing) -> tuple[date, str, int, int]:
    # By ids, too, so that no order depends on where PostgreSQL stores a row.
    premiere_id = 0 if listing.premiere is None else listing.premiere.id
    return listing.day, listing.movie.sort_key, listing.movie.id, premiere_id
