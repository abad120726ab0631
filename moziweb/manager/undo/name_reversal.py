"""Takes back an edit or a merge of people, genres, distributors and services."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from moziweb.i18n import _
from moziweb.movies.models import Credit, Movie, Premiere

from ..audit.log import Actor, Subject, record
from ..audit.models import AuditEntry
from ..audit.row_changes import RowChange, changes_from_json, changes_to_json
from ..audit.snapshot import MODELS, insert_rows, row_values, typed_values
from ..movies.changes import AuditedMovies
from ..movies.locks import lock_movies
from ..names.editing import locked_name, write_name
from ..names.form import taken_values
from ..names.kinds import NAME_MODELS, UNIQUE_FIELDS, USES, NamedKind, value_as_text
from ..names.merging import ROW_CHANGES, merge_batch
from ..names.queries import movies_of
from .outcome import DELETED, TOUCHED, TouchedField, Undone, UndoRefused, recorded_texts

_MODELS: Final[Mapping[str, Any]] = {model.__tablename__: model for model in MODELS}
_ORDER: Final[Mapping[str, int]] = {table: place for place, table in enumerate(_MODELS)}
_NAMES: Final = frozenset(model.__tablename__ for model in NAME_MODELS.values())
_MOVABLE: Final = frozenset({"position", "announced_at"})
"""Columns of inserted rows that later changes may have changed."""


@dataclass(frozen=True, slots=True)
class NameUndoer:
    """Takes changes back in a session. ``batch`` is that of the new audit entry."""

    session: Session
    by: Actor
    now: datetime
    batch: str = ""

    def undo(self, entry: AuditEntry) -> Undone:
        """Takes a change back and flushes; raises `UndoRefused`."""
        kind, fields = NamedKind(entry.subject), entry.fields or {}
        changes = []
        if ROW_CHANGES in fields:
            changes = [each.swapped() for each in changes_from_json(fields[ROW_CHANGES])]
        movies = lock_movies(self.session, {each.movie_id for each in changes if each.movie_id})
        row = locked_name(self.session, kind, entry.subject_id or 0)
        if row is None:
            raise UndoRefused(DELETED)
        if ROW_CHANGES in fields:
            return _RowReversal(self, entry, kind, row, changes, movies).run()
        self._refuse_later_changes(entry, row)
        values = {name: change["before"] for name, change in fields.items()}
        for taken in taken_values(self.session, kind, values, row.id):
            given = {"other": taken.name, "value": taken.value}
            raise UndoRefused(_("“${other}” has ${value} now.", mapping=given))
        new = write_name(
            self.session, kind, row, values, self.by, self.now,
            action="undo", batch=self.batch, undoes=entry.id,
        )  # fmt: skip
        if new is None:
            raise UndoRefused(TOUCHED)
        self.session.flush()
        return Undone(new, movies_of(self.session, kind, row.id))

    def _refuse_later_changes(self, entry: AuditEntry, row: Any) -> None:
        touched = [
            TouchedField(name, *recorded_texts(entry, name), value_as_text(getattr(row, name)))
            for name, change in (entry.fields or {}).items()
            if getattr(row, name) != change["after"]
        ]
        if touched:
            raise UndoRefused(TOUCHED, touched)


@dataclass(frozen=True, slots=True)
class _RowReversal:
    """Takes back what a merge, or the reversal of one, has done to rows."""

    undoer: NameUndoer
    entry: AuditEntry
    kind: NamedKind
    kept: Any
    changes: Collection[RowChange]
    movies: Mapping[int, str]

    def run(self) -> Undone:
        """Reverses each row; raises `UndoRefused` if one of them is not as the change left it."""
        session, by, now = self.undoer.session, self.undoer.by, self.undoer.now
        changes, movies = self.changes, self.movies
        audited = AuditedMovies(session, movies)
        self._refuse_later_changes(changes)
        self._apply(changes)
        swapped = [
            {"field": each["field"], "before": each["after"], "after": each["before"]}
            for each in self.entry.changes
        ]
        new = record(
            session, by, f"{self.kind}.undo", Subject(self.kind, self.kept.name, self.kept.id), now,
            [(each["field"], each["before"], each["after"]) for each in swapped],
            fields={ROW_CHANGES: changes_to_json(changes)}, batch=self.undoer.batch,
            undoes=self.entry.id,
        )  # fmt: skip
        session.flush()
        batch = merge_batch(new.id)
        self._record_other_names(changes, batch)
        audited.record(by, "film.edit", now, batch=batch)
        return Undone(new, movies)

    def _record_other_names(self, changes: Iterable[RowChange], batch: str) -> None:
        """Adds an entry for the row that comes back, or that is merged again."""
        for each in changes:
            values, is_gone = each.after or each.before or {}, each.after is None
            if each.table not in _NAMES or (each.before and each.after):
                continue
            subject = Subject(self.kind, values["name"], each.key["id"])
            kept = self.kept.name
            texts = ("name", values["name"], kept) if is_gone else ("name", "", values["name"])
            action = f"{self.kind}.merged" if is_gone else f"{self.kind}.restore"
            record(
                self.undoer.session, self.undoer.by, action, subject, self.undoer.now, [texts],
                batch=batch,
            )  # fmt: skip

    def _fields(self) -> Mapping[str, Any]:
        return self.entry.fields or {}

    def _refuse_later_changes(self, changes: Iterable[RowChange]) -> None:
        """``before`` of a change is what the row must be now."""
        touched = []
        for change in changes:
            row = self._row(change)
            if not _is_as(row, change.before):
                touched.append(self._touched(change, row))
            elif change.movie_id and self.undoer.session.get(Movie, change.movie_id) is None:
                raise UndoRefused(DELETED)
        if touched:
            raise UndoRefused(TOUCHED, touched)
        for change in changes:
            self._refuse_taken_values(change)

    def _refuse_taken_values(self, change: RowChange) -> None:
        """Raises `UndoRefused` if a row that comes back has a value that another one has now."""
        if change.before is not None or change.table not in _NAMES or not change.after:
            return
        session, own = self.undoer.session, {change.key["id"], self.kept.id}
        values = {name: change.after[name] for name in UNIQUE_FIELDS[self.kind]}
        for taken in taken_values(session, self.kind, values, change.key["id"]):
            if taken.row_id not in own:
                given = {"other": taken.name, "value": taken.value}
                raise UndoRefused(_("“${other}” has ${value} now.", mapping=given))

    def _row(self, change: RowChange) -> Any:
        model = _MODELS[change.table]
        query = select(model).filter_by(**change.key).execution_options(populate_existing=True)
        if model is Premiere:
            query = query.options(selectinload(Premiere.changes))
        return self.undoer.session.scalar(query)

    def _touched(self, change: RowChange, row: Any) -> TouchedField:
        movie = self.undoer.session.get(Movie, change.movie_id) if change.movie_id else None
        where = f"{movie.title}: " if movie else ""
        now = None if row is None else row_values(row)
        shown = change.before or change.after or {}
        # ``after`` is what was there before the change that is taken back.
        texts = [where + self._text(each, shown) for each in (change.after, change.before, now)]
        return TouchedField("films" if movie else "name", *texts)

    def _text(self, values: Mapping[str, Any] | None, shown: Iterable[str]) -> str:
        """A row for people: the name that it refers to, or its own texts."""
        if values is None:
            return ""
        reference = USES[self.kind][0].key
        if reference in values and reference in shown:
            return self._name(values[reference])
        texts = (values.get(name) for name in shown)
        return ", ".join(each for each in texts if isinstance(each, str) and each)

    def _name(self, number: int | None) -> str:
        """The name of a row, which the change may have deleted."""
        row = self.undoer.session.get(NAME_MODELS[self.kind], number) if number else None
        if row is not None:
            return str(row.name)
        for change in changes_from_json(self._fields()[ROW_CHANGES]):
            values = change.before or change.after or {}
            if change.table in _NAMES and change.key.get("id") == number and "name" in values:
                return str(values["name"])
        return f"#{number}" if number else ""

    def _apply(self, changes: Collection[RowChange]) -> None:
        """In an order in which each reference has its row and no two rows have a unique value."""
        session = self.undoer.session
        updated = [each for each in changes if each.before and each.after]
        for change in updated:
            if change.table in _NAMES:
                unique = (change.after or {}).keys() & set(UNIQUE_FIELDS[self.kind])
                self._set(change, dict.fromkeys(unique))
        session.flush()
        inserted = [each for each in changes if each.before is None]
        rows: dict[str, list[dict[str, Any]]] = {}
        for change in inserted:
            rows.setdefault(change.table, []).append(self._placed(change))
        insert_rows(session, rows)
        for change in updated:
            if change.table not in _NAMES:
                self._set(change, change.after or {})
        session.flush()
        deleted = [each for each in changes if each.after is None]
        deleted.sort(key=lambda each: _ORDER[each.table], reverse=True)
        for change in deleted:
            session.delete(self._row(change))
            session.flush()
        for change in updated:
            if change.table in _NAMES:
                self._set(change, change.after or {})
        session.flush()

    def _set(self, change: RowChange, values: Mapping[str, Any]) -> None:
        row = self._row(change)
        for name, value in typed_values(type(row), values).items():
            setattr(row, name, value)

    def _placed(self, change: RowChange) -> dict[str, Any]:
        """The values of a row to insert; a credit whose place is taken goes to the end."""
        values = dict(change.after or {})
        if change.table == "credit":
            where = Credit.movie_id == values["movie_id"], Credit.role == values["role"]
            taken = set(self.undoer.session.scalars(select(Credit.position).where(*where)))
            if values["position"] in taken:
                values["position"] = max(taken) + 1
        return values


def _is_as(row: Any, wanted: Mapping[str, Any] | None) -> bool:
    """Whether a row has the values that a change gave it, or is not there."""
    if row is None or wanted is None:
        return row is None and wanted is None
    values = row_values(row)
    is_whole = len(wanted) == len(values)
    names = wanted.keys() - _MOVABLE - {"created_at", "updated_at"} if is_whole else wanted.keys()
    return all(values.get(name) == wanted[name] for name in names)
