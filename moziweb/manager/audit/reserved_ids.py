"""Keeps SQLite from giving the id of a deleted row to a new one.

Audit entries name rows by their ids, also after the deletion, and a deleted row can come back with
its id. PostgreSQL's sequences never return an id twice; SQLite returns the largest one again.
"""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, event, func, select
from sqlalchemy.orm import Mapper, object_session

from moziweb.movies.models import Distributor, Genre, Movie, Person, StreamingService

from .models import AuditEntry

SUBJECTS: Final[Mapping[type, str]] = {
    Movie: "film",
    Person: "person",
    Genre: "genre",
    Distributor: "distributor",
    StreamingService: "service",
}
"""The subjects of the audit by model."""

_LAST: Final = "moziweb.manager.last_ids"


def _assign_id(mapper: Mapper[Any], connection: Connection, row: Any) -> None:
    """Assigns an id if the next one of SQLite has been in use."""
    session = object_session(row)
    if connection.dialect.name != "sqlite" or row.id is not None or session is None:
        return
    # The events of all rows of a flush come before their INSERTs.
    last: dict[type, int] = session.info.setdefault(_LAST, {})
    entries = select(func.max(AuditEntry.subject_id))
    audited = entries.where(AuditEntry.subject == SUBJECTS[mapper.class_]).scalar_subquery()
    highest, reserved = connection.execute(
        select(select(func.max(mapper.class_.id)).scalar_subquery(), audited)
    ).one()
    if (reserved or 0) > max(highest or 0, last.get(mapper.class_, 0)):
        row.id = reserved + 1
    elif last.get(mapper.class_, 0) > (highest or 0):
        row.id = last[mapper.class_] + 1
    if row.id is not None:
        last[mapper.class_] = row.id


for _model in SUBJECTS:
    event.listen(_model, "before_insert", _assign_id)
