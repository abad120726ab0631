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

from sqlalchemy import ColumnElement, Select, exists, func, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased, load_only

from moziweb.movies.models import Movie, Premiere
from moziweb.movies.queries import MAX_ID
from moziweb.posters.models import PosterSource, SourceState

from .wishes import Bounds, Filter, Sort, Wish, conditions

PAGE: Final = 50

Key: TypeAlias = tuple[InstrumentedAttribute[Any], InstrumentedAttribute[int]]
"""What a list is ordered by: something, and an id for what is equal in it."""


@dataclass(frozen=True, slots=True)
class Row:
    """A film in the list. ``premiere`` is its next one, or else its latest."""

    film: Movie
    premiere: Premiere | None
    poster: SourceState | None
    cursor: str


@dataclass(frozen=True, slots=True)
class FilmPage:
    """A page of the list, and the cursors of the next and the previous one ("" for none)."""

    rows: tuple[Row, ...]
    next: str
    previous: str


@dataclass(frozen=True, slots=True)
class _Found:
    film: Movie
    cursor: str


@dataclass(frozen=True, slots=True)
class _Part:
    """A stretch of the list: a query, what it is ordered by, and the letter of its cursors."""

    letter: str
    query: Select[Any]
    key: Key
    read: Callable[[str], Any]
    descending: bool

    def fetch(self, session: Session, cursor: str, limit: int, *, backwards: bool) -> list[_Found]:
        """At most ``limit`` films beyond a cursor of this part ("" for its edge)."""
        falling = self.descending != backwards
        query = self.query.add_columns(*self.key)
        if cursor:
            key, here = tuple_(*self.key), tuple_(*self.values(cursor))
            query = query.where(key < here if falling else key > here)
        order = [each.desc() if falling else each.asc() for each in self.key]
        rows = session.execute(query.order_by(*order).limit(limit))
        return [
            _Found(film, f"{self.letter}~{_text(first)}~{number}") for film, first, number in rows
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


def page_of_films(session: Session, wish: Wish, bounds: Bounds) -> FilmPage:
    """The page that is wished for."""
    backwards = bool(wish.before)
    found = _films(session, wish, bounds, backwards=backwards)
    more, found = len(found) > PAGE, found[:PAGE]
    if backwards:
        found.reverse()
    ids = [each.film.id for each in found]
    premieres, posters = _premieres(session, ids, bounds.today), _posters(session, ids)
    rows = tuple(
        Row(each.film, premieres.get(each.film.id), posters.get(each.film.id), each.cursor)
        for each in found
    )
    has_next = rows and (backwards or more)
    has_previous = rows and (more if backwards else wish.after)
    return FilmPage(
        rows, rows[-1].cursor if has_next else "", rows[0].cursor if has_previous else ""
    )


def counts(session: Session, bounds: Bounds, filters: Sequence[Filter]) -> dict[Filter, int]:
    """How many films there are in each list. One query."""
    numbers = [
        select(func.count()).where(*conditions(Wish(filter=each), bounds)).select_from(Movie)
        for each in filters
    ]
    row = session.execute(select(*(number.scalar_subquery() for number in numbers))).one()
    return dict(zip(filters, row, strict=True))


def _films(session: Session, wish: Wish, bounds: Bounds, *, backwards: bool) -> list[_Found]:
    """One film more than a page has, if there is one: from the cursor on, in its direction."""
    parts = _parts(wish.sort, conditions(wish, bounds))
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


def _parts(sort: Sort, wanted: Sequence[ColumnElement[bool]]) -> list[_Part]:
    shown = (
        Movie.id, Movie.title, Movie.original_title, Movie.slug, Movie.published, Movie.updated_at
    )  # fmt: skip
    films = select(Movie).options(load_only(*shown, raiseload=True)).where(*wanted)
    if sort is Sort.TITLE:
        return [_Part("t", films, (Movie.slug, Movie.id), _word, descending=False)]
    if sort is Sort.CHANGED:
        return [_Part("c", films, (Movie.updated_at, Movie.id), _moment, descending=True)]
    later = aliased(Premiere)
    beyond = tuple_(later.date, later.id) > tuple_(Premiere.date, Premiere.id)
    dated = films.join(Premiere, Premiere.movie_id == Movie.id).where(
        ~exists().where(later.movie_id == Premiere.movie_id, beyond)
    )
    undated = films.where(~exists().where(Premiere.movie_id == Movie.id))
    return [
        _Part("d", dated, (Premiere.date, Premiere.id), date.fromisoformat, descending=True),
        _Part("u", undated, (Movie.id, Movie.id), _id, descending=True),
    ]


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _id(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text) <= MAX_ID):
        raise ValueError(text)
    return int(text)


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
