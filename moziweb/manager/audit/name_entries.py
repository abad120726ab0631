"""Entries of the people, genres, distributors and services that a movie's change makes.

They have no form of their own then. Taking back the movie's entry takes back theirs, which have the
batch ``names_batch`` of its id.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from moziweb.movies.movie_rows import NameChange, taken_name_changes

from .log import DISTRIBUTOR, SERVICE, SUBJECTS, Actor, Change, Subject, exists_changes, record
from .models import AuditEntry

_STAY: Final = frozenset({SERVICE})
"""Kinds that the bin does not take: making one is taken back with the movie's entry only."""


def names_batch(entry_id: int) -> str:
    """The batch of the entries of the names that the change of an entry has made or removed."""
    return f"names:{entry_id}"


def names_with(session: Session, entry: AuditEntry) -> Sequence[AuditEntry]:
    """Returns the entries of the names that the change of an entry has made or removed."""
    query = select(AuditEntry).where(AuditEntry.batch == names_batch(entry.id))
    return session.scalars(query.order_by(AuditEntry.id)).all()


def record_names(session: Session, entries: Sequence[AuditEntry], by: Actor, now: datetime) -> None:
    """Flushes, and adds entries of the names that the changes of movies have made or completed.

    Each one goes with the first entry whose movie uses it. Of several entries, the first is taken
    back last: then no other movie uses the name.
    """
    session.flush()
    for change in taken_name_changes(session):
        if inspect(change.row).persistent:  # else a savepoint has taken it back
            kind = SUBJECTS[type(change.row)]
            subject = Subject(kind, change.row.name, change.row.id)
            is_new = change.before is None
            texts, fields = _made(kind, change) if is_new else _completed(change)
            action = f"{kind}.{'create' if is_new else 'edit'}"
            entry = next((each for each in entries if _uses(each, kind, change.row)), entries[0])
            batch = names_batch(entry.id)
            record(session, by, action, subject, now, texts, fields=fields, batch=batch)


def _uses(entry: AuditEntry, kind: str, row: Any) -> bool:
    """Whether a change gave its movie this distributor or service.

    Changes of several movies at once make no people and no genres.
    """
    after = {name: change["after"] for name, change in (entry.fields or {}).items()}
    if kind == DISTRIBUTOR:
        return bool(after.get("distributor") == row.name)
    premieres = after.get("premieres", ())
    return kind == SERVICE and any(each["service"] == row.name for each in premieres)


def _made(kind: str, change: NameChange) -> tuple[list[Change], dict[str, Any]]:
    texts, fields = exists_changes(change.row.name, before=False)
    return texts, {} if kind in _STAY else fields


def _completed(change: NameChange) -> tuple[list[Change], dict[str, Any]]:
    pairs = {
        name: (value, getattr(change.row, name)) for name, value in (change.before or {}).items()
    }
    fields = {name: {"before": old, "after": new} for name, (old, new) in pairs.items()}
    texts = [
        (name, "" if old is None else str(old), str(new)) for name, (old, new) in pairs.items()
    ]
    return texts, fields
