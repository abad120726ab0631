"""ORM listeners that increment ``Movie.version`` and keep derived columns up to date.

Every flush that changes a movie, or a premiere, credit, genre or trailer of it, increments the
version. Bulk statements bypass the ORM and do not; do not use them for data that editors change.
The version is incremented in SQL, so a loaded ``Movie`` keeps the version that it was loaded with.
"""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, Table, event, inspect, update

from . import derived
from .models import Credit, Movie, MovieGenre, Person, Premiere, Trailer

_PARTS: Final = (Premiere, Credit, MovieGenre, Trailer)
_TABLE: Final[Table] = Movie.__table__  # type: ignore[assignment]  # a mapped class's is a Table


def column_changed(row: Any, *names: str) -> bool:
    """Whether a flush changes one of these columns; also right after its UPDATE."""
    attributes = inspect(row, raiseerr=True).attrs
    return any(attributes[name].history.has_changes() for name in names)


def _derive_movie(mapper: object, connection: object, movie: Movie) -> None:
    if column_changed(movie, "title", "original_title"):
        _set(movie, derived.of_movie(movie.title, movie.original_title))


def _derive_person(mapper: object, connection: object, person: Person) -> None:
    if column_changed(person, "name"):
        _set(person, derived.of_person(person.name))


def _set(row: Any, columns: Mapping[str, str | None]) -> None:
    for name, value in columns.items():
        setattr(row, name, value)


def _movie_changed(mapper: object, connection: Connection, movie: Movie) -> None:
    if _is_modified(movie):
        _increment(connection, movie.id)


def _part_changed(mapper: object, connection: Connection, part: Any) -> None:
    if _is_modified(part):
        before = inspect(part, raiseerr=True).attrs["movie_id"].history.deleted or ()
        for movie_id in {part.movie_id, *before}:
            _increment(connection, movie_id)


def _part_inserted_or_deleted(mapper: object, connection: Connection, part: Any) -> None:
    _increment(connection, part.movie_id)


def _is_modified(row: Any) -> bool:
    """Whether the flush writes a column of a row that is marked as dirty."""
    session = inspect(row, raiseerr=True).session
    return session is not None and session.is_modified(row, include_collections=False)


def _increment(connection: Connection, movie_id: int) -> None:
    row = update(_TABLE).where(_TABLE.c.id == movie_id)
    connection.execute(row.values(version=_TABLE.c.version + 1))


event.listen(Movie, "before_update", _derive_movie)
event.listen(Person, "before_update", _derive_person)
event.listen(Movie, "after_update", _movie_changed)
for _part in _PARTS:
    event.listen(_part, "after_insert", _part_inserted_or_deleted)
    event.listen(_part, "after_update", _part_changed)
    event.listen(_part, "after_delete", _part_inserted_or_deleted)
