"""An import and its films, kept between the preview and its application. No page of the site shows
them, so they bear no tags.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pyramid.i18n import TranslationString
from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from moziweb.clock import utc_now
from moziweb.db.meta import Base, enum_column
from moziweb.i18n import DOMAIN
from moziweb.movies.importers.planning import Effect


class JobKind(StrEnum):
    """Where the films of an import are from."""

    MOVIES = "films"
    PREMIERES = "premieres"
    FILE = "file"


class JobState(StrEnum):
    """``looking`` -> ``looked`` (somebody chooses) -> ``applying`` -> ``done``."""

    LOOKING = "looking"
    LOOKED = "looked"
    APPLYING = "applying"
    DONE = "done"


class ImportJob(Base):
    """An import. ``terms`` is what was asked for, ``error`` why it ended early: a line, which may
    hold ``${name}`` of ``error_names``.

    ``done`` of ``total`` films are looked at, or applied. ``beat_at`` is when whoever works on it
    last gave a sign of life; None: nobody does. ``claim`` is theirs alone: whoever finds another
    one here has lost the job.
    """

    __tablename__ = "import_job"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[JobKind] = mapped_column(enum_column(JobKind))
    title: Mapped[str] = mapped_column(String(300))
    terms: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    state: Mapped[JobState] = mapped_column(enum_column(JobState), default=JobState.LOOKING)
    total: Mapped[int] = mapped_column(default=0)
    done: Mapped[int] = mapped_column(default=0)
    error: Mapped[str] = mapped_column(Text, default="")
    error_names: Mapped[dict[str, str]] = mapped_column(JSON, default=dict, server_default="{}")
    user_id: Mapped[int | None] = mapped_column(
        ForeignKey("manager_user.id", ondelete="SET NULL"), index=True
    )
    user_name: Mapped[str] = mapped_column(String(60), default="")
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
    beat_at: Mapped[datetime | None]
    claim: Mapped[str | None] = mapped_column(String(32))

    @property
    def problem(self) -> TranslationString:
        """Why it ended early, for a localizer."""
        return TranslationString(self.error, domain=DOMAIN, mapping=self.error_names)


class ImportItem(Base):
    """A film of an import: what its source says, and what would be, or was, done with it.

    ``effect`` None: not looked at yet. ``changes`` and ``problems`` are those of the plan as plain
    values. ``chosen`` is to be applied; ``applied`` has been tried, and ``effect`` is what came of
    it.
    """

    __tablename__ = "import_item"
    __table_args__ = (
        Index("ix_import_item_job_id_effect_position", "job_id", "effect", "position"),
    )

    job_id: Mapped[int] = mapped_column(
        ForeignKey("import_job.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True)
    candidate: Mapped[str] = mapped_column(Text)
    place: Mapped[str] = mapped_column(String(40))
    title: Mapped[str] = mapped_column(String(300), default="")
    effect: Mapped[Effect | None] = mapped_column(enum_column(Effect))
    movie_id: Mapped[int | None]
    changes: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    problems: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    fingerprint: Mapped[str] = mapped_column(String(64), default="")
    chosen: Mapped[bool] = mapped_column(default=False)
    applied: Mapped[bool] = mapped_column(default=False)
