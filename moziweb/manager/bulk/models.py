"""Tables of bulk actions. No page of the site shows them, so their rows have no tags."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from pyramid.i18n import TranslationString
from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from moziweb.db.meta import Base, enum_column
from moziweb.i18n import DOMAIN

from ..audit.models import new_batch_token

BULK_BATCH: Final = "bulk:"


class BulkAction(StrEnum):
    """What is done with each movie; ``UNDO`` takes back each change of an import or of a job."""

    PUBLISH = "publish"
    UNPUBLISH = "unpublish"
    DISTRIBUTOR = "distributor"
    RATING = "rating"
    MOVE = "move"
    POSTER = "poster"
    DELETE = "delete"
    UNDO = "undo"


class BulkState(StrEnum):
    """``asking`` (for its terms) -> ``counting`` -> ``counted`` -> ``running`` -> ``done``.

    An editor gives the terms, and decides when it is counted.
    """

    ASKING = "asking"
    COUNTING = "counting"
    COUNTED = "counted"
    RUNNING = "running"
    DONE = "done"


class Outcome(StrEnum):
    """What happens, or has happened, to an item; ``SAME`` needs no change."""

    CHANGED = "changed"
    SAME = "same"
    REFUSED = "refused"


class BulkJob(Base):
    """A bulk action with its parameters in ``terms``.

    ``done`` of ``total`` items are counted, or finished. ``pages`` are the paths of the pages that
    it makes stale. ``beat_at`` is the worker's latest heartbeat, None without a worker; a worker
    that finds another ``claim`` than its own has lost the job. Jobs from before
    ``batch_token`` have none.
    """

    __tablename__ = "manager_bulk_job"

    id: Mapped[int] = mapped_column(primary_key=True)
    action: Mapped[BulkAction] = mapped_column(enum_column(BulkAction))
    terms: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    state: Mapped[BulkState] = mapped_column(enum_column(BulkState))
    total: Mapped[int] = mapped_column(default=0)
    done: Mapped[int] = mapped_column(default=0)
    pages: Mapped[list[str]] = mapped_column(JSON, default=list)
    failed: Mapped[bool] = mapped_column(default=False)
    user_id: Mapped[int | None] = mapped_column(
        ForeignKey("manager_user.id", ondelete="SET NULL"), index=True
    )
    user_name: Mapped[str] = mapped_column(String(60), default="")
    created_at: Mapped[datetime] = mapped_column(index=True)
    beat_at: Mapped[datetime | None]
    claim: Mapped[str | None] = mapped_column(String(32))
    batch_token: Mapped[str | None] = mapped_column(String(16), default=new_batch_token)

    @property
    def batch(self) -> str:
        """The ``batch`` of its audit entries."""
        return f"{BULK_BATCH}{self.batch_token or self.id}"


class BulkItem(Base):
    """A row of a job: ``row_id`` is a movie's, or that of an audit entry to take back.

    ``outcome`` is None until the item is counted, and again until it is done. ``reason`` says why
    an item is refused.
    """

    __tablename__ = "manager_bulk_item"
    __table_args__ = (Index("ix_manager_bulk_item_job_id_outcome", "job_id", "outcome"),)

    job_id: Mapped[int] = mapped_column(
        ForeignKey("manager_bulk_job.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True)
    row_id: Mapped[int]
    name: Mapped[str] = mapped_column(String(300), default="")
    outcome: Mapped[Outcome | None] = mapped_column(enum_column(Outcome))
    reason: Mapped[str] = mapped_column(Text, default="")
    reason_names: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)

    @property
    def problem(self) -> TranslationString:
        """The reason as a translatable text."""
        return TranslationString(self.reason, domain=DOMAIN, mapping=self.reason_names)
