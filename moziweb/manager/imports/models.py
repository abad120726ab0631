"""Tables of imports. No page of the site shows them, so their rows have no tags."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from pyramid.i18n import TranslationString
from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from moziweb.clock import utc_now
from moziweb.db.meta import Base, enum_column
from moziweb.i18n import DOMAIN
from moziweb.movies.importers.planning import Effect

from ..audit.models import new_batch_token

IMPORT_BATCH: Final = "import:"


class JobKind(StrEnum):
    """Source of an import's movies."""

    MOVIES = "films"
    PREMIERES = "premieres"
    FILE = "file"


class JobState(StrEnum):
    """``looking`` -> ``looked`` (an editor chooses) -> ``applying`` -> ``done``.

    From ``applying`` back to ``looked`` if items that were not chosen still wait.
    """

    LOOKING = "looking"
    LOOKED = "looked"
    APPLYING = "applying"
    DONE = "done"


class ImportJob(Base):
    """An import. ``terms`` are its parameters.

    ``error`` says why it ended early: one line, which may contain ``${name}`` of ``error_names``.
    ``done`` of ``total`` items are planned or applied. ``beat_at`` is the worker's latest
    heartbeat, None without a worker. ``claim`` is the lease token: a worker that finds another one
    has lost the job. Jobs from before ``batch_token`` have none.
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
    batch_token: Mapped[str | None] = mapped_column(String(16), default=new_batch_token)

    @property
    def batch(self) -> str:
        """The ``batch`` of its audit entries."""
        return f"{IMPORT_BATCH}{self.batch_token or self.id}"

    @property
    def problem(self) -> TranslationString:
        """The error as a translatable text."""
        return TranslationString(self.error, domain=DOMAIN, mapping=self.error_names)


class ImportItem(Base):
    """A movie of an import: its candidate, and its plan or result.

    ``place`` is the first of the ``row_count`` rows of the list that it comes from.
    ``effect`` is None until it is planned; ``changes`` and ``problems`` are the plan's, as plain
    values. ``chosen`` items will be applied: all that change anything, until an editor unticks
    some. Of ``applied`` ones, ``effect`` is the result. An ambiguous item has ``possible`` movies;
    ``choice`` is the editor's: the id of one of them, or 0 for a new movie.
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
    row_count: Mapped[int] = mapped_column(default=1, server_default="1")
    title: Mapped[str] = mapped_column(String(300), default="")
    effect: Mapped[Effect | None] = mapped_column(enum_column(Effect))
    movie_id: Mapped[int | None]
    changes: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    problems: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    fingerprint: Mapped[str] = mapped_column(String(64), default="")
    chosen: Mapped[bool] = mapped_column(default=False)
    applied: Mapped[bool] = mapped_column(default=False)
    flags: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    possible: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    choice: Mapped[int | None]


class ImportUpload(Base):
    """A list that was uploaded, until its import begins or the list expires.

    ``encoding`` "" is recognised. ``columns`` maps columns to headings; it is None until an editor
    has confirmed them. ``job_id`` is the latest import with it.
    """

    __tablename__ = "import_upload"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(300))
    data: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    encoding: Mapped[str] = mapped_column(String(20), default="")
    list_name: Mapped[str] = mapped_column(String(30), default="")
    date_format: Mapped[str] = mapped_column(String(40), default="")
    columns: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))
    job_id: Mapped[int | None] = mapped_column(
        ForeignKey("import_job.id", ondelete="SET NULL"), index=True
    )
    user_name: Mapped[str] = mapped_column(String(60), default="")
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
