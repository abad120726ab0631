"""Takes the change of an audit entry back, unless later changes have touched the same fields."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.i18n import _
from moziweb.movies.models import Genre, Movie, Person, Premiere
from moziweb.posters.editorial import PosterEditor
from moziweb.posters.models import PosterSource

from ..audit.log import LIST_REFERENCE, MOVIE, Actor
from ..audit.models import AuditEntry
from ..audit.name_entries import names_batch, names_with
from ..audit.snapshot import TableRows, insert_rows
from ..bin.deletion import Deleter
from ..bin.models import BinKind
from ..bin.removed_services import SERVICE_REMOVED, follow_services, return_services
from ..bin.restoring import RestoreRefused, latest_item, restore, return_source
from ..movies.changes import (
    ABSENT,
    CHOSEN_POSTER,
    EXISTS,
    PUBLISHED,
    REMOVED,
    SOURCES,
    STATE_FIELDS,
    AuditedMovies,
    genre_names,
    json_of,
    states,
    value_of_json,
)
from ..movies.form import DateChanges
from ..movies.locks import lock_movies
from ..movies.queries import editable_movie
from ..movies.save import MovieWriter, write
from ..movies.values import EDITED_FIELDS, MovieValues, PremiereLine, values_of
from ..names.kinds import NamedKind
from .name_reversal import NameUndoer
from .names_of_movies import NamesOfMovie, is_changed_since, unused_name
from .origins import reset_origins, reset_reference
from .outcome import DELETED, TOUCHED, TouchedField, Undone, UndoRefused, recorded_texts
from .present_names import distributor_after, distributor_before, service_of_name

FOCAL_POINT: Final = "focal_point"
"""The field of an entry that moved a focal point: ``[source id, x, y]``."""


def undone_by(session: Session, entry_ids: Iterable[int]) -> dict[int, int]:
    """Returns the ids of the entries that have taken some of these back. One query."""
    query = select(AuditEntry.undoes, AuditEntry.id).where(AuditEntry.undoes.in_(set(entry_ids)))
    return {row.undoes: row.id for row in session.execute(query) if row.undoes}


@dataclass(frozen=True, slots=True)
class Undoer:
    """Takes changes back in a session. ``batch`` is that of the new audit entries."""

    session: Session
    posters: PosterEditor
    by: Actor
    now: datetime
    batch: str = ""

    def undo(self, entry: AuditEntry) -> Undone:
        """Takes a change back and flushes; raises `UndoRefused`."""
        if not entry.fields:
            raise UndoRefused(_("This change cannot be taken back."))
        if undone_by(self.session, [entry.id]):
            raise UndoRefused(_("This change has been taken back before."))
        if entry.subject != MOVIE:
            return self._undo(entry)
        lock_movies(self.session, [entry.subject_id or 0])
        names = NamesOfMovie(self.session, self.by, self.now, names_with(self.session, entry))
        restored = names.restore()
        done = self._undo(entry)
        names.remove(done.entry, restored)
        return done

    def _undo(self, entry: AuditEntry) -> Undone:
        fields = entry.fields or {}
        if EXISTS not in fields:
            return self._reset_name(entry) if entry.subject in {*NamedKind} else self._reset(entry)
        try:
            is_new = fields[EXISTS]["after"]
            return self._delete(entry) if is_new else self._restore(entry)
        except RestoreRefused as error:
            raise UndoRefused(error.text) from error

    def _restore(self, entry: AuditEntry) -> Undone:
        kind, row_id = BinKind(entry.subject), entry.subject_id or 0
        item = latest_item(self.session, kind, row_id)
        if item is None:
            raise UndoRefused(_("It is not in the bin any more."))
        done = restore(self.session, item, self.by, self.now, batch=self.batch, undoes=entry.id)
        return Undone(done.entry, done.movies)

    def _delete(self, entry: AuditEntry) -> Undone:
        kind, row_id = BinKind(entry.subject), entry.subject_id or 0
        if kind is BinKind.MOVIE:
            lock_movies(self.session, [row_id])
            self._refuse_later_changes(entry, STATE_FIELDS)
        elif entry.action.endswith(".create"):
            self._refuse_kept_name(entry)
        deleter = Deleter(self.session, self.by, self.now, self.batch, entry.id)
        done = deleter.delete(kind, row_id)
        if done is None:
            raise UndoRefused(DELETED)
        return Undone(done.entry, done.movies)

    def _refuse_kept_name(self, entry: AuditEntry) -> None:
        """Raises `UndoRefused` if movies refer to a new name or it was changed since."""
        row_id, given = entry.subject_id or 0, {"name": entry.subject_name}
        if unused_name(self.session, NamedKind(entry.subject), row_id) is None:
            raise UndoRefused(_("Films use “${name}”.", mapping=given))
        if is_changed_since(self.session, entry):
            raise UndoRefused(_("“${name}” has been changed since.", mapping=given))

    def _reset_name(self, entry: AuditEntry) -> Undone:
        if entry.action == SERVICE_REMOVED:
            return self._return_service(entry)
        return NameUndoer(self.session, self.by, self.now, self.batch).undo(entry)

    def _return_service(self, entry: AuditEntry) -> Undone:
        returned = return_services(self.session, [entry.subject_id or 0], self.by, self.now)
        if not returned:
            raise UndoRefused(TOUCHED)
        returned[0].batch = self.batch or None
        return Undone(returned[0], {})

    def _reset(self, entry: AuditEntry) -> Undone:
        """Sets the changed fields of a movie to their former values."""
        if entry.subject != MOVIE or entry.subject_id is None:
            raise UndoRefused(_("This change cannot be taken back."))
        movie_id, fields = entry.subject_id, entry.fields or {}
        movies = lock_movies(self.session, [movie_id])
        if FOCAL_POINT in fields:
            return self._reset_focal_point(entry, movies)
        self._refuse_later_changes(entry, [name for name in STATE_FIELDS if name in fields])
        audited = AuditedMovies(self.session, [movie_id])
        try:
            services = self._reset_values(movie_id, fields)
            self._reset_posters(movie_id, fields)
        except RestoreRefused as error:
            raise UndoRefused(error.text) from error
        reference = reset_reference(self.session, movie_id, fields)
        entries = audited.record(
            self.by, "film.undo", self.now, batch=self.batch, undoes=entry.id,
            always=bool(reference),
        )  # fmt: skip
        if not entries:  # such as a change of the distributor to one that was merged with it since
            raise UndoRefused(_("Taking it back would change nothing."))
        (new,) = entries
        if reference:
            new.fields = {**(new.fields or {}), **reference}
            new.changes = [*new.changes, *_reversed_texts(entry, LIST_REFERENCE)]
        for each in services:
            each.batch = names_batch(new.id)
        return Undone(new, lock_movies(self.session, [movie_id]))

    def _refuse_later_changes(self, entry: AuditEntry, names: Iterable[str]) -> None:
        """Raises `UndoRefused` if a field has not the value that the change gave it."""
        found = states(self.session, [entry.subject_id or 0]).get(entry.subject_id or 0)
        if found is None:
            raise UndoRefused(DELETED)
        genres, differences = genre_names(self.session), []
        fields = entry.fields or {}
        for name in names:
            change = fields.get(name) or {"after": json_of(ABSENT.value(name))}
            after = value_of_json(name, change["after"])
            if name == "distributor":
                after = distributor_after(self.session, change)
            if self._comparable(name, found.value(name)) != self._comparable(name, after):
                texts = recorded_texts(entry, name)
                differences.append(TouchedField(name, *texts, found.text(name, genres)))
        if differences:
            raise UndoRefused(TOUCHED, differences)

    def _comparable(self, name: str, value: Any) -> Any:
        """A value without what may change although no user changes the field.

        A renamed person or service is the same one. A trailer that was removed and comes back has
        another id.
        """
        if name in {"directors", "cast"}:
            return [(each.person_id or each.name, each.character) for each in value]
        if name == "premieres":
            return [
                (replace(each, service=""), service_of_name(self.session, each.service))
                for each in value
            ]
        if name == "trailers":
            return [replace(each, id=None) for each in value]
        return value

    def _reset_values(
        self, movie_id: int, fields: Mapping[str, Mapping[str, Any]]
    ) -> list[AuditEntry]:
        """Returns the entries of the streaming services that come back."""
        removed = deepcopy(fields.get("premieres", {}).get(REMOVED, []))
        services = []
        for rows in removed:
            services += follow_services(self.session, rows, self.by, self.now)
            insert_rows(self.session, rows)
        movie = editable_movie(self.session, movie_id)
        if movie is None:
            raise UndoRefused(DELETED)
        old = {
            name: value_of_json(name, fields[name]["before"])
            for name in EDITED_FIELDS
            if name in fields
        }
        if "distributor" in old:
            old["distributor"] = distributor_before(self.session, fields["distributor"])
        now = values_of(movie)
        if removed and "premieres" in old:
            old["premieres"] = _with_services_of(removed, old["premieres"], now.premieres)
        values = replace(now, **old)
        self._refuse_missing(movie_id, values)
        if old:
            moved = self._forget_moves(movie, values) if "premieres" in old else frozenset()
            changes = DateChanges({}, moved)
            write(MovieWriter(self.session, movie, values, changes, self.now))
        if PUBLISHED in fields:
            movie.published = fields[PUBLISHED]["before"]
        reset_origins(movie, fields)
        self.session.flush()
        return services

    def _forget_moves(self, movie: Movie, values: MovieValues) -> frozenset[int]:
        """Removes the moves that the change has noted; returns the premieres that move back.

        A move that is taken back was none: visitors do not see it as a second one.
        """
        wanted = {line.id: line for line in values.premieres}
        moved = set()
        for premiere in movie.premieres:
            line = wanted.get(premiere.id)
            if line is None or (line.date, line.precision) == (premiere.date, premiere.precision):
                continue
            moved.add(premiere.id)
            latest = premiere.changes[-1] if premiere.changes else None
            old = (latest.old_date, latest.old_precision) if latest else None
            if latest is not None and old == (line.date, line.precision):
                premiere.changes.remove(latest)
        return frozenset(moved)

    def _refuse_missing(self, movie_id: int, values: MovieValues) -> None:
        """Raises `UndoRefused` if the old values refer to rows that do not exist, or are taken."""
        people = {each.person_id: each.name for each in (*values.directors, *values.cast)}
        for model, names in ((Person, people), (Genre, dict.fromkeys(values.genres, ""))):
            ids = {each for each in names if each}
            there = set(self.session.scalars(select(model.id).where(model.id.in_(ids))))
            for number in sorted(ids - there):
                name = names[number] or f"#{number}"
                raise UndoRefused(_("“${name}” is deleted.", mapping={"name": name}))
        for column in ("imdb_id", "tmdb_id"):
            value = getattr(values, column)
            taken = getattr(Movie, column) == value, Movie.id != movie_id
            other = self.session.scalar(select(Movie.title).where(*taken)) if value else None
            if other is not None:
                given = {"other": other, "value": value}
                raise UndoRefused(_("“${other}” has ${value} now.", mapping=given))

    def _reset_posters(self, movie_id: int, fields: Mapping[str, Mapping[str, Any]]) -> None:
        sources = fields.get(SOURCES, {"before": [], "after": []})
        before, after = set(sources["before"]), set(sources["after"])
        deleter = Deleter(self.session, self.by, self.now)
        for source_id in sorted(before - after):
            return_source(self.session, source_id, self.by, self.now)
        if CHOSEN_POSTER in fields:
            self._choose(movie_id, fields[CHOSEN_POSTER]["before"])
        for source_id in sorted(after - before):
            deleter.remove_source(source_id)

    def _choose(self, movie_id: int, source_id: int | None) -> None:
        if source_id is not None:
            self.posters.choose(self.session, self._poster(movie_id, source_id).id)
            return
        query = select(PosterSource).where(PosterSource.movie_id == movie_id)
        for source in self.session.scalars(query):
            source.chosen = source.choose_when_ready = False
        self.session.flush()

    def _poster(self, movie_id: int, source_id: int) -> PosterSource:
        """A poster of the movie. Raises `UndoRefused`, also if another movie's has the id now.

        Before migration 0048, SQLite gave the id of a deleted poster again.
        """
        source = self.session.get(PosterSource, source_id)
        if source is None or source.movie_id != movie_id:
            number = {"number": source_id}
            raise UndoRefused(_("The poster #${number} is gone.", mapping=number))
        return source

    def _reset_focal_point(self, entry: AuditEntry, movies: Mapping[int, str]) -> Undone:
        change = (entry.fields or {})[FOCAL_POINT]
        source_id, *before = change["before"]
        source = self._poster(entry.subject_id or 0, source_id)
        if [source.focal_x, source.focal_y] != change["after"][1:]:
            texts = recorded_texts(entry, FOCAL_POINT)
            now = f"{source.focal_x:.0%}, {source.focal_y:.0%}"
            touched = [TouchedField(FOCAL_POINT, *texts, now)]
            raise UndoRefused(TOUCHED, touched)
        self.posters.set_focal_point(self.session, source_id, *before)
        audited = AuditedMovies(self.session, list(movies))
        (new,) = audited.record(
            self.by, "film.undo", self.now, batch=self.batch, undoes=entry.id, always=True
        )
        new.fields = {FOCAL_POINT: {"before": change["after"], "after": change["before"]}}
        new.changes = _reversed_texts(entry, FOCAL_POINT)
        return Undone(new, movies)


def _reversed_texts(entry: AuditEntry, name: str) -> list[dict[str, str]]:
    return [
        {"field": name, "before": each["after"], "after": each["before"]}
        for each in entry.changes
        if each["field"] == name
    ]


def _with_services_of(
    removed: Iterable[TableRows], old: Iterable[PremiereLine], now: Iterable[PremiereLine]
) -> tuple[PremiereLine, ...]:
    """The old premieres; those that came back have their services' present names."""
    returned = {row["id"] for rows in removed for row in rows.get(Premiere.__tablename__, ())}
    services = {line.id: line.service for line in now if line.id in returned}
    return tuple(replace(line, service=services.get(line.id, line.service)) for line in old)
