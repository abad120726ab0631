"""The audit log's rows."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from moziweb.db.meta import Base


class AuditEntry(Base):
    """Something that somebody did: ``action`` to a ``subject``, and each field before and after.

    ``user_name`` and ``subject_name`` are kept as they were, and outlive what they name.
    ``changes`` is ``[{"field": …, "before": …, "after": …}]`` in texts; ``pages`` are the addresses
    of the pages that the change made anew.
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
