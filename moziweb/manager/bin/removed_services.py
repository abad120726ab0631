"""Streaming services that an undo removes; they come back with what refers to them.

They do not go to the bin, which the previous release could not read then. The audit entry of the
removal has the values of the row.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.movies.former_addresses import id_key, successor
from moziweb.movies.models import Premiere, StreamingService
from moziweb.movies.movie_rows import named_or_slugged

from ..audit.log import SERVICE, Actor, Subject, record
from ..audit.models import AuditEntry
from ..audit.snapshot import TableRows, insert_rows, row_values
from ..movies.locks import lock_with_movies

SERVICE_REMOVED: Final = "service.delete"
"""The action of the entry of a removal."""

SERVICE_RETURNED: Final = "service.restore"

_ROW: Final = "row"


def remove_service(
    session: Session, service_id: int, by: Actor, now: datetime, batch: str, undoes: int
) -> None:
    """Deletes a service, flushes and adds an entry, unless premieres refer to it."""
    movies = select(Premiere.movie_id).where(Premiere.service_id == service_id)
    rows, used = lock_with_movies(session, StreamingService, [service_id], movies)
    if used or service_id not in rows:
        return
    service = rows[service_id]
    fields = {_ROW: {"before": row_values(service), "after": None}}
    session.delete(service)
    session.flush()
    subject, changes = Subject(SERVICE, service.name, service_id), [("name", service.name, "")]
    record(
        session, by, SERVICE_REMOVED, subject, now, changes,
        fields=fields, batch=batch, undoes=undoes,
    )  # fmt: skip


def return_services(
    session: Session, service_ids: Iterable[int], by: Actor, now: datetime
) -> list[AuditEntry]:
    """Inserts removed services again, with their ids; returns the new entries.

    A service whose name or address another one has now does not come back.
    """
    return _return(session, service_ids, by, now)[0]


def follow_services(
    session: Session, rows: TableRows, by: Actor, now: datetime
) -> list[AuditEntry]:
    """Lets the premieres of a snapshot refer to services that exist; returns the new entries.

    A removed service comes back. The one that has its name or address now takes its place; the one
    that it was merged into takes the place of a merged service.
    """
    premieres = rows.get(Premiere.__tablename__, ())
    wanted = {row["service_id"] for row in premieres if row.get("service_id")}
    returned, others = _return(session, wanted, by, now)
    for wanted_id in wanted - others.keys():
        if session.get(StreamingService, wanted_id) is None:
            kept = successor(session, StreamingService, id_key(wanted_id))
            others[wanted_id] = kept.id if kept else None
    for row in premieres:
        service_id: Any = row.get("service_id")
        row["service_id"] = others.get(service_id, service_id)
    return returned


def _return(
    session: Session, service_ids: Iterable[int], by: Actor, now: datetime
) -> tuple[list[AuditEntry], dict[int, int | None]]:
    """The entries of the services that come back; for each other one, the id of its holder.

    Each holder is read once: another transaction may rename or delete it after that. If it is
    deleted, the reference to it is a conflict, and the transaction is run again.
    """
    returned: list[AuditEntry] = []
    holders: dict[int, int | None] = {}
    for removal, values in _removed(session, service_ids):
        holder = _holder(session, values)
        if holder is not None:
            holders[values["id"]] = holder.id
            continue
        insert_rows(session, {StreamingService.__tablename__: [values]})
        subject = Subject(SERVICE, values["name"], values["id"])
        changes = [("name", "", values["name"])]
        entry = record(session, by, SERVICE_RETURNED, subject, now, changes, undoes=removal.id)
        session.flush()
        returned.append(entry)
    return returned, holders


def _removed(
    session: Session, service_ids: Iterable[int]
) -> list[tuple[AuditEntry, Mapping[str, Any]]]:
    """The latest removals of services that do not exist, with the values of their rows."""
    found = []
    for service_id in sorted(set(service_ids)):
        if session.get(StreamingService, service_id) is not None:
            continue
        query = select(AuditEntry).where(
            AuditEntry.subject == SERVICE,
            AuditEntry.subject_id == service_id,
            AuditEntry.action == SERVICE_REMOVED,
        )
        entry = session.scalars(query.order_by(AuditEntry.id.desc()).limit(1)).first()
        if entry is not None:
            found.append((entry, (entry.fields or {})[_ROW]["before"]))
    return found


def _holder(session: Session, values: Mapping[str, Any]) -> Any:
    """The service that has the name or the address of a removed one."""
    return named_or_slugged(session, StreamingService, values["name"], values["slug"])
