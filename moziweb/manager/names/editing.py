"""Saves the edits of a person, genre, distributor or service."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.movies.former_addresses import keep_address

from ..audit.log import Actor, Subject, record
from ..audit.models import AuditEntry
from .kinds import NAME_MODELS, NamedKind, NameValues, name_values, value_as_text


def locked_name(session: Session, kind: NamedKind, row_id: int) -> Any:
    """Returns a row as it is now, locked until the transaction ends; None if it does not exist."""
    model = NAME_MODELS[kind]
    query = select(model).where(model.id == row_id).with_for_update()
    return session.scalar(query.execution_options(populate_existing=True))


def write_name(
    session: Session,
    kind: NamedKind,
    row: Any,
    values: NameValues,
    by: Actor,
    now: datetime,
    *,
    action: str = "edit",
    batch: str = "",
    undoes: int | None = None,
) -> AuditEntry | None:
    """Writes the values that differ, flushes, and adds an audit entry; None if none differs.

    The public address of a former slug leads to the row.
    """
    before = name_values(kind, row)
    changed = [field for field, value in values.items() if before[field] != value]
    if not changed:
        return None
    for field in changed:
        setattr(row, field, values[field])
    if "slug" in changed:
        keep_address(session, row, before["slug"])
    session.flush()
    texts = [(each, value_as_text(before[each]), value_as_text(values[each])) for each in changed]
    fields = {each: {"before": before[each], "after": values[each]} for each in changed}
    subject = Subject(kind, row.name, row.id)
    return record(
        session, by, f"{kind}.{action}", subject, now, texts,
        fields=fields, batch=batch, undoes=undoes,
    )  # fmt: skip
