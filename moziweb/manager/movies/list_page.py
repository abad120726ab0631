"""The list of films, a page at a time.

Paging is by keyset: a page says after (or before) which row it begins, never "row 5,000", so the
last page costs what the first does, and a film that is added meanwhile moves nothing. At most four
queries whatever the number of films: the films of the page (two where it runs over into the part of
a list that has no dates), their premieres, their posters.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, TypeAlias

from sqlalchemy import Select, SQLColumnExpression, func, select, tuple_
from sqlalchemy.orm import Session, aliased, load_only

from moziweb.db.planner_hints import NoIndex
from moziweb.db.types import parse_id
from moziweb.movies.models import DatePrecision, Movie, Premiere
from moziweb.posters.models import PosterSource, SourceState

from .list_query import Filter, FilterContext, ListQuery, Sort, conditions, has, lacking, movie_ids

PAGE: Final = 50

_SHOWN: Final = (
    Movie.id, Movie.title, Movie.original_title, Movie.slug, Movie.published, Movie.updated_at
)  # fmt: skip

Key: TypeAlias = tuple[SQLColumnExpression[Any], SQLColumnExpression[int]]
"""What a list is ordered by: something, and an id for what is equal in it."""


@dataclass(frozen=True, slots=True)
class MovieRow:
    """A film in the list. ``premiere`` is its next one, or else its latest."""

    movie: Movie
    premiere: Premiere | None
    poster: SourceState | None
    cursor: str


@dataclass(frozen=True, slots=True)
class MoviePage:
    """A page of the list, and the cursors of the next and the previous one ("" for none)."""

    rows: tuple[MovieRow, ...]
    next: str
    previous: str


@dataclass(frozen=True, slots=True)
class _Found:
    movie: Movie
    cursor: str


@dataclass(frozen=True, slots=True)
class _Part:
    """A stretch of the list: a query of ids, its order, and the letter of its cursors."""

    letter: str
    ids: Select[Any]
    key: Key
    read: Callable[[str], Any]
    descending: bool

    def fetch(self, session: Session, cursor: str, limit: int, *, backwards: bool) -> list[_Found]:
        """At most ``limit`` films beyond a cursor of this part ("" for its edge)."""
        falling = self.descending != backwards
        query = self.ids.add_columns(
            *(key.label(name) for key, name in zip(self.key, "ab", strict=True))
        )
        if cursor:
            key, here = tuple_(*self.key), tuple_(*self.values(cursor))
            query = query.where(key < here if falling else key > here)
        order = [each.desc() if falling else each.asc() for each in self.key]
        # First which films, in indexes alone; then what is shown of these few.
        places = query.order_by(*order).limit(limit).subquery()
        rows = session.execute(
            select(Movie, places.c.a, places.c.b)
            .join(places, places.c.movie == Movie.id)
            .options(load_only(*_SHOWN, raiseload=True))
            .order_by(*(each.desc() if falling else each.asc() for each in places.c["a", "b"]))
        )
        return [
            _Found(movie, f"{self.letter}~{_text(first)}~{number}") for movie, first, number in rows
        ]

    def values(self, cursor: str) -> tuple[Any, int]:
        """What a cursor spells; ``ValueError`` for a text that is none."""
        first, _mark, number = cursor.rpartition("~")
        return self.read(first), _id(number)

    def has(self, cursor: str) -> bool:
        """Whether it is a cursor of this part."""
        letter, _mark, rest = cursor.partition("~")
        try:
            self.values(rest)
        except ValueError:
            return False
        return letter == self.letter


def page_of_movies(session: Session, wish: ListQuery, bounds: FilterContext) -> MoviePage:
    """The page that is wished for."""
    backwards = bool(wish.before)
    found = _movies(session, wish, bounds, backwards=backwards)
    more, found = len(found) > PAGE, found[:PAGE]
    if backwards:
        found.reverse()
    ids = [each.movie.id for each in found]
    premieres, posters = _premieres(session, ids, bounds.today), _posters(session, ids)
    rows = tuple(
        MovieRow(each.movie, premieres.get(each.movie.id), posters.get(each.movie.id), each.cursor)
        for each in found
    )
    has_next = rows and (backwards or more)
    has_previous = rows and (more if backwards else wish.after)
    return MoviePage(
        rows, rows[-1].cursor if has_next else "", rows[0].cursor if has_previous else ""
    )


def counts(session: Session, bounds: FilterContext, filters: Sequence[Filter]) -> dict[Filter, int]:
    """How many films there are in each list. One query."""
    numbers = []
    for each in filters:
        found = movie_ids(each, bounds).subquery()
        numbers.append(select(func.count(found.c[0].distinct())))
    row = session.execute(select(*(number.scalar_subquery() for number in numbers))).one()
    return dict(zip(filters, row, strict=True))


def _movies(
    session: Session, wish: ListQuery, bounds: FilterContext, *, backwards: bool
) -> list[_Found]:
    """One film more than a page has, if there is one: from the cursor on, in its direction."""
    parts = _parts(wish, bounds)
    if backwards:
        parts.reverse()
    start, cursor = _start(parts, wish.before or wish.after)
    found: list[_Found] = []
    for part in parts[start:]:
        missing = PAGE + 1 - len(found)
        if missing > 0:
            found += part.fetch(session, cursor, missing, backwards=backwards)
        cursor = ""
    return found


def _start(parts: Sequence[_Part], cursor: str) -> tuple[int, str]:
    """The part that a cursor is of, and the cursor in it; the edge for a text that is none."""
    for place, part in enumerate(parts):
        if part.has(cursor):
            return place, cursor.partition("~")[2]
    return 0, ""


def _parts(wish: ListQuery, bounds: FilterContext) -> list[_Part]:
    if wish.sort is not Sort.DATE:
        # SQLite would read each film that fits and sort them, instead of going along the order's
        # index until there are enough.
        movie = NoIndex(Movie.id)
        movies = select(Movie.id.label("movie")).where(*conditions(wish, bounds, movie))
        if wish.sort is Sort.TITLE:
            return [_Part("t", movies, (Movie.slug, Movie.id), _word, descending=False)]
        return [_Part("c", movies, (Movie.updated_at, Movie.id), _moment, descending=True)]
    later = aliased(Premiere)
    beyond = tuple_(later.date, later.id) > tuple_(Premiere.date, Premiere.id)
    dated = select(Premiere.movie_id.label("movie")).where(
        *conditions(wish, bounds, Premiere.movie_id),
        ~has(later, Premiere.movie_id, beyond),
    )
    if wish.filter is Filter.NO_DATE:
        # No premiere of these films has a day, so there is no need to look at those that have one.
        dated = dated.where(Premiere.precision != DatePrecision.DAY)
    without = lacking(lambda movie: has(Premiere, movie), wish.text).subquery()
    number = NoIndex(without.c.id)
    # A film without any premiere has none with a day, so there is no need to look again.
    left = Filter.ALL if wish.filter is Filter.NO_DATE else wish.filter
    undated = select(number.label("movie")).where(
        *conditions(ListQuery(filter=left), bounds, number)
    )
    return [
        _Part("d", dated, (Premiere.date, Premiere.id), date.fromisoformat, descending=True),
        _Part("u", undated, (number, number), _id, descending=True),
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
    """The next premiere of each film, or else its latest."""
    rows = session.scalars(
        select(Premiere).where(Premiere.movie_id.in_(ids)).order_by(Premiere.date, Premiere.id)
    )
    found: dict[int, Premiere] = {}
    for row in rows:
        known = found.get(row.movie_id)
        if known is None or known.date < today:
            found[row.movie_id] = row
    return found


def _posters(session: Session, ids: Sequence[int]) -> dict[int, SourceState]:
    rows = session.execute(
        select(PosterSource.movie_id, PosterSource.state).where(
            PosterSource.movie_id.in_(ids), PosterSource.chosen
        )
    )
    return {row.movie_id: row.state for row in rows}
