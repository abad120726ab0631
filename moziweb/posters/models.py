"""Models of poster sources, their variants, and image hosts.

The names of states are the same in code, in the command line and in metrics.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    Index,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    or_,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from moziweb.clock import utc_now
from moziweb.db.meta import Base, enum_column

KEY: Final = Text().with_variant(Text(collation="C"), "postgresql")
"""The column type of storage keys: sorted by bytes as in storage, not by the database's locale."""


MIN_POSTER_WIDTH: Final = 780
"""Pixels; a poster of fewer looks blurred on large screens."""


class SourceKind(StrEnum):
    """Where a source's image comes from; each kind has a reader (`posters.generation.readers`)."""

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
    """An image from which a movie's poster is made; its id is the ``media_id`` of variant URLs.

    ``url`` is the URL of a URL or drawn source. ``key`` is the storage key of an uploaded original,
    or of a previewed external image until its variants are made. ``file_name`` is the name that the
    browser sent with an upload: untrusted text. ``origin`` is the name of the
    importer that added the source, and ``fetched_at`` the last time at which it supplied the URL.
    ``width`` and ``height`` are in pixels after orientation; ``dominant_colour`` and ``sketch`` are
    described in `imaging.variants.VariantSet`; the focal point is in 0..1 from the top left. A
    movie has at most one chosen source, whose poster its pages show. A source with
    ``choose_when_ready`` becomes the chosen one when its variants are ready.
    ``regenerate_requested`` requests all variants, including ready ones.
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
    file_name: Mapped[str | None] = mapped_column(String(200))
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


POSTERLESS: Final = Table(
    "posterless_movie",
    Base.metadata,
    Column("movie_id", ForeignKey("movie.id", ondelete="CASCADE"), primary_key=True),
)
"""The movies without a chosen source. Triggers of the database keep it (migration 0045)."""


class PendingUpload(Base):
    """An original that was stored for a preview before the movie is saved, with its time.

    A source may refer to it, now or later, or never. No page shows it, so it has no cache tag.
    """

    __tablename__ = "poster_looked_at"

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)


class HeldObject(Base):
    """An object of a deleted source, which an editor can bring back.

    ``holder`` is the id of the deleted item that the source is part of. The object stays until the
    item is removed for good, at ``released_at``; then `posters gc` removes it.
    """

    __tablename__ = "poster_held_object"
    __table_args__ = (Index("ix_poster_held_object_key", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    holder: Mapped[int] = mapped_column(index=True)
    movie_id: Mapped[int]
    bucket: Mapped[str | None] = mapped_column(String(100))
    key: Mapped[str] = mapped_column(KEY)
    released_at: Mapped[datetime | None] = mapped_column(index=True)


class PosterVariant(Base):
    """One image made from a source by one recipe, and its place in storage."""

    __tablename__ = "poster_variant"
    __table_args__ = (
        # A changed source (source_sha256) and another URL of the same content (key: a new focal
        # point or slug) get new rows, while the old ones are still served: the bytes at a URL never
        # change. No two rows have the same five values: rows are written under the lease of their
        # source (`publication.publish`). An index of them, or of the keys, would be as large as the
        # table; `object_keys` finds variants by their keys.
        Index("ix_poster_variant_source_id", "source_id"),
        Index(
            "ix_poster_variant_state_superseded_at",
            "state",
            "superseded_at",
            sqlite_where=text("superseded_at IS NOT NULL"),
            postgresql_where=text("superseded_at IS NOT NULL"),
        ),
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


class SharePicture(Base):
    """The picture that other sites show for a link to a movie or a week, and its object.

    ``subject`` is ``movie-12`` or ``week-2026-W34``. ``digest`` is the SHA-256 of what the picture
    shows (`posters.sharing`). A superseded picture is still served where it is linked.
    """

    __tablename__ = "poster_share"
    __table_args__ = (UniqueConstraint("subject", "locale", "digest"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(String(40), active_history=True)
    locale: Mapped[str] = mapped_column(String(5), active_history=True)
    digest: Mapped[str] = mapped_column(String(64), active_history=True)
    bucket: Mapped[str] = mapped_column(String(100))
    key: Mapped[str] = mapped_column(KEY, index=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    superseded_at: Mapped[datetime | None] = mapped_column(index=True)


class PosterHost(Base):
    """The circuit breaker of an image host (or of the storage) that failed recently.

    ``failures`` counts the failures since the last success; a host without failures has no row.
    """

    __tablename__ = "poster_host"

    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    open_until: Mapped[datetime | None]
    error_code: Mapped[str | None] = mapped_column(String(40))


ON_DEMAND_KINDS: Final = frozenset({SourceKind.DRAWN})
"""Kinds that are made on the first request of a visitor."""

BACKGROUND_ONLY: Final = or_(
    PosterSource.kind.not_in(ON_DEMAND_KINDS), PosterSource.regenerate_requested
)
"""SQL condition: background workers make the source, without a request of a visitor."""
