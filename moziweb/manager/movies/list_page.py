"""A page of the list of movies, with keyset paging.

A cursor names the row after (or before) which a page starts, not an offset. So the last page costs
as much as the first, and a movie added in between does not shift rows. At most three queries: the
movies of the page with the states of their posters (two if it continues into the segment without
dates), and their premieres. If nothing is found, one more looks for similar titles and names.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from typing import Any, Final, TypeAlias

from sqlalchemy import Select, SQLColumnExpression, and_, select, tuple_
from sqlalchemy.orm import Session, aliased, load_only

from moziweb.db.planner_hints import NoIndex
from moziweb.db.types import parse_id
from moziweb.movies.models import Movie, Premiere
from moziweb.movies.queries import is_without_day
from moziweb.movies.search_queries import movies_spelled_alike
from moziweb.posters.models import PosterSource, SourceState

from .list_query import (
    WITHOUT_PREMIERE,
    Filter,
    FilterContext,
    ListQuery,
    Sort,
    conditions,
    has,
    lacking,
)

MOVIES_PER_PAGE: Final = 50

_SHOWN: Final = (
    Movie.id, Movie.title, Movie.original_title, Movie.slug, Movie.published, Movie.updated_at
)  # fmt: skip

ListSortKey: TypeAlias = tuple[SQLColumnExpression[Any], SQLColumnExpression[int]]
"""The sort key of a list, and an id as the tie-breaker."""


@dataclass(frozen=True, slots=True)
class MovieRow:
    """A movie in the list. ``premiere`` is its next one, or else its latest."""

    movie: Movie
    premiere: Premiere | None
    poster: SourceState | None
    cursor: str


@dataclass(frozen=True, slots=True)
class MovieListPage:
    """A page of the list; ``next`` and ``previous`` are cursors, "" for none.

    The rows are ``similar`` if nothing was found: their titles or people are spelled alike.
    """

    rows: tuple[MovieRow, ...]
    next: str
    previous: str
    similar: bool = False


_Row: TypeAlias = tuple[Movie, SourceState | None, str]
"""A movie, the state of its poster, and its cursor."""


@dataclass(frozen=True, slots=True)
class _Segment:
    """A part of the list: a query of ids, its sort key, and the letter of its cursors."""

    letter: str
    ids: Select[Any]
    key: ListSortKey
    read: Callable[[str], Any]
    descending: bool

    def fetch(self, session: Session, cursor: str, limit: int, *, backwards: bool) -> list[_Row]:
        """Returns at most ``limit`` movies beyond a cursor ("" for the segment's edge)."""
        falling = self.descending != backwards
        query = self.ids.add_columns(
            *(key.label(name) for key, name in zip(self.key, "ab", strict=True))
        )
        if cursor:
            key, here = tuple_(*self.key), tuple_(*self.values(cursor))
            query = query.where(key < here if falling else key > here)
        order = [each.desc() if falling else each.asc() for each in self.key]
        # Find the ids in indexes only, then read the rows of these few.
        keys = query.order_by(*order).limit(limit).subquery()
        rows = session.execute(
            _with_posters(keys.c.a, keys.c.b)
            .join(keys, keys.c.movie == Movie.id)
            .order_by(*(each.desc() if falling else each.asc() for each in keys.c["a", "b"]))
        )
        return [
            (movie, poster, f"{self.letter}~{_text(first)}~{number}")
            for movie, poster, first, number in rows
        ]

    def values(self, cursor: str) -> tuple[Any, int]:
        """Parses a cursor. Raises ``ValueError`` for any other text."""
        first, _mark, number = cursor.rpartition("~")
        return self.read(first), _id(number)

    def has(self, cursor: str) -> bool:
        """Whether the text is a cursor of this segment."""
        letter, _mark, rest = cursor.partition("~")
        try:
            self.values(rest)
        except ValueError:
            return False
        return letter == self.letter


def page_of_movies(session: Session, query: ListQuery, context: FilterContext) -> MovieListPage:
    """Returns the page for a query."""
    backwards = bool(query.before)
    found = _movies(session, query, context, backwards=backwards)
    more, found = len(found) > MOVIES_PER_PAGE, found[:MOVIES_PER_PAGE]
    if backwards:
        found.reverse()
    if not found:
        return MovieListPage(
            _rows(session, _similar(session, query, context), context), "", "", True
        )
    rows = _rows(session, found, context)
    has_next = backwards or more
    has_previous = more if backwards else query.after
    return MovieListPage(
        rows, rows[-1].cursor if has_next else "", rows[0].cursor if has_previous else ""
    )


def _rows(session: Session, found: Sequence[_Row], context: FilterContext) -> tuple[MovieRow, ...]:
    premieres = _premieres(session, [movie.id for movie, *_ in found], context.today)
    return tuple(
        MovieRow(movie, premieres.get(movie.id), poster, cursor) for movie, poster, cursor in found
    )


def _similar(session: Session, query: ListQuery, context: FilterContext) -> list[_Row]:
    """The movies that a search which finds nothing may mean, the likeliest first."""
    terms = query.search.terms
    if terms is None or query.after or query.before:
        return []
    alike = movies_spelled_alike(terms)
    others = conditions(replace(query, text=""), context, Movie.id)
    rows = session.execute(
        _with_posters()
        .join(alike, alike.c.id == Movie.id)
        .where(*others)
        .order_by(alike.c.similarity.desc(), Movie.id.desc())
        .limit(MOVIES_PER_PAGE)
    )
    return [(movie, poster, "") for movie, poster in rows]


def _with_posters(*columns: Any) -> Select[Any]:
    """Query of movies and the states of their posters."""
    is_theirs = and_(PosterSource.movie_id == Movie.id, PosterSource.chosen)
    return (
        select(Movie, PosterSource.state, *columns)
        .outerjoin_from(Movie, PosterSource, is_theirs)
        .options(load_only(*_SHOWN, raiseload=True))
    )


def _movies(
    session: Session, query: ListQuery, context: FilterContext, *, backwards: bool
) -> list[_Row]:
    """One movie more than a page, if there is one, from the cursor in its direction."""
    parts = _parts(query, context)
    if backwards:
        parts.reverse()
    start, cursor = _start(parts, query.before or query.after)
    found: list[_Row] = []
    for part in parts[start:]:
        missing = MOVIES_PER_PAGE + 1 - len(found)
        if missing > 0:
            found += part.fetch(session, cursor, missing, backwards=backwards)
        cursor = ""
    return found


def _start(parts: Sequence[_Segment], cursor: str) -> tuple[int, str]:
    """The segment of a cursor and the cursor in it; the first edge for an invalid cursor."""
    for place, part in enumerate(parts):
        if part.has(cursor):
            return place, cursor.partition("~")[2]
    return 0, ""


def _parts(query: ListQuery, context: FilterContext) -> list[_Segment]:
    if query.sort is not Sort.DATE:
        # Otherwise SQLite reads and sorts all matching movies, instead of scanning the index of
        # the sort order until the page is full.
        movie = NoIndex(Movie.id)
        movies = select(Movie.id.label("movie")).where(*conditions(query, context, movie))
        if query.sort is Sort.TITLE:
            return [_Segment("t", movies, (Movie.sort_key, Movie.id), _word, descending=False)]
        return [_Segment("c", movies, (Movie.updated_at, Movie.id), _moment, descending=True)]
    later = aliased(Premiere)
    beyond = tuple_(later.date, later.id) > tuple_(Premiere.date, Premiere.id)
    dated = select(Premiere.movie_id.label("movie")).where(
        *conditions(query, context, Premiere.movie_id),
        ~has(later, Premiere.movie_id, beyond),
    )
    if query.filter is Filter.NO_DATE:
        # No premiere of these movies has a day, so exclude those that have one.
        dated = dated.where(is_without_day(Premiere))
    is_dated = partial(has, Premiere)
    without = lacking(is_dated, WITHOUT_PREMIERE, query.search).subquery()
    number = NoIndex(without.c.id)
    # A movie without any premiere has none with a day: the filter is already satisfied.
    left = Filter.ALL if query.filter is Filter.NO_DATE else query.filter
    undated = select(number.label("movie")).where(
        *conditions(ListQuery(filter=left, distributor=query.distributor), context, number)
    )
    return [
        _Segment("d", dated, (Premiere.date, Premiere.id), date.fromisoformat, descending=True),
        _Segment("u", undated, (number, number), _id, descending=True),
    ]


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _id(text: str) -> int:
    found = parse_id(text)
    if found is None:
        raise ValueError(text)
    return found


def _word(text: str) -> str:
    if not text.isprintable():
        raise ValueError(text)
    return text


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment


def _premieres(session: Session, ids: Sequence[int], today: date) -> dict[int, Premiere]:
    """The next premiere of each movie, or else its latest. No query without movies."""
    if not ids:
        return {}
    rows = session.scalars(
        select(Premiere).where(Premiere.movie_id.in_(ids)).order_by(Premiere.date, Premiere.id)
    )
    found: dict[int, Premiere] = {}
    for row in rows:
        known = found.get(row.movie_id)
        if known is None or known.date < today:
            found[row.movie_id] = row
    return found
