"""Does a bulk action with one batch of items, in the caller's transaction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Final

from pyramid.i18n import TranslationString
from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.i18n import _
from moziweb.movies.models import DatePrecision, Movie, Rating
from moziweb.movies.movie_rows import relations
from moziweb.posters.editorial import PosterEditor
from moziweb.posters.models import PosterSource, SourceState

from ..audit.log import MOVIE, Actor
from ..audit.models import AuditEntry
from ..bin.deletion import Deleter
from ..bin.models import BinKind
from ..movies.changes import AuditedMovies
from ..movies.form import DateChanges
from ..movies.locks import lock_movies
from ..movies.save import MovieWriter, write
from ..movies.values import MovieValues, values_of
from ..undo.outcome import UndoRefused
from ..undo.reversal import Undoer
from .models import BulkAction, Outcome


class BulkRefused(Exception):
    """An item is left as it is; ``text`` says why."""

    def __init__(self, text: TranslationString) -> None:
        super().__init__(text)
        self.text = text


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one item; ``refusal`` says why it is refused."""

    row_id: int
    outcome: Outcome
    refusal: TranslationString | None = None


@dataclass(slots=True)
class Batch:
    """The results of some items, and the slugs of the movies that have changed."""

    results: list[Result] = field(default_factory=list)
    movies: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BulkWriter:
    """Writes items of a job. ``batch`` is that of the audit entries; ``today`` is in Budapest."""

    session: Session
    posters: PosterEditor
    by: Actor
    now: datetime
    today: date
    batch: str
    terms: Mapping[str, Any]

    def write(self, action: BulkAction, row_ids: Sequence[int]) -> Batch:
        """Does the action with each item and flushes. Each item has a savepoint of its own."""
        if action is BulkAction.UNDO:
            self._lock_movies_of(row_ids)
            return self._each(row_ids, self._undo)
        if action is BulkAction.DELETE:
            lock_movies(self.session, row_ids)
            return self._each(row_ids, self._delete)
        return self._change(action, row_ids)

    def _lock_movies_of(self, entry_ids: Sequence[int]) -> None:
        """Locks entries and their movies in the order of ids; they are taken back in another."""
        query = select(AuditEntry).where(AuditEntry.id.in_(entry_ids)).order_by(AuditEntry.id)
        entries = self.session.scalars(query.with_for_update())
        movies = [each.subject_id for each in entries if each.subject == MOVIE]
        lock_movies(self.session, filter(None, movies))

    def _each(self, row_ids: Sequence[int], do: Callable[[int], Mapping[int, str]]) -> Batch:
        done = Batch()
        for row_id in row_ids:
            try:
                with self.session.begin_nested():
                    done.movies.update(do(row_id))
                done.results.append(Result(row_id, Outcome.CHANGED))
            except (BulkRefused, UndoRefused) as error:
                done.results.append(Result(row_id, Outcome.REFUSED, error.text))
        return done

    def _undo(self, entry_id: int) -> Mapping[int, str]:
        entry = self.session.get_one(AuditEntry, entry_id)
        undoer = Undoer(self.session, self.posters, self.by, self.now, self.batch)
        return undoer.undo(entry).movies

    def _delete(self, movie_id: int) -> Mapping[int, str]:
        done = Deleter(self.session, self.by, self.now, self.batch).delete(BinKind.MOVIE, movie_id)
        if done is None:
            raise BulkRefused(_GONE)
        return done.movies

    def _change(self, action: BulkAction, row_ids: Sequence[int]) -> Batch:
        """Changes movies; those whose values stay the same are not written."""
        slugs = lock_movies(self.session, row_ids)
        audited = AuditedMovies(self.session, list(slugs))
        query = select(Movie).where(Movie.id.in_(slugs)).options(*relations())
        movies = {movie.id: movie for movie in self.session.scalars(query)}
        refusals: dict[int, TranslationString] = dict.fromkeys(set(row_ids) - set(slugs), _GONE)
        for movie_id, movie in movies.items():
            try:
                _ACTIONS[action](self, movie)
            except BulkRefused as error:
                refusals[movie_id] = error.text
        entries = audited.record(self.by, AUDIT_ACTIONS[action], self.now, batch=self.batch)
        changed = {entry.subject_id for entry in entries}
        done = Batch(movies={number: slugs[number] for number in slugs if number in changed})
        for row_id in row_ids:
            if row_id in refusals:
                done.results.append(Result(row_id, Outcome.REFUSED, refusals[row_id]))
            else:
                outcome = Outcome.CHANGED if row_id in changed else Outcome.SAME
                done.results.append(Result(row_id, outcome))
        return done

    def publish(self, movie: Movie) -> None:
        """Puts the movie on the site."""
        movie.published = True

    def unpublish(self, movie: Movie) -> None:
        """Takes the movie off the site."""
        movie.published = False

    def set_distributor(self, movie: Movie) -> None:
        """Sets the distributor."""
        self._write(movie, replace(values_of(movie), distributor=self.terms["distributor"]))

    def set_rating(self, movie: Movie) -> None:
        """Sets the age rating."""
        rating = self.terms["rating"]
        values = replace(values_of(movie), rating=Rating(rating) if rating else None)
        self._write(movie, values)

    def move(self, movie: Movie) -> None:
        """Moves the premieres that are not over and not cancelled, and that have a day."""
        values, weeks = values_of(movie), timedelta(weeks=self.terms["weeks"])
        moved = {
            line.id: replace(line, date=line.date + weeks)
            for line in values.premieres
            if line.date >= self.today
            and line.precision is DatePrecision.DAY
            and not line.cancelled
        }
        if not moved:
            raise BulkRefused(_("It has no premiere that could be moved."))
        lines = tuple(moved.get(line.id, line) for line in values.premieres)
        reasons = dict.fromkeys((each for each in moved if each), self.terms["reason"])
        self._write(movie, replace(values, premieres=lines), DateChanges(reasons, frozenset()))

    def choose_poster(self, movie: Movie) -> None:
        """Chooses the newest picture that has not failed."""
        query = select(PosterSource).where(
            PosterSource.movie_id == movie.id, PosterSource.state != SourceState.FAILED
        )
        newest = self.session.scalars(query.order_by(PosterSource.id.desc()).limit(1)).first()
        if newest is None:
            raise BulkRefused(_("It has no picture."))
        if not (newest.chosen or newest.choose_when_ready):
            self.posters.choose(self.session, newest.id)

    def _write(self, movie: Movie, values: MovieValues, changes: DateChanges | None = None) -> None:
        changes = changes or DateChanges({}, frozenset())
        write(MovieWriter(self.session, movie, values, changes, self.now))


_GONE: Final = _("It is deleted.")

_ACTIONS: Final[Mapping[BulkAction, Callable[[BulkWriter, Movie], None]]] = {
    BulkAction.PUBLISH: BulkWriter.publish,
    BulkAction.UNPUBLISH: BulkWriter.unpublish,
    BulkAction.DISTRIBUTOR: BulkWriter.set_distributor,
    BulkAction.RATING: BulkWriter.set_rating,
    BulkAction.MOVE: BulkWriter.move,
    BulkAction.POSTER: BulkWriter.choose_poster,
}

AUDIT_ACTIONS: Final[Mapping[BulkAction, str]] = {
    BulkAction.PUBLISH: "film.publish",
    BulkAction.UNPUBLISH: "film.unpublish",
    BulkAction.DISTRIBUTOR: "film.edit",
    BulkAction.RATING: "film.edit",
    BulkAction.MOVE: "film.edit",
    BulkAction.POSTER: "poster.choose",
}
