"""Lists of the bin, and of the people, genres and distributors that can be deleted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, defer

from moziweb.movies.models import Credit, Distributor, Genre, Movie, MovieGenre, Person
from moziweb.movies.text_folding import fold

from .models import BinItem, BinKind
from .restoring import KEPT_FOR

ITEMS_PER_PAGE: Final = 50

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
    query = select(BinItem).where(BinItem.deleted_at > now - KEPT_FOR)
    if before is not None:
        query = query.where(BinItem.id < before)
    query = query.options(defer(BinItem.rows, raiseload=True))
    return session.scalars(query.order_by(BinItem.id.desc()).limit(ITEMS_PER_PAGE + 1)).all()


def named_rows(
    session: Session, kind: BinKind, text: str = "", after: str = ""
) -> Sequence[NamedRow]:
    """Returns rows by name that contain ``text``, and one more than a page. One query.

    ``after`` is the id of the last row of the previous page.
    """
    model, column = NAMED[kind], _MOVIES[kind]
    uses = select(func.count()).where(column == model.id).scalar_subquery()
    query: Select[Any] = select(model.id, model.name, uses).order_by(model.name, model.id)
    for word in fold(text).split():
        if model is Person:
            query = query.where(Person.search_text.contains(word, autoescape=True))
        else:
            query = query.where(func.lower(model.name).contains(word, autoescape=True))
    if after.isdecimal():
        last = session.get(model, int(after[:10]))
        if last is not None:
            query = query.where(
                (model.name > last.name) | ((model.name == last.name) & (model.id > last.id))
            )
    rows = session.execute(query.limit(ITEMS_PER_PAGE + 1)).all()
    return [NamedRow(*row) for row in rows]
