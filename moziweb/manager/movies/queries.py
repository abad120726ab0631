"""Queries of the movie's form."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from moziweb.movies.collation import sort_key
from moziweb.movies.models import Distributor, Genre, Movie, Person, StreamingService
from moziweb.movies.movie_rows import relations


@dataclass(frozen=True, slots=True)
class FormChoices:
    """Choices of the form: genres by id, names of distributors and streaming services."""

    genres: dict[int, str]
    distributors: tuple[str, ...]
    services: tuple[str, ...]


def editable_movie(session: Session, movie_id: int) -> Movie | None:
    """Returns a movie, published or not, with all its relations. Six queries at most."""
    return session.scalars(
        select(Movie)
        .where(Movie.id == movie_id)
        .options(*relations())
        # Overwrite what the session has loaded before: another editor may have saved since.
        .execution_options(populate_existing=True)
    ).one_or_none()


def people_by_id(session: Session, ids: Collection[int]) -> dict[int, str]:
    """Returns the names of the people that exist, by id. One query."""
    rows = session.execute(select(Person.id, Person.name).where(Person.id.in_(ids)))
    return {row.id: row.name for row in rows}


def distributors_by_name(session: Session) -> list[Row[int, str]]:
    """Returns ids and names of the distributors, by name. One query."""
    rows = session.execute(select(Distributor.id, Distributor.name)).all()
    return sorted(rows, key=lambda row: sort_key(row.name))


def form_choices(session: Session, locale: str) -> FormChoices:
    """Returns the form's choices, with genre names in ``locale``. Three queries."""
    name = Genre.name if locale == "hu" else Genre.name_en
    genres = session.execute(select(Genre.id, name))
    return FormChoices(
        genres=dict(sorted(((row[0], row[1]) for row in genres), key=lambda row: sort_key(row[1]))),
        distributors=_names(session, Distributor),
        services=_names(session, StreamingService),
    )


def _names(session: Session, model: Any) -> tuple[str, ...]:
    return tuple(sorted(session.scalars(select(model.name)), key=sort_key))
