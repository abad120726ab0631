"""Poster sources and the variants made of them.

The states are the service's own words, the same in code, on the command line and in metrics.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import Float, ForeignKey, Index, String, Text, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from moziweb.clock import utc_now
from moziweb.db.meta import Base, enum_column

KEY: Final = Text().with_variant(Text(collation="C"), "postgresql")
"""Keys in the order of their bytes, as storage lists them, whatever the database's language is."""


class SourceKind(StrEnum):
    """Where a source's picture comes from; each kind has a reader in ``posters.sources``."""

    UPLOAD = "upload"
    URL = "url"
    DRAWN = "drawn"


class SourceState(StrEnum):
    """``pending`` -> ``generating`` (leased) -> ``ready``, or ``retry_wait``, or ``failed``."""

    PENDING = "pending"
    GENERATING = "generating"
    READY = "ready"
    RETRY_WAIT = "retry_wait"
    FAILED = "failed"


class VariantState(StrEnum):
    """``pending`` -> ``ready`` -> ``superseded`` (still served where linked) -> ``deleted``."""

    PENDING = "pending"
    READY = "ready"
    SUPERSEDED = "superseded"
    DELETED = "deleted"


class PosterSource(Base):
    """A picture that a movie's poster is made of; its id is the ``media_id`` of poster addresses.

    ``url`` is what a URL or drawn source is read from, ``key`` where an upload's original stands in
    storage, and an external picture's that was looked at until it is made. ``origin`` names the
    importer that brought it, if one did, and ``fetched_at`` when it last gave the address.
    ``width`` and ``height`` are in pixels after orientation; ``dominant_colour`` and ``sketch`` are
    as `imaging.VariantSet` has them; the focal point is in 0..1 from the top left. A movie has at
    most one chosen source: the poster its pages show. ``choose_when_ready`` makes it that one as
    soon as its variants are ready; until then pages show the old one. ``regenerate_requested`` asks
    for all variants, including those that are ready.
    """

    __tablename__ = "poster_source"
    __table_args__ = (
        Index(
            "uq_poster_source_movie_id_chosen",
            "movie_id",
            unique=True,
            sqlite_where=text("chosen = 1"),
            postgresql_where=text("chosen"),
        ),
        Index("ix_poster_source_movie_id", "movie_id"),
        Index("ix_poster_source_state_next_attempt_at", "state", "next_attempt_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    movie_id: Mapped[int] = mapped_column(
        ForeignKey("movie.id", ondelete="CASCADE"), active_history=True
    )
    kind: Mapped[SourceKind] = mapped_column(enum_column(SourceKind))
    chosen: Mapped[bool] = mapped_column(default=False, active_history=True)
    url: Mapped[str | None] = mapped_column(Text)
    key: Mapped[str | None] = mapped_column(Text)
    origin: Mapped[str | None] = mapped_column(String(20))
    fetched_at: Mapped[datetime | None]
    sha256: Mapped[str | None] = mapped_column(String(64))
    bytes: Mapped[int | None]
    format: Mapped[str | None] = mapped_column(String(10))
    width: Mapped[int | None]
    height: Mapped[int | None]
    focal_x: Mapped[float] = mapped_column(Float, default=0.5)
    focal_y: Mapped[float] = mapped_column(Float, default=0.5)
    dominant_colour: Mapped[str | None] = mapped_column(String(7))
    sketch: Mapped[str | None] = mapped_column(String(36))
    etag: Mapped[str | None] = mapped_column(String(300))
    last_modified: Mapped[str | None] = mapped_column(String(60))
    final_url: Mapped[str | None] = mapped_column(Text)
    state: Mapped[SourceState] = mapped_column(
        enum_column(SourceState), default=SourceState.PENDING
    )
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime | None]
    error_code: Mapped[str | None] = mapped_column(String(40))
    lease_token: Mapped[str | None] = mapped_column(String(32))
    lease_until: Mapped[datetime | None]
    regenerate_requested: Mapped[bool] = mapped_column(
        "remake", default=False, server_default=false()
    )
    choose_when_ready: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[datetime] = mapped_column(default=utc_now)

    variants: Mapped[list["PosterVariant"]] = relationship(
        back_populates="source", lazy="raise_on_sql", cascade="all, delete-orphan"
    )


class PendingUpload(Base):
    """An original that somebody has looked at before saving it, and when: a source may refer to
    it, or come to, or never will. No page shows it, so it bears no tag.
    """

    __tablename__ = "poster_looked_at"

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)


class PosterVariant(Base):
    """One picture made of a source by one recipe, and where it is stored."""

    __tablename__ = "poster_variant"
    __table_args__ = (
        # With the source's content in it, a changed picture gets new rows while the old ones go on
        # being served: an address never changes its bytes. With the key in it, so does the same
        # content under another address, be it for a moved focal point or for a film's new slug.
        UniqueConstraint("source_id", "name", "recipe_hash", "source_sha256", "key"),
        Index("ix_poster_variant_key", "key"),
        Index("ix_poster_variant_state_superseded_at", "state", "superseded_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(
        ForeignKey("poster_source.id", ondelete="CASCADE"), active_history=True
    )
    name: Mapped[str] = mapped_column(String(20), active_history=True)
    format: Mapped[str] = mapped_column(String(10))
    recipe_hash: Mapped[str] = mapped_column(String(64))
    source_sha256: Mapped[str] = mapped_column(String(64))
    state: Mapped[VariantState] = mapped_column(
        enum_column(VariantState), default=VariantState.PENDING
    )
    bucket: Mapped[str | None] = mapped_column(String(100))
    key: Mapped[str | None] = mapped_column(KEY)
    mime: Mapped[str | None] = mapped_column(String(30))
    width: Mapped[int | None]
    height: Mapped[int | None]
    bytes: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    superseded_at: Mapped[datetime | None]

    source: Mapped[PosterSource] = relationship(back_populates="variants", lazy="raise_on_sql")


class PosterHost(Base):
    """A host (or the storage) that failed lately, and until when it is left alone.

    ``failures`` are those since it last answered well; a host in good health has no row.
    """

    __tablename__ = "poster_host"

    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    open_until: Mapped[datetime | None]
    error_code: Mapped[str | None] = mapped_column(String(40))
