"""The version of a film grows with whatever changes of it, whoever writes: a form, an importer.

What belongs to a film (premieres, people, genres, trailers) counts as the film. Bulk statements go
past the ORM and leave versions as they are; they are not for what people edit meanwhile. The
version in a loaded ``Movie`` is the one that was loaded: it is compared and raised in SQL.
"""

from typing import Any, Final

from sqlalchemy import Connection, Table, event, inspect, update

from .models import Credit, Movie, MovieGenre, Person, Premiere, Trailer
from .text_folding import folded, search_text

_PARTS: Final = (Premiere, Credit, MovieGenre, Trailer)
_TABLE: Final[Table] = Movie.__table__  # type: ignore[assignment]  # a mapped class's is a Table


def _movie_changes(mapper: object, connection: object, movie: Movie) -> None:
    attributes = inspect(movie, raiseerr=True).attrs
    if any(attributes[name].history.has_changes() for name in ("title", "original_title")):
        movie.search_text = search_text(movie.title, movie.original_title)


def _person_changes(mapper: object, connection: object, person: Person) -> None:
    if inspect(person, raiseerr=True).attrs["name"].history.has_changes():
        person.search_text = folded(person.name)


def _movie_changed(mapper: object, connection: Connection, movie: Movie) -> None:
    if _is_modified(movie):
        _grow(connection, movie.id)


def _part_changed(mapper: object, connection: Connection, part: Any) -> None:
    if _is_modified(part):
        before = inspect(part, raiseerr=True).attrs["movie_id"].history.deleted or ()
        for movie_id in {part.movie_id, *before}:
            _grow(connection, movie_id)


def _part_appears_or_goes(mapper: object, connection: Connection, part: Any) -> None:
    _grow(connection, part.movie_id)


def _is_modified(row: Any) -> bool:
    """Whether the flush had anything to write of a row that is marked as changed."""
    session = inspect(row, raiseerr=True).session
    return session is not None and session.is_modified(row, include_collections=False)


def _grow(connection: Connection, movie_id: int) -> None:
    connection.execute(
        update(_TABLE).where(_TABLE.c.id == movie_id).values(version=_TABLE.c.version + 1)
    )


event.listen(Movie, "before_update", _movie_changes)
event.listen(Person, "before_update", _person_changes)
event.listen(Movie, "after_update", _movie_changed)
for _part in _PARTS:
    event.listen(_part, "after_insert", _part_appears_or_goes)
    event.listen(_part, "after_update", _part_changed)
    event.listen(_part, "after_delete", _part_appears_or_goes)
