"""Lists of the bin, and of the people, genres and distributors that can be deleted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, func, select, tuple_
from sqlalchemy.orm import Session, defer

from moziweb.movies.models import Credit, Distributor, Genre, Movie, MovieGenre, Person
from moziweb.movies.text_folding import fold

from .models import BinItem, BinKind
from .restoring import BIN_RETENTION

ROWS_PER_PAGE: Final = 50

NAMED: Final[Mapping[BinKind, Any]] = {
    BinKind.PERSON: Person,
    BinKind.GENRE: Genre,
    BinKind.DISTRIBUTOR: Distributor,
}
"""The kinds that have a name and movies."""

_MOVIES: Final[Mapping[BinKind, Any]] = {
    BinKind.PERSON: Credit.person_id,
    BinKind.GENRE: MovieGenre.genre_id,
    BinKind.DISTRIBUTOR: Movie.distributor_id,
}


@dataclass(frozen=True, slots=True)
class NamedRow:
    """A person, genre or distributor, and in how many movies, or credits of a person, it is."""

    id: int
    name: str
    uses: int


def items_in_bin(session: Session, now: datetime, before: int | None = None) -> Sequence[BinItem]:
    """Returns a page of the bin, the latest first, and one more if there is one. One query."""
    query = select(BinItem).where(BinItem.deleted_at > now - BIN_RETENTION)
    if before is not None:
        query = query.where(BinItem.id < before)
    query = query.options(defer(BinItem.rows, raiseload=True))
    return session.scalars(query.order_by(BinItem.id.desc()).limit(ROWS_PER_PAGE + 1)).all()


def named_rows(
    session: Session, kind: BinKind, text: str = "", after: int | None = None
) -> Sequence[NamedRow]:
    """Returns rows by name that contain the words of ``text``, and one more than a page.

    ``after`` is the id of the last row of the previous page. Two queries at most.
    """
    model, column = NAMED[kind], _MOVIES[kind]
    uses = select(func.count()).where(column == model.id).scalar_subquery()
    query: Select[Any] = select(model.id, model.name, uses).order_by(model.name, model.id)
    if words := fold(text).split():
        query = query.where(_matches(session, model, words))
    last = session.get(model, after) if after else None
    if last is not None:
        query = query.where(tuple_(model.name, model.id) > tuple_(last.name, last.id))
    return [NamedRow(*row) for row in session.execute(query.limit(ROWS_PER_PAGE + 1))]


def _matches(session: Session, model: Any, words: Sequence[str]) -> ColumnElement[bool]:
    if model is Person:
        found = (Person.search_text.contains(word, autoescape=True) for word in words)
        return and_(True, *found)
    # There are a few dozen genres and a few hundred distributors, without folded names.
    rows = session.execute(select(model.id, model.name))
    ids = [row.id for row in rows if all(word in fold(row.name) for word in words)]
    matching: ColumnElement[bool] = model.id.in_(ids)
    return matching
