"""Deletes a movie, a poster source, a person, a genre or a distributor into the bin.

The rows are really deleted, so no query can show them, also not one of an older release. Their
values are kept as a `BinItem`. Rows go through the ORM, which collects the tags of their pages.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from moziweb.db.meta import Base
from moziweb.movies.importers.models import MovieReference
from moziweb.movies.models import Credit, Distributor, Genre, Movie, MovieGenre, Person
from moziweb.posters.maintenance.held_objects import hold
from moziweb.posters.models import PosterSource

from ..audit.log import Actor, Subject, exists_changes, record
from ..audit.models import AuditEntry
from ..audit.snapshot import snapshot_of
from ..movies.changes import AuditedMovies
from ..movies.locks import lock_movies, lock_with_movies
from ..movies.queries import editable_movie
from .models import BinItem, BinKind

DISTRIBUTED: Final = "distributed"
"""The key in ``BinItem.rows`` of the ids of a distributor's movies."""


@dataclass(frozen=True, slots=True)
class Removal:
    """What a deletion did: its item in the bin, its audit entry, and the slugs of its movies."""

    item: BinItem
    entry: AuditEntry
    movies: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Deleter:
    """Deletes in a session, in the name of a user.

    ``batch`` and ``undoes`` are those of the audit entry.
    """

    session: Session
    by: Actor
    now: datetime
    batch: str = ""
    undoes: int | None = None

    def delete(self, kind: BinKind, row_id: int) -> Removal | None:
        """Moves a row with its parts to the bin and flushes; None if there is no such row."""
        return _DELETERS[kind](self, row_id)

    def movie(self, movie_id: int) -> Removal | None:
        """Deletes a movie with its premieres, credits, trailers and posters."""
        movies = lock_movies(self.session, [movie_id])
        movie = editable_movie(self.session, movie_id)
        if movie is None:
            return None
        audited = AuditedMovies(self.session, [movie_id])
        sources = _sources(self.session, PosterSource.movie_id == movie_id)
        wanted = select(MovieReference).where(MovieReference.movie_id == movie_id)
        parts: list[Base] = [movie, *movie.genre_links, *movie.credits]
        for premiere in movie.premieres:
            parts += [premiere, *premiere.changes]
        parts += [*movie.trailers, *movie.provenance, *self.session.scalars(wanted)]
        item = self._keep(BinKind.MOVIE, movie_id, movie.title, parts, sources)
        self._delete(sources)
        self._delete([movie])
        return Removal(item, self._recorded(audited, "film.delete"), movies)

    def poster(self, source_id: int) -> Removal | None:
        """Deletes a poster source with its variants."""
        number = select(PosterSource.movie_id).where(PosterSource.id == source_id)
        movie_id = self.session.scalar(number)
        if movie_id is None:
            return None
        movies = lock_movies(self.session, [movie_id])
        audited = AuditedMovies(self.session, [movie_id])
        item = self.remove_source(source_id)
        if item is None:
            return None
        return Removal(item, self._recorded(audited, "poster.delete"), movies)

    def remove_source(self, source_id: int) -> BinItem | None:
        """Deletes a poster source without an audit entry, for a change that has one."""
        sources = _sources(self.session, PosterSource.id == source_id)
        if not sources:
            return None
        name = f"#{source_id} {sources[0].url or ''}".strip()
        item = self._keep(BinKind.POSTER, source_id, name, (), sources)
        self._delete(sources)
        return item

    def person(self, person_id: int) -> Removal | None:
        """Deletes a person with the roles in all movies."""
        links = Credit, Credit.person_id, Credit.movie_id
        return self._named(BinKind.PERSON, Person, person_id, *links)

    def genre(self, genre_id: int) -> Removal | None:
        """Deletes a genre; no movie has it any more."""
        links = MovieGenre, MovieGenre.genre_id, MovieGenre.movie_id
        return self._named(BinKind.GENRE, Genre, genre_id, *links)

    def distributor(self, distributor_id: int) -> Removal | None:
        """Deletes a distributor; its movies have none."""
        links = Movie, Movie.distributor_id, Movie.id
        return self._named(BinKind.DISTRIBUTOR, Distributor, distributor_id, *links)

    def _named(
        self, kind: BinKind, model: type[Base], row_id: int, link: Any, column: Any, movie: Any
    ) -> Removal | None:
        """Deletes a row with the rows of the model ``link`` that refer to it by ``column``.

        ``movie`` is their column of the movie.
        """
        ids = select(movie).where(column == row_id)
        rows, movies = lock_with_movies(self.session, model, [row_id], ids)
        found = rows.get(row_id)
        if found is None:
            return None
        query = select(link).where(column == row_id).execution_options(populate_existing=True)
        links = self.session.scalars(query).all()
        credits_or_genres = [row for row in links if not isinstance(row, Movie)]
        item = self._keep(kind, row_id, found.name, [found, *credits_or_genres])
        distributed = [row for row in links if isinstance(row, Movie)]
        if distributed:
            item.rows = {**item.rows, DISTRIBUTED: [{"id": row.id} for row in distributed]}
        audited = AuditedMovies(self.session, movies)
        for movie in distributed:
            movie.distributor_id = None
        self._delete(credits_or_genres)
        self._delete([found])
        subject = Subject(kind, found.name, row_id)
        changes, fields = exists_changes(found.name, before=True)
        action = f"{kind}.delete"
        entry = record(
            self.session, self.by, action, subject, self.now, changes,
            fields=fields, batch=self.batch, undoes=self.undoes,
        )  # fmt: skip
        audited.record(self.by, "film.edit", self.now, batch=part_of(item))
        return Removal(item, entry, movies)

    def _keep(
        self,
        kind: BinKind,
        row_id: int,
        name: str,
        parts: Iterable[Base],
        sources: Sequence[PosterSource] = (),
    ) -> BinItem:
        variants = [variant for source in sources for variant in source.variants]
        item = BinItem(
            kind=kind, row_id=row_id, name=name[:300],
            rows=snapshot_of([*parts, *sources, *variants]), deleted_at=self.now,
            user_id=self.by.user_id, user_name=self.by.name,
        )  # fmt: skip
        self.session.add(item)
        self.session.flush()
        hold(self.session, item.id, sources)
        self.session.flush()
        return item

    def _delete(self, rows: Iterable[Base]) -> None:
        """Deletes rows and flushes, so that those that refer to others go first."""
        for row in rows:
            self.session.delete(row)
        self.session.flush()

    def _recorded(self, audited: AuditedMovies, action: str) -> AuditEntry:
        (entry,) = audited.record(self.by, action, self.now, batch=self.batch, undoes=self.undoes)
        return entry


_DELETERS: Final[Mapping[BinKind, Callable[[Deleter, int], Removal | None]]] = {
    BinKind.MOVIE: Deleter.movie,
    BinKind.POSTER: Deleter.poster,
    BinKind.PERSON: Deleter.person,
    BinKind.GENRE: Deleter.genre,
    BinKind.DISTRIBUTOR: Deleter.distributor,
}


def part_of(item: BinItem) -> str:
    """The batch of the entries of movies that a deletion, or its reversal, has changed."""
    return f"bin:{item.id}"


def _sources(session: Session, which: Any) -> list[PosterSource]:
    """Poster sources with their variants. Their rows are locked: workers publish nothing."""
    query = select(PosterSource).where(which).order_by(PosterSource.id).with_for_update()
    query = query.options(selectinload(PosterSource.variants))
    return list(session.scalars(query.execution_options(populate_existing=True)))
