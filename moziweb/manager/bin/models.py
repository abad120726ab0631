"""The table of the bin. No page of the site shows it, so its rows have no tags."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from moziweb.db.meta import Base, enum_column


class BinKind(StrEnum):
    """What can be deleted and brought back. The values are subjects of the audit log."""

    MOVIE = "film"
    POSTER = "poster"
    PERSON = "person"
    GENRE = "genre"
    DISTRIBUTOR = "distributor"


class BinItem(Base):
    """What one deletion removed: its rows by table, as `snapshot` writes them.

    ``row_id`` is the id of the deleted row itself, ``name`` is for people. ``rows`` also has the
    rows that refer to it, such as the credits of a person.
    """

    __tablename__ = "manager_bin"
    __table_args__ = (Index("ix_manager_bin_kind_row_id", "kind", "row_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[BinKind] = mapped_column(enum_column(BinKind))
    row_id: Mapped[int]
    name: Mapped[str] = mapped_column(String(300), default="")
    rows: Mapped[dict[str, list[dict[str, Any]]]] = mapped_column(JSON)
    deleted_at: Mapped[datetime] = mapped_column(index=True)
    user_id: Mapped[int | None] = mapped_column(
        ForeignKey("manager_user.id", ondelete="SET NULL"), index=True
    )
    user_name: Mapped[str] = mapped_column(String(60), default="")
