"""ORM listeners that increment ``Premiere.revision`` with every significant change of an event.

Calendars show a premiere, the titles and the slug of its movie, and the name of its service. They
also show genres, the synopsis and the poster, whose changes are no new revision: programs notify
their users of a new revision. Bulk statements bypass the listeners. The revision is incremented in
SQL, so concurrent changes both count, and a loaded ``Premiere`` keeps the revision that it was
loaded with.
"""

from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, event, update

from moziweb.clock import utc_now

from .edit_version import column_changed
from .models import Movie, Premiere, StreamingService

_SHOWN: Final = (
    "movie_id", "kind", "service_id", "date", "precision", "formats", "audio", "cancelled_at"
)  # fmt: skip
_TABLE: Final[Table] = Premiere.__table__  # type: ignore[assignment]  # a mapped class's is a Table


def _premiere_changed(mapper: object, connection: Connection, premiere: Premiere) -> None:
    if column_changed(premiere, *_SHOWN):
        _increment(connection, _TABLE.c.id == premiere.id)


def _movie_changed(mapper: object, connection: Connection, movie: Movie) -> None:
    if column_changed(movie, "title", "original_title", "slug"):
        _increment(connection, _TABLE.c.movie_id == movie.id)


def _service_changed(mapper: object, connection: Connection, service: StreamingService) -> None:
    if column_changed(service, "name"):
        _increment(connection, _TABLE.c.service_id == service.id)


def _increment(connection: Connection, of_rows: ColumnElement[bool]) -> None:
    values: dict[str, Any] = {"revision": _TABLE.c.revision + 1, "revised_at": utc_now()}
    connection.execute(update(_TABLE).where(of_rows).values(values))


event.listen(Premiere, "after_update", _premiere_changed)
event.listen(Movie, "after_update", _movie_changed)
event.listen(StreamingService, "after_update", _service_changed)
