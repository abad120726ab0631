"""Models of movies: the movie, its people, its premieres, and the provenance of its fields.

Relations are ``raise_on_sql``: every page loads explicitly what it shows, so its number of queries
is known.
"""

from collections.abc import Callable
from datetime import date, datetime
from enum import StrEnum
from functools import partial
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from moziweb.clock import utc_now
from moziweb.db.meta import Base, WordList, enum_column

from .calendar import FIRST_YEAR, LAST_YEAR
from .collation import MAX_SORT_KEY_LENGTH as MAX_SORT_KEY
from .derived import movie_default, person_default
from .spelling import MAX_TITLE as MAX_SHORT_TITLE

# ``Premiere.date`` hides the type of its own annotation.
Day: TypeAlias = date


class Rating(StrEnum):
    """The Hungarian age ratings. ``None`` in the column means that the rating is pending."""

    KN = "KN"
    AGE_6 = "6"
    AGE_12 = "12"
    AGE_16 = "16"
    AGE_18 = "18"
    X = "X"


class PremiereKind(StrEnum):
    """The kind of a release."""

    CINEMA = "cinema"
    LIMITED = "limited"
    FESTIVAL = "festival"
    STREAMING = "streaming"


class DatePrecision(StrEnum):
    """The precision of a premiere's date. For a month or year, the date is its first day."""

    DAY = "day"
    MONTH = "month"
    YEAR = "year"

    def iso_text(self, day: date) -> str:
        """An ISO 8601 date in this precision: ``2026-08-20``, ``2026-08`` or ``2026``."""
        return day.isoformat()[: {"day": 10, "month": 7, "year": 4}[self]]

    def first_day(self, day: date) -> date:
        """The first day of the month or year of ``day``; for ``DAY`` the day itself."""
        if self is DatePrecision.DAY:
            return day
        return day.replace(day=1) if self is DatePrecision.MONTH else day.replace(month=1, day=1)


class Audio(StrEnum):
    """The language versions of a premiere."""

    DUBBED = "dubbed"
    SUBTITLED = "subtitled"
    BOTH = "both"
    ORIGINAL = "original"


class ScreenFormat(StrEnum):
    """The screening formats of cinemas."""

    FORMAT_2D = "2D"
    FORMAT_3D = "3D"
    IMAX = "IMAX"


class VideoSite(StrEnum):
    """The sites that host trailers."""

    YOUTUBE = "YouTube"
    VIMEO = "Vimeo"


class CreditRole(StrEnum):
    """The role of a person in a movie."""

    DIRECTOR = "director"
    CAST = "cast"


MAX_WEBSITE: Final = 300
"""Characters of the URL of a distributor or a service."""

# A check that works on both databases: trimming the allowed characters must leave nothing.
_SLUG_IS_READABLE: Final = "slug <> '' AND trim(slug, 'abcdefghijklmnopqrstuvwxyz0123456789-') = ''"
_DATE_IS_IN_CALENDAR: Final = f"date BETWEEN '{FIRST_YEAR}-01-01' AND '{LAST_YEAR}-12-31'"

_COLUMNS_ADDED: Final = "2026-11-30 00:00:00+00:00"
"""The times of rows that are older than their columns ``created_at`` and ``updated_at``."""


def _created() -> Mapped[datetime]:
    return mapped_column(default=utc_now, server_default=_COLUMNS_ADDED)


def _updated() -> Mapped[datetime]:
    return mapped_column(default=utc_now, onupdate=utc_now, server_default=_COLUMNS_ADDED)


def _website() -> Mapped[str]:
    return mapped_column(String(MAX_WEBSITE), default="", server_default="")


def _sort_key(default: Callable[[Any], str | None]) -> Mapped[str]:
    return mapped_column(
        # Compared by code point on both databases, independent of the locale of PostgreSQL.
        String(MAX_SORT_KEY).with_variant(String(MAX_SORT_KEY, collation="C"), "postgresql"),
        default=default,
        server_default="",
        index=True,
    )


# A collection of parts that are deleted with their parent.
_owned = partial(relationship, lazy="raise_on_sql", cascade="all, delete-orphan")


def _partial_index(name: str, condition: str, *columns: str) -> Index:
    """An index of the rows with a condition, by columns or by id."""
    where = text(condition)
    return Index(name, *(columns or ("id",)), sqlite_where=where, postgresql_where=where)


def _movie_id(**options: Any) -> Mapped[int]:
    return mapped_column(ForeignKey("movie.id", ondelete="CASCADE"), **options)


class Movie(Base):
    """A movie.

    ``title`` is Hungarian; ``runtime`` is in minutes; ``countries`` and ``languages`` are ISO
    3166-1 alpha-2 and ISO 639-1 codes.

    ``version`` increases with every change of the movie or of its parts (``edit_version.py``), so
    that the editor's form can detect conflicts. ``search_text``, ``sort_key`` and the short titles
    are derived from the titles (``derived.py``).
    """

    __tablename__ = "movie"
    __table_args__ = (
        CheckConstraint(_SLUG_IS_READABLE, "slug"),
        # For lists of the manager: what lacks a text or a rating.
        _partial_index("ix_movie_without_synopsis", "synopsis = ''"),
        _partial_index("ix_movie_without_rating", "rating IS NULL"),
        # The latest changes, also if very many movies were changed at one time.
        Index(None, "updated_at", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(300), active_history=True)
    original_title: Mapped[str] = mapped_column(String(300), active_history=True)
    slug: Mapped[str] = mapped_column(String(120), index=True)
    synopsis: Mapped[str] = mapped_column(Text, default="")
    synopsis_en: Mapped[str] = mapped_column(Text, default="")
    runtime: Mapped[int | None]
    rating: Mapped[Rating | None] = mapped_column(enum_column(Rating), active_history=True)
    countries: Mapped[tuple[str, ...]] = mapped_column(WordList, default=())
    languages: Mapped[tuple[str, ...]] = mapped_column(WordList, default=())
    imdb_id: Mapped[str | None] = mapped_column(String(12), unique=True)
    tmdb_id: Mapped[int | None] = mapped_column(unique=True)
    distributor_id: Mapped[int | None] = mapped_column(
        ForeignKey("distributor.id"), index=True, active_history=True
    )
    published: Mapped[bool] = mapped_column(default=True, index=True, active_history=True)
    search_text: Mapped[str] = mapped_column(
        Text, default=movie_default("search_text"), server_default=""
    )
    sort_key: Mapped[str] = _sort_key(movie_default("sort_key"))
    short_title: Mapped[str | None] = mapped_column(
        String(MAX_SHORT_TITLE), default=movie_default("short_title"), index=True
    )
    short_original_title: Mapped[str | None] = mapped_column(
        String(MAX_SHORT_TITLE), default=movie_default("short_original_title"), index=True
    )
    version: Mapped[int] = mapped_column(default=1, server_default="1")
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)

    distributor: Mapped["Distributor | None"] = relationship(lazy="raise_on_sql")
    genres: Mapped[list["Genre"]] = relationship(
        secondary="movie_genre", order_by="MovieGenre.position", lazy="raise_on_sql", viewonly=True
    )
    genre_links: Mapped[list["MovieGenre"]] = _owned(order_by="MovieGenre.position")
    credits: Mapped[list["Credit"]] = _owned(order_by="Credit.role, Credit.position")
    premieres: Mapped[list["Premiere"]] = _owned(
        back_populates="movie", order_by="Premiere.date, Premiere.id"
    )
    trailers: Mapped[list["Trailer"]] = _owned(order_by="Trailer.position")
    provenance: Mapped[list["FieldProvenance"]] = _owned()


UNANNOUNCED: Final = Table(
    "unannounced_movie",
    Base.metadata,
    Column("movie_id", ForeignKey("movie.id", ondelete="CASCADE"), primary_key=True),
)
"""The movies without premieres, and a few others: those that have lost one of several premieres.

Triggers of the database keep it (migration 0039), so every writer does. Finding the movies without
premieres then costs the same with any number of other movies.
"""


class RemovedMovie(Base):
    """A movie that was published and is no longer: it was withdrawn or deleted (``removals.py``).

    Without a foreign key, because the movie may not exist.
    """

    __tablename__ = "removed_movie"

    movie_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    removed_at: Mapped[datetime] = mapped_column(index=True)


class FormerAddress(Base):
    """A former id or slug of a person, genre, distributor or service (``former_addresses.py``).

    ``key`` is a slug, or ``#42`` for the id of a row that was merged into another one. ``row_id``
    is the row of the same table that its public address leads to; without a foreign key, because
    that row may be deleted and come back.
    """

    __tablename__ = "former_address"
    __table_args__ = (Index(None, "table_name", "row_id"),)

    table_name: Mapped[str] = mapped_column(String(20), primary_key=True)
    key: Mapped[str] = mapped_column(String(40), primary_key=True)
    row_id: Mapped[int]


class Distributor(Base):
    """A company that releases movies in Hungarian cinemas. ``website`` is its URL, or ""."""

    __tablename__ = "distributor"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(120), unique=True, active_history=True)
    website: Mapped[str] = _website()
    created_at: Mapped[datetime] = _created()
    updated_at: Mapped[datetime] = _updated()


class Genre(Base):
    """A genre: ``name`` is Hungarian; ``slug`` is used in URLs."""

    __tablename__ = "genre"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(60))
    name_en: Mapped[str] = mapped_column(String(60))
    created_at: Mapped[datetime] = _created()
    updated_at: Mapped[datetime] = _updated()


class MovieGenre(Base):
    """A genre of a movie; ``position`` is the display order."""

    __tablename__ = "movie_genre"

    movie_id: Mapped[int] = _movie_id(primary_key=True)
    genre_id: Mapped[int] = mapped_column(ForeignKey("genre.id"), primary_key=True, index=True)
    position: Mapped[int] = mapped_column(default=0)

    genre: Mapped[Genre] = relationship(lazy="raise_on_sql")


class Person(Base):
    """A director or actor. Names are not unique.

    ``search_text`` and ``sort_key`` are derived from the name.
    """

    __tablename__ = "person"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200), index=True, active_history=True)
    search_text: Mapped[str] = mapped_column(
        Text, default=person_default("search_text"), server_default=""
    )
    sort_key: Mapped[str] = _sort_key(person_default("sort_key"))
    imdb_id: Mapped[str | None] = mapped_column(String(12), unique=True)
    tmdb_id: Mapped[int | None] = mapped_column(unique=True)
    created_at: Mapped[datetime] = _created()
    updated_at: Mapped[datetime] = _updated()


class Credit(Base):
    """A person's role in a movie; ``position`` is the billing order."""

    __tablename__ = "credit"
    __table_args__ = (UniqueConstraint("movie_id", "role", "position"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    movie_id: Mapped[int] = _movie_id(active_history=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True, active_history=True)
    role: Mapped[CreditRole] = mapped_column(enum_column(CreditRole), active_history=True)
    position: Mapped[int]
    character: Mapped[str] = mapped_column(String(200), default="")

    person: Mapped[Person] = relationship(lazy="raise_on_sql")


class StreamingService(Base):
    """A service that streams movies. ``website`` is its URL, or ""."""

    __tablename__ = "streaming_service"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(60), active_history=True)
    website: Mapped[str] = _website()
    created_at: Mapped[datetime] = _created()
    updated_at: Mapped[datetime] = _updated()


class Premiere(Base):
    """A release of a movie. A cancelled one is kept and shown as cancelled.

    ``announced_at`` is when visitors could first see it; feeds publish it as news of that time.
    ``revision`` grows with every change of what calendars show, at ``revised_at``
    (``premiere_revision.py``); ``revised_at`` is None before the first change.
    """

    __tablename__ = "premiere"
    __table_args__ = (
        Index(None, "date", "kind"),
        # The latest premieres of a service.
        Index(None, "service_id", "date"),
        # The numbers of a year, from the index alone.
        Index(None, "cancelled_at", "kind", "date"),
        _partial_index("ix_premiere_without_day_date", "precision <> 'day'", "date"),
        # Index-only scans for a movie's first and latest date.
        Index(None, "movie_id", "precision", "date"),
        CheckConstraint(_DATE_IS_IN_CALENDAR, "date"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    movie_id: Mapped[int] = _movie_id(active_history=True)
    kind: Mapped[PremiereKind] = mapped_column(enum_column(PremiereKind), active_history=True)
    service_id: Mapped[int | None] = mapped_column(
        ForeignKey("streaming_service.id"), active_history=True
    )
    date: Mapped[Day] = mapped_column(active_history=True)
    precision: Mapped[DatePrecision] = mapped_column(
        enum_column(DatePrecision), default=DatePrecision.DAY, active_history=True
    )
    formats: Mapped[tuple[str, ...]] = mapped_column(WordList, default=(), active_history=True)
    audio: Mapped[Audio | None] = mapped_column(enum_column(Audio), active_history=True)
    rerelease: Mapped[bool] = mapped_column(default=False)
    note: Mapped[str] = mapped_column(String(300), default="")
    announced_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
    cancelled_at: Mapped[datetime | None]
    revision: Mapped[int] = mapped_column(default=0, server_default="0")
    revised_at: Mapped[datetime | None]

    movie: Mapped[Movie] = relationship(back_populates="premieres", lazy="raise_on_sql")
    service: Mapped[StreamingService | None] = relationship(lazy="raise_on_sql")
    changes: Mapped[list["PremiereChange"]] = _owned(
        order_by="PremiereChange.changed_at, PremiereChange.id"
    )


class PremiereChange(Base):
    """A change of a premiere's date: the old date, the time of the change, and the reason."""

    __tablename__ = "premiere_change"

    id: Mapped[int] = mapped_column(primary_key=True)
    premiere_id: Mapped[int] = mapped_column(
        ForeignKey("premiere.id", ondelete="CASCADE"), index=True, active_history=True
    )
    changed_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
    old_date: Mapped[date]
    old_precision: Mapped[DatePrecision] = mapped_column(enum_column(DatePrecision))
    reason: Mapped[str] = mapped_column(String(300), default="")


class Trailer(Base):
    """A video: ``video_id`` is its id at ``site``; ``name`` is in ``language``.

    ``published_at`` is the time of its upload, None if it is not known.
    """

    __tablename__ = "trailer"

    id: Mapped[int] = mapped_column(primary_key=True)
    movie_id: Mapped[int] = _movie_id(index=True, active_history=True)
    site: Mapped[VideoSite] = mapped_column(enum_column(VideoSite), default=VideoSite.YOUTUBE)
    video_id: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(200), default="")
    language: Mapped[str] = mapped_column(String(5), default="")
    position: Mapped[int] = mapped_column(default=0)
    published_at: Mapped[datetime | None]


class FieldProvenance(Base):
    """The source of the current value of one of a movie's fields, and when it was fetched.

    ``source`` is ``hand``, ``tmdb``, ``csv`` or ``demo``. Importers never overwrite a field whose
    source is ``hand``.
    """

    __tablename__ = "field_provenance"
    __table_args__ = (Index("ix_field_provenance_source_fetched_at", "source", "fetched_at"),)

    movie_id: Mapped[int] = _movie_id(primary_key=True)
    field: Mapped[str] = mapped_column(String(40), primary_key=True)
    source: Mapped[str] = mapped_column(String(20))
    fetched_at: Mapped[datetime] = mapped_column(default=utc_now)
