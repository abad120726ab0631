"""ORM listeners that record when a movie is withdrawn or deleted, for clients of the API.

A client that has copied a movie asks what has changed since. A movie that is not published says
nothing, and one that was deleted is not there. Bulk statements bypass the listeners.
"""

from typing import Final

from sqlalchemy import Connection, Table, delete, event, insert, literal, select

from moziweb.clock import utc_now

from .edit_version import column_changed
from .models import Movie, RemovedMovie

_MOVIES: Final[Table] = Movie.__table__  # type: ignore[assignment]  # a mapped class's is a Table
_REMOVED: Final[Table] = RemovedMovie.__table__  # type: ignore[assignment]


def _movie_added(mapper: object, connection: Connection, movie: Movie) -> None:
    """A movie may come back from the bin under its former id."""
    if movie.published:
        connection.execute(delete(_REMOVED).where(_REMOVED.c.movie_id == movie.id))


def _movie_changed(mapper: object, connection: Connection, movie: Movie) -> None:
    if not column_changed(movie, "published"):
        return
    connection.execute(delete(_REMOVED).where(_REMOVED.c.movie_id == movie.id))
    if not movie.published:
        connection.execute(insert(_REMOVED).values(movie_id=movie.id, removed_at=utc_now()))


def _movie_deleted(mapper: object, connection: Connection, movie: Movie) -> None:
    """Reads the row: the movie may have been published since it was loaded."""
    shown = _MOVIES.c.id == movie.id, _MOVIES.c.published
    # Before migration 0048, SQLite gave ids again: another movie may have been removed under it.
    former = _REMOVED.c.movie_id.in_(select(_MOVIES.c.id).where(*shown))
    connection.execute(delete(_REMOVED).where(former))
    row = select(_MOVIES.c.id, literal(utc_now(), _REMOVED.c.removed_at.type)).where(*shown)
    connection.execute(insert(_REMOVED).from_select(["movie_id", "removed_at"], row))


event.listen(Movie, "after_insert", _movie_added)
event.listen(Movie, "after_update", _movie_changed)
event.listen(Movie, "before_delete", _movie_deleted)
