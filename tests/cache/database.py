"""A small database of movies, on both engines, for the tests of outbox and writes."""

from collections.abc import Iterable

from sqlalchemy import Column, ForeignKey, MetaData, Table
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from moziweb.cache.events import CacheEvents
from moziweb.cache.invalidation.declarations import Declarations
from moziweb.cache.invalidation.outbox import Outbox


class Base(DeclarativeBase):
    """The tests' own models."""

    metadata = MetaData()


genre_links = Table(
    "movie_genre",
    Base.metadata,
    Column("movie_id", ForeignKey("movie.id"), primary_key=True),
    Column("genre_id", ForeignKey("genre.id"), primary_key=True),
)


class Genre(Base):
    """Has no tags."""

    __tablename__ = "genre"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Movie(Base):
    """Shown by title and week; its lease column is not shown."""

    __tablename__ = "movie"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    week: Mapped[str] = mapped_column(active_history=True)
    lease: Mapped[int] = mapped_column(default=0)
    posters: Mapped[list["Poster"]] = relationship(
        back_populates="movie", cascade="all, delete-orphan"
    )
    genres: Mapped[list[Genre]] = relationship(secondary=genre_links)


class Poster(Base):
    """Shown on its movie's card."""

    __tablename__ = "poster"
    id: Mapped[int] = mapped_column(primary_key=True)
    movie_id: Mapped[int] = mapped_column(ForeignKey("movie.id"), active_history=True)
    url: Mapped[str]
    movie: Mapped[Movie] = relationship(back_populates="posters")


outbox = Outbox(Base.metadata)
declarations = Declarations()
declarations.declare(
    Movie,
    columns=("title", "week", "genres"),
    keys=("id", "week"),
    tags=lambda movie: (f"movie:{movie.id}", f"week:{movie.week}"),
)
declarations.declare(
    Poster,
    columns=("movie_id", "url"),
    keys=("movie_id",),
    tags=lambda poster: (f"movie:{poster.movie_id}",),
)

NOW = 1_700_000_000.0
"""The time of all writes."""


class RecordingEvents(CacheEvents):
    """Remembers what was published and what was not."""

    def __init__(self) -> None:
        self.tags: list[frozenset[str]] = []
        self.failed: list[frozenset[str]] = []

    def published(self, tags: Iterable[str]) -> None:
        self.tags.append(frozenset(tags))

    def publish_failed(self, tags: Iterable[str]) -> None:
        self.failed.append(frozenset(tags))
