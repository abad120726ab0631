"""What the site knows of a movie: the film, its people, its premieres, and where each fact is from.

Relations are ``raise_on_sql``: a page says what it loads, so that its number of queries stays a
decision.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Final, TypeAlias

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from moziweb.clock import utc_now
from moziweb.db.meta import Base, WordList, enum_column

from .calendar import FIRST_YEAR, LAST_YEAR
from .text_folding import name_of_insert, search_text_of_insert

# ``Premiere.date`` hides the type of its own annotation.
Day: TypeAlias = date


class Rating(StrEnum):
    """The Hungarian age ratings. A film without one is pending (``None`` in the column)."""

    KN = "KN"
    AGE_6 = "6"
    AGE_12 = "12"
    AGE_16 = "16"
    AGE_18 = "18"
    X = "X"


class PremiereKind(StrEnum):
    """What kind of release a premiere is."""

    CINEMA = "cinema"
    LIMITED = "limited"
    FESTIVAL = "festival"
    STREAMING = "streaming"


class DatePrecision(StrEnum):
    """How much of a premiere's date is known; the rest of the date is its first day."""

    DAY = "day"
    MONTH = "month"
    YEAR = "year"


class Audio(StrEnum):
    """The language versions that a premiere is shown in."""

    DUBBED = "dubbed"
    SUBTITLED = "subtitled"
    BOTH = "both"
    ORIGINAL = "original"


class ScreenFormat(StrEnum):
    """How a cinema shows it."""

    FORMAT_2D = "2D"
    FORMAT_3D = "3D"
    IMAX = "IMAX"


class VideoSite(StrEnum):
    """Where a trailer is hosted: the sites that we know the addresses of."""

    YOUTUBE = "YouTube"
    VIMEO = "Vimeo"


class CreditRole(StrEnum):
    """What a person did in a movie."""

    DIRECTOR = "director"
    CAST = "cast"


# Nothing but these letters is left of a slug when they are trimmed off, on either database.
_SLUG_IS_READABLE: Final = "slug <> '' AND trim(slug, 'abcdefghijklmnopqrstuvwxyz0123456789-') = ''"
_DATE_IS_IN_CALENDAR: Final = f"date BETWEEN '{FIRST_YEAR}-01-01' AND '{LAST_YEAR}-12-31'"


class Movie(Base):
    """A film. ``title`` is the Hungarian one; runtime is in minutes; country and language codes are
    ISO 3166-1 alpha-2 and ISO 639-1, named in the visitor's language when shown.

    ``version`` grows with every change of the film or of what belongs to it (``movies.versions``):
    who saves over an older one is told. ``search_text`` follows the titles.
    """

    __tablename__ = "movie"
    __table_args__ = (CheckConstraint(_SLUG_IS_READABLE, "slug"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(300))
    original_title: Mapped[str] = mapped_column(String(300))
    slug: Mapped[str] = mapped_column(String(120), index=True)
    synopsis: Mapped[str] = mapped_column(Text, default="")
    synopsis_en: Mapped[str] = mapped_column(Text, default="")
    runtime: Mapped[int | None]
    rating: Mapped[Rating | None] = mapped_column(enum_column(Rating))
    countries: Mapped[tuple[str, ...]] = mapped_column(WordList, default=())
    languages: Mapped[tuple[str, ...]] = mapped_column(WordList, default=())
    imdb_id: Mapped[str | None] = mapped_column(String(12), unique=True)
    tmdb_id: Mapped[int | None] = mapped_column(unique=True)
    distributor_id: Mapped[int | None] = mapped_column(ForeignKey("distributor.id"), index=True)
    published: Mapped[bool] = mapped_column(default=True, index=True)
    search_text: Mapped[str] = mapped_column(Text, default=search_text_of_insert, server_default="")
    version: Mapped[int] = mapped_column(default=1, server_default="1")
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now, index=True)

    distributor: Mapped["Distributor | None"] = relationship(lazy="raise_on_sql")
    genres: Mapped[list["Genre"]] = relationship(
        secondary="movie_genre", order_by="MovieGenre.position", lazy="raise_on_sql", viewonly=True
    )
    genre_links: Mapped[list["MovieGenre"]] = relationship(
        order_by="MovieGenre.position", lazy="raise_on_sql", cascade="all, delete-orphan"
    )
    credits: Mapped[list["Credit"]] = relationship(
        order_by="Credit.role, Credit.position", lazy="raise_on_sql", cascade="all, delete-orphan"
    )
    premieres: Mapped[list["Premiere"]] = relationship(
        back_populates="movie",
        order_by="Premiere.date, Premiere.id",
        lazy="raise_on_sql",
        cascade="all, delete-orphan",
    )
    trailers: Mapped[list["Trailer"]] = relationship(
        order_by="Trailer.position", lazy="raise_on_sql", cascade="all, delete-orphan"
    )
    provenance: Mapped[list["FieldProvenance"]] = relationship(
        lazy="raise_on_sql", cascade="all, delete-orphan"
    )


class Distributor(Base):
    """The company that brings a film to Hungarian cinemas."""

    __tablename__ = "distributor"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(120), unique=True)


class Genre(Base):
    """A genre, named in both languages; ``slug`` is its address."""

    __tablename__ = "genre"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(60))
    name_en: Mapped[str] = mapped_column(String(60))


class MovieGenre(Base):
    """A genre of a movie, in the order that they are shown in."""

    __tablename__ = "movie_genre"

    movie_id: Mapped[int] = mapped_column(
        ForeignKey("movie.id", ondelete="CASCADE"), primary_key=True
    )
    genre_id: Mapped[int] = mapped_column(ForeignKey("genre.id"), primary_key=True, index=True)
    position: Mapped[int] = mapped_column(default=0)

    genre: Mapped[Genre] = relationship(lazy="raise_on_sql")


class Person(Base):
    """Somebody who made a film or plays in it. Two people may share a name, so it is not unique.

    ``search_text`` follows the name.
    """

    __tablename__ = "person"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200), index=True)
    search_text: Mapped[str] = mapped_column(Text, default=name_of_insert, server_default="")
    imdb_id: Mapped[str | None] = mapped_column(String(12), unique=True)
    tmdb_id: Mapped[int | None] = mapped_column(unique=True)


class Credit(Base):
    """What a person did in a movie, in billing order."""

    __tablename__ = "credit"
    __table_args__ = (UniqueConstraint("movie_id", "role", "position"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    movie_id: Mapped[int] = mapped_column(
        ForeignKey("movie.id", ondelete="CASCADE"), active_history=True
    )
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    role: Mapped[CreditRole] = mapped_column(enum_column(CreditRole))
    position: Mapped[int]
    character: Mapped[str] = mapped_column(String(200), default="")

    person: Mapped[Person] = relationship(lazy="raise_on_sql")


class StreamingService(Base):
    """Where a streaming premiere can be watched."""

    __tablename__ = "streaming_service"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(60))


class Premiere(Base):
    """A dated release of a movie. A cancelled one stays, so that visitors are told.

    ``announced_at`` is when visitors could first know of it: feeds tell it as news then.
    """

    __tablename__ = "premiere"
    __table_args__ = (
        Index(None, "date", "kind"),
        # A film's first or latest date, and whether it has one, are read from the index alone.
        Index(None, "movie_id", "precision", "date"),
        CheckConstraint(_DATE_IS_IN_CALENDAR, "date"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    movie_id: Mapped[int] = mapped_column(
        ForeignKey("movie.id", ondelete="CASCADE"), active_history=True
    )
    kind: Mapped[PremiereKind] = mapped_column(enum_column(PremiereKind))
    service_id: Mapped[int | None] = mapped_column(ForeignKey("streaming_service.id"), index=True)
    date: Mapped[Day] = mapped_column(active_history=True)
    precision: Mapped[DatePrecision] = mapped_column(
        enum_column(DatePrecision), default=DatePrecision.DAY, active_history=True
    )
    formats: Mapped[tuple[str, ...]] = mapped_column(WordList, default=())
    audio: Mapped[Audio | None] = mapped_column(enum_column(Audio))
    rerelease: Mapped[bool] = mapped_column(default=False)
    note: Mapped[str] = mapped_column(String(300), default="")
    announced_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
    cancelled_at: Mapped[datetime | None] = mapped_column(index=True)

    movie: Mapped[Movie] = relationship(back_populates="premieres", lazy="raise_on_sql")
    service: Mapped[StreamingService | None] = relationship(lazy="raise_on_sql")
    changes: Mapped[list["PremiereChange"]] = relationship(
        order_by="PremiereChange.changed_at, PremiereChange.id",
        lazy="raise_on_sql",
        cascade="all, delete-orphan",
    )


class PremiereChange(Base):
    """A premiere that moved: the date it had before, when that changed, and why."""

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
    """A video: ``video_id`` is its id at ``site``, ``name`` is in its own ``language``."""

    __tablename__ = "trailer"

    id: Mapped[int] = mapped_column(primary_key=True)
    movie_id: Mapped[int] = mapped_column(
        ForeignKey("movie.id", ondelete="CASCADE"), index=True, active_history=True
    )
    site: Mapped[VideoSite] = mapped_column(enum_column(VideoSite), default=VideoSite.YOUTUBE)
    video_id: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(200), default="")
    language: Mapped[str] = mapped_column(String(5), default="")
    position: Mapped[int] = mapped_column(default=0)


class FieldProvenance(Base):
    """Where the present value of one of a movie's fields is from, and when it was fetched.

    ``source`` is ``hand``, ``tmdb``, ``csv`` or ``demo``. A field of ``hand`` is never overwritten
    by an importer.
    """

    __tablename__ = "field_provenance"
    __table_args__ = (Index("ix_field_provenance_source_fetched_at", "source", "fetched_at"),)

    movie_id: Mapped[int] = mapped_column(
        ForeignKey("movie.id", ondelete="CASCADE"), primary_key=True
    )
    field: Mapped[str] = mapped_column(String(40), primary_key=True)
    source: Mapped[str] = mapped_column(String(20))
    fetched_at: Mapped[datetime] = mapped_column(default=utc_now)
