"""The table of the audit log."""

import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from moziweb.db.meta import Base


def new_batch_token() -> str:
    """A new token for the ``batch`` of audit entries: 16 hexadecimal digits.

    Entries outlive the jobs that they name. Before migration 0048, SQLite gave the ids of deleted
    jobs again.
    """
    return secrets.token_hex(8)


class AuditEntry(Base):
    """One action on a ``subject``, with the changed fields.

    ``user_name`` and ``subject_name`` are copies, which outlive the rows that they name.
    ``changes`` is ``[{"field": …, "before": …, "after": …}]`` with texts; ``pages`` are the paths
    of the pages that the change invalidated.

    ``fields`` are the values of the changed fields, ``{"title": {"before": …, "after": …}}``, from
    which the change can be taken back; None for an entry without. ``batch`` names the import or
    the bulk action that the change is part of. An entry that takes back another one has its id in
    ``undoes``.
    """

    __tablename__ = "manager_audit"
    __table_args__ = (
        Index("ix_manager_audit_subject", "subject", "subject_id"),
        Index("ix_manager_audit_subject_latest", "subject", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    user_id: Mapped[int | None] = mapped_column(
        ForeignKey("manager_user.id", ondelete="SET NULL"), index=True
    )
    user_name: Mapped[str] = mapped_column(String(60), default="")
    action: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(20))
    subject_id: Mapped[int | None]
    subject_name: Mapped[str] = mapped_column(String(300), default="")
    changes: Mapped[list[dict[str, str]]] = mapped_column(JSON, default=list)
    pages: Mapped[list[str]] = mapped_column(JSON, default=list)
    fields: Mapped[dict[str, dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    batch: Mapped[str | None] = mapped_column(String(40), index=True)
    undoes: Mapped[int | None] = mapped_column(index=True)
