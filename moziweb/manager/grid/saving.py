"""Saves a week's grid: merges its rows with the database, then writes all movies, or none.

A cell that was not changed takes the value in the database. A cell that was changed, while another
editor changed the same one, is refused once: the row then has the other value as its ``base``, so
that saving again replaces it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from pyramid.i18n import TranslationString
from sqlalchemy.orm import Session

from moziweb.i18n import _
from moziweb.movies.calendar import Week
from moziweb.movies.collation import sort_key
from moziweb.movies.importers.problems import InvalidValue
from moziweb.movies.models import DatePrecision, Movie, PremiereKind
from moziweb.movies.movie_rows import bare_movie
from moziweb.posters.editorial import PosterEditor

from ..audit.log import Actor
from ..audit.models import AuditEntry, new_batch_token
from ..audit.name_entries import record_names
from ..movies.changes import ABSENT, AuditedMovies
from ..movies.form import NOT_STREAMED, DateChanges
from ..movies.locks import lock_movies
from ..movies.queries import FormChoices
from ..movies.save import MovieWriter, write
from ..movies.values import MovieValues, PremiereLine, values_of
from ..movies.warnings import SaveWarning, warnings_of
from ..web.forms import REQUIRED
from .columns import OF_MOVIE, OF_PREMIERE, CellReader
from .rows import GridRow, load_grid_movies

GRID_BATCH: Final = "grid:"
"""The start of the batch of the audit entries of one save."""

_GONE: Final = _("This film was deleted. Save again to make a new one, or clear the row.")
_NO_PREMIERE: Final = _("This premiere was deleted. Save again to add it once more.")
_TWICE: Final = _("Another row of this film has another value here.")
_NO_SERVICE: Final = _("Which service shows it?")
_NOT_MOVED: Final = _("The date has not changed.")


@dataclass(slots=True, eq=False)
class _Plan:
    """What the rows of a movie change. ``movie`` is None for a new one; equal rows make two."""

    movie: Movie | None
    before: MovieValues
    values: MovieValues
    typed: dict[str, str] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)
    typos: set[int] = field(default_factory=set)
    posters: list[str] = field(default_factory=list)


@dataclass(slots=True)
class GridSave:
    """A save of rows in one transaction: ``merge``, and then ``write`` if all rows are valid.

    ``has_conflicts``: another editor has changed a cell of a row. ``movies`` are the slugs of the
    written movies by id.
    """

    session: Session
    reader: CellReader
    posters: PosterEditor
    week: Week
    has_conflicts: bool = False
    movies: dict[int, str] = field(default_factory=dict)
    plans: list[_Plan] = field(default_factory=list)
    _stored: dict[int, Movie] = field(default_factory=dict)
    _by_movie: dict[int, _Plan] = field(default_factory=dict)

    def merge(self, rows: Sequence[GridRow]) -> bool:
        """Locks and reads the movies of changed rows; whether all rows can be saved.

        Errors and conflicts are in the rows.
        """
        changed = [row for row in rows if row.changed]
        ids = {row.movie_id for row in changed if row.movie_id}
        lock_movies(self.session, ids)
        self._stored = load_grid_movies(self.session, ids)
        for row in changed:
            if row.movie_id is None:
                self._apply(row, _Plan(None, MovieValues(), MovieValues()), None)
            else:
                self._merge_row(row)
        return not any(row.errors for row in rows)

    def write(self, by: Actor, now: datetime) -> list[AuditEntry]:
        """Writes and flushes all rows with an audit entry for each movie; returns the entries."""
        batch = GRID_BATCH + new_batch_token()
        known = [plan.movie.id for plan in self.plans if plan.movie]
        audited = AuditedMovies(self.session, known)
        new = [self._write(plan, now) for plan in self.plans]
        entries = audited.record(by, "film.edit", now, batch=batch, with_names=False)
        made = AuditedMovies(self.session, set(new) - set(known), before=ABSENT)
        entries += made.record(by, "film.create", now, batch=batch, with_names=False)
        if entries:
            record_names(self.session, entries, by, now)
        return entries

    def warnings(self, choices: FormChoices) -> list[SaveWarning | TranslationString]:
        """Returns what is odd about the rows, which does not prevent saving them.

        One query for each new or changed title.
        """
        found: list[SaveWarning | TranslationString] = [*self._twins()]
        for plan in self.plans:
            number, today = plan.movie.id if plan.movie else None, self.reader.today
            found += warnings_of(self.session, number, plan.values, plan.before, today)
            found += self._elsewhere(plan)
        found += _new_names(choices.distributors, self.plans, _distributors, _NEW_DISTRIBUTOR)
        found += _new_names(choices.services, self.plans, _services, _NEW_SERVICE)
        return found

    def _merge_row(self, row: GridRow) -> None:
        movie = self._stored.get(row.movie_id or 0)
        if movie is None:
            row.movie_id, row.premiere_id, row.base = None, None, {}
            row.refuse("title", _GONE)
            return
        plan = self._by_movie.get(movie.id)
        if plan is None:
            values = values_of(movie)
            plan = self._by_movie[movie.id] = _Plan(movie, values, values)
        line = next((each for each in plan.before.premieres if each.id == row.premiere_id), None)
        if line is None and row.premiere_id is not None:
            row.premiere_id = None
            row.base = {name: text for name, text in row.base.items() if name not in OF_PREMIERE}
            row.refuse("date", _NO_PREMIERE)
            return
        if self._take_over(row, self.reader.texts(plan.before, line)):
            self._apply(row, plan, line)

    def _take_over(self, row: GridRow, stored: Mapping[str, str]) -> bool:
        """Sets the cells that only another editor has changed; whether no cell has a conflict."""
        base, row.base = row.base, stored
        for name, theirs in stored.items():
            old = base.get(name, "")
            if row[name] == old:
                row.cells[name] = theirs
            elif theirs not in (old, row[name]):
                text = _("Another editor has set “${text}” here. Save again to replace it.",
                         mapping={"text": theirs or "–"})  # fmt: skip
                row.refuse(name, text)
                self.has_conflicts = True
        return not row.errors

    def _apply(self, row: GridRow, plan: _Plan, line: PremiereLine | None) -> None:
        """Adds the changed cells of a row to a plan, if all of them are valid."""
        changed = row.changed
        parsed = {name: self._value(row, name) for name in (*changed, *_missing(row, line))}
        self._check_other_rows(row, plan, parsed)
        new = self._line(row, line, parsed)
        if row.errors:
            return
        plan.typed |= {name: row[name] for name in OF_MOVIE if name in changed}
        plan.values = _with_line(_with_columns(plan, row, parsed), line, new)
        if line is not None and line.id is not None and line.date != new.date:
            plan.reasons[line.id] = row["reason"]
            if row.is_typo:
                plan.typos.add(line.id)
        if "poster" in parsed:
            plan.posters.append(parsed["poster"])
        if plan not in self.plans:
            self.plans.append(plan)

    def _value(self, row: GridRow, name: str) -> Any:
        if not row[name]:
            return self._default(row, name)
        try:
            return self.reader.value(name, row[name])
        except InvalidValue as error:
            row.refuse(name, error.text)
            return None

    def _default(self, row: GridRow, name: str) -> Any:
        """The value of an empty cell."""
        is_new = row.premiere_id is None
        if name == "title" or (name in {"date", "kind"} and not is_new):
            row.refuse(name, REQUIRED)
        return {
            "date": self.week.start, "kind": PremiereKind.CINEMA, "formats": (), "audio": None,
            "rating": None, "runtime": None,
        }.get(name, "")  # fmt: skip

    def _check_other_rows(self, row: GridRow, plan: _Plan, parsed: Mapping[str, Any]) -> None:
        for name in OF_MOVIE:
            if name in parsed and plan.typed.get(name, row[name]) != row[name]:
                row.refuse(name, _TWICE)

    def _line(
        self, row: GridRow, line: PremiereLine | None, parsed: Mapping[str, Any]
    ) -> PremiereLine:
        """The premiere with the changed cells; adds errors to the row."""
        cells = {name: parsed[name] for name in OF_PREMIERE if name in parsed}
        if "date" in cells:
            cells["precision"] = DatePrecision.DAY
        if line is None:
            new = PremiereLine(**cells) if _is_complete(cells) else PremiereLine(self.week.start)
        else:
            new = replace(line, **{n: v for n, v in cells.items() if v is not None or n == "audio"})
        if {"kind", "service"} & cells.keys() and not row.errors.keys() & {"kind", "service"}:
            self._check_service(row, new)
        if "date" not in row.errors:
            self._check_reason(row, is_moved=line is not None and line.date != new.date)
        return new

    def _check_reason(self, row: GridRow, *, is_moved: bool) -> None:
        if is_moved and not (row["reason"] or row.is_typo):
            row.refuse("reason", REQUIRED)
        if row["reason"] and not is_moved:
            row.refuse("reason", _NOT_MOVED)

    def _check_service(self, row: GridRow, line: PremiereLine) -> None:
        is_streamed = line.kind is PremiereKind.STREAMING
        if is_streamed and not line.service:
            row.refuse("service", _NO_SERVICE)
        if line.service and not is_streamed:
            row.refuse("service", NOT_STREAMED)

    def _write(self, plan: _Plan, now: datetime) -> int:
        new = {"published": False, "created_at": now, "distributor": None}
        movie = plan.movie or bare_movie(plan.values.title, **new)
        changes = DateChanges(plan.reasons, frozenset(plan.typos))
        write(MovieWriter(self.session, movie, plan.values, changes, now))
        for url in plan.posters:
            self.posters.add_url(self.session, movie, url)
        self.movies[movie.id] = movie.slug
        return movie.id

    def _twins(self) -> Iterable[TranslationString]:
        """New movies of one title in the grid itself."""
        seen: set[str] = set()
        for plan in self.plans:
            key = sort_key(plan.values.title)
            if plan.movie is None and key in seen:
                title = {"title": plan.values.title}
                yield _("Two rows make a new film of this title: “${title}”", mapping=title)
            seen.add(key)

    def _elsewhere(self, plan: _Plan) -> Iterable[TranslationString]:
        known = {each.date for each in plan.before.premieres}
        for line in plan.values.premieres:
            if line.date not in known and line.date not in self.week:
                names = {"title": plan.values.title, "day": line.date.isoformat()}
                yield _("“${title}” is in another week: ${day}", mapping=names)


_NEW_DISTRIBUTOR: Final = _("This distributor is new: “${name}”")
_NEW_SERVICE: Final = _("This streaming service is new: “${name}”")


def _missing(row: GridRow, line: PremiereLine | None) -> tuple[str, ...]:
    """The cells of a new premiere that are needed and empty."""
    needed = ("date", "kind") if line is None else ()
    needed = (*needed, "title") if row.movie_id is None else needed
    return tuple(name for name in needed if not row[name])


def _is_complete(cells: Mapping[str, Any]) -> bool:
    """Whether the cells of a new premiere are valid."""
    return all(value is not None or name == "audio" for name, value in cells.items())


def _with_columns(plan: _Plan, row: GridRow, parsed: Mapping[str, Any]) -> MovieValues:
    """The movie with the changed columns. Without an original title, it is the title."""
    columns = {name: parsed[name] for name in OF_MOVIE if name in parsed}
    values = replace(plan.values, **columns)
    is_same = not row["original_title"] and "original_title" not in plan.typed
    return replace(values, original_title=values.title if is_same else values.original_title)


def _with_line(values: MovieValues, old: PremiereLine | None, new: PremiereLine) -> MovieValues:
    """The movie with a premiere that is new or changed, in the order of ``values_of``."""
    others = [each for each in values.premieres if old is None or each.id != old.id]
    lines = sorted([*others, new], key=lambda each: (each.date, each.id is None, each.id or 0))
    return replace(values, premieres=tuple(lines))


def _distributors(plan: _Plan) -> set[str]:
    return {plan.values.distributor} - {plan.before.distributor, ""}


def _services(plan: _Plan) -> set[str]:
    known = {each.service for each in plan.before.premieres}
    return {each.service for each in plan.values.premieres} - known - {""}


def _new_names(
    known: Iterable[str],
    plans: Iterable[_Plan],
    names_of: Callable[[_Plan], set[str]],
    text: TranslationString,
) -> Iterable[TranslationString]:
    found = {name: None for plan in plans for name in sorted(names_of(plan))}
    for name in sorted(found.keys() - set(known)):
        yield text % {"name": name}
