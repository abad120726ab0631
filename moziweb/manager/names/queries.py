"""Lists of names, suggestions, and the movies of a row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, case, distinct, func, or_, select, tuple_
from sqlalchemy.orm import Session

from moziweb.movies.collation import sort_key
from moziweb.movies.models import Movie, Person
from moziweb.movies.text_folding import fold

from ..bin.queries import ROWS_PER_PAGE
from ..movies.list_search import person_address
from .kinds import NAME_MODELS, USES, NamedKind

SUGGESTIONS: Final = 8
SHOWN_MOVIES: Final = 60
"""Movies on the page of a row."""


@dataclass(frozen=True, slots=True)
class NamedRow:
    """A row with a name, and in how many movies, credits or premieres it is."""

    id: int
    name: str
    uses: int


@dataclass(frozen=True, slots=True)
class NameSuggestion:
    """A row that is suggested: how many movies it has, and the title of the latest one."""

    id: int
    name: str
    movies: int
    title: str


def named_rows(
    session: Session, kind: NamedKind, text: str = "", after: int | None = None
) -> Sequence[NamedRow]:
    """Returns rows by name that contain the words of ``text``, and one more than a page.

    An IMDb id or a pasted address of a person is that person. ``after`` is the id of the last row
    of the previous page. The order is Hungarian. Four queries at most.
    """
    model, (column, _movie) = NAME_MODELS[kind], USES[kind]
    query: Select[Any] = select(model.id, model.name)
    if model is Person and (address := person_address(text)):
        query = query.where(getattr(Person, address[0]) == address[1])
    elif words := fold(text).split():
        query = query.where(_contain(session, kind, words, every=True))
    last = session.get(model, after) if after else None
    rows = (_people if model is Person else _few_rows)(session, query, last)
    counts = select(column, func.count()).where(column.in_([row.id for row in rows]))
    uses = {row[0]: row[1] for row in session.execute(counts.group_by(column))}
    return [NamedRow(row.id, row.name, uses.get(row.id, 0)) for row in rows]


def _people(session: Session, query: Select[Any], last: Any) -> Sequence[Any]:
    """Returns a page of people after ``last``."""
    if last is not None:
        place = tuple_(Person.sort_key, Person.id)
        query = query.where(place > tuple_(last.sort_key, last.id))
    by_name = query.order_by(Person.sort_key, Person.id)
    return session.execute(by_name.limit(ROWS_PER_PAGE + 1)).all()


def _few_rows(session: Session, query: Select[Any], last: Any) -> Sequence[Any]:
    """The same for rows without sort keys: a few dozen genres, a few hundred distributors."""
    rows = sorted(session.execute(query), key=_by_name)
    if last is not None:
        rows = [row for row in rows if _by_name(row) > _by_name(last)]
    return rows[: ROWS_PER_PAGE + 1]


def _by_name(row: Any) -> tuple[str, int]:
    return sort_key(row.name), row.id


def alike_rows(session: Session, kind: NamedKind, row: Any) -> Sequence[NamedRow]:
    """Returns the other rows that have a word of a row's name; those with most of them first."""
    model, (column, _movie) = NAME_MODELS[kind], USES[kind]
    words = [word for word in fold(row.name).split() if len(word) > 2] or fold(row.name).split()
    if not words:
        return ()
    uses = select(func.count()).where(column == model.id).scalar_subquery()
    query: Select[Any] = select(model.id, model.name, uses).where(
        model.id != row.id, _contain(session, kind, words, every=False)
    )
    found = [NamedRow(*each) for each in session.execute(query.limit(10 * ROWS_PER_PAGE))]
    wanted = set(words)
    found.sort(key=lambda each: (-len(wanted & set(fold(each.name).split())), *_by_name(each)))
    return found[:ROWS_PER_PAGE]


def suggestions(
    session: Session, kind: NamedKind, text: str, without: int | None = None
) -> list[NameSuggestion]:
    """Returns rows that contain the words of ``text``, those that begin with it first.

    Three queries at most.
    """
    words = fold(text).split()
    if not words:
        return []
    model = NAME_MODELS[kind]
    query = select(model.id, model.name).where(_contain(session, kind, words, every=True))
    if without is not None:
        query = query.where(model.id != without)
    if model is Person:
        begins = Person.search_text.startswith(" ".join(words), autoescape=True)
        order = case((begins, 0), else_=1), Person.sort_key, Person.id
        rows = session.execute(query.order_by(*order).limit(SUGGESTIONS)).all()
    else:
        found_rows = sorted(session.execute(query), key=lambda row: (len(row.name), *_by_name(row)))
        rows = found_rows[:SUGGESTIONS]
    column, movie = USES[kind]
    uses = select(column, func.count(distinct(movie)), func.max(movie)).group_by(column)
    counts = {
        row_id: (count, latest)
        for row_id, count, latest in session.execute(uses.where(column.in_([r.id for r in rows])))
    }
    latest = select(Movie.id, Movie.title).where(
        Movie.id.in_([each[1] for each in counts.values()])
    )
    titles = {each.id: each.title for each in session.execute(latest)}
    found = []
    for row in rows:
        count, movie_id = counts.get(row.id, (0, None))
        found.append(NameSuggestion(row.id, row.name, count, titles.get(movie_id, "")))
    return found


def movies_of(session: Session, kind: NamedKind, row_id: int) -> dict[int, str]:
    """Returns the ids and slugs of the movies that refer to a row. One query."""
    column, movie = USES[kind]
    ids = select(movie).where(column == row_id)
    query = select(Movie.id, Movie.slug).where(Movie.id.in_(ids)).order_by(Movie.id)
    return {row.id: row.slug for row in session.execute(query)}


def shown_movies(session: Session, kind: NamedKind, row_id: int) -> list[tuple[int, str]]:
    """Returns ids and titles of the latest movies of a row, and one more than shown. One query."""
    column, movie = USES[kind]
    query = select(Movie.id, Movie.title).where(Movie.id.in_(select(movie).where(column == row_id)))
    rows = session.execute(query.order_by(Movie.id.desc()).limit(SHOWN_MOVIES + 1))
    return [(row.id, row.title) for row in rows]


def has_public_page(session: Session, kind: NamedKind, row_id: int) -> bool:
    """Whether a row has a page on the site: genres and services always have one."""
    if kind in (NamedKind.GENRE, NamedKind.SERVICE):
        return True
    column, movie = USES[kind]
    query = select(Movie.id).where(
        Movie.published, Movie.id.in_(select(movie).where(column == row_id))
    )
    return session.scalar(query.limit(1)) is not None


def _contain(
    session: Session, kind: NamedKind, words: Sequence[str], *, every: bool
) -> ColumnElement[bool]:
    """The condition that a name has every word, or any of them."""
    model = NAME_MODELS[kind]
    if model is Person:
        found = [Person.search_text.contains(word, autoescape=True) for word in words]
        return and_(True, *found) if every else or_(False, *found)
    # A few dozen genres and services and a few hundred distributors, without folded names.
    test = all if every else any
    rows = session.execute(select(model.id, model.name))
    ids = [row.id for row in rows if test(word in fold(row.name) for word in words)]
    matching: ColumnElement[bool] = model.id.in_(ids)
    return matching
