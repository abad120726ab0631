"""Brings items back from the bin: inserts their rows again, with their ids."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from pyramid.i18n import TranslationString
from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from moziweb.db.meta import Base
from moziweb.i18n import _
from moziweb.movies.former_addresses import id_key, successor
from moziweb.movies.importers.models import MovieReference
from moziweb.movies.models import (
    Credit,
    Distributor,
    Genre,
    Movie,
    MovieGenre,
    Person,
    StreamingService,
)
from moziweb.posters.maintenance.held_objects import forget
from moziweb.posters.models import PosterSource, SourceState

from ..audit.log import MOVIE, Actor, Subject, exists_changes, record
from ..audit.models import AuditEntry
from ..audit.name_entries import names_batch, names_with
from ..audit.snapshot import MODELS, TableRows, insert_rows, references
from ..movies.changes import ABSENT, EXISTS, SOURCES, AuditedMovies
from ..movies.locks import lock_movies
from .deletion import DISTRIBUTED, part_of
from .models import BinItem, BinKind
from .removed_services import SERVICE_REMOVED, follow_services, return_services

BIN_RETENTION: Final = timedelta(days=30)
"""How long an item can be brought back."""


class RestoreRefused(Exception):
    """An item cannot be brought back; ``text`` says why."""

    def __init__(self, text: TranslationString) -> None:
        super().__init__(text)
        self.text = text


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back: its kind and id, its audit entry, and the slugs of the changed movies."""

    kind: BinKind
    row_id: int
    entry: AuditEntry
    movies: Mapping[int, str]


def find_item(session: Session, item_id: int) -> BinItem | None:
    """Returns an item, locked until the transaction ends."""
    return session.get(BinItem, item_id, with_for_update=True)


def latest_item(session: Session, kind: BinKind, row_id: int) -> BinItem | None:
    """Returns the item of a deleted row."""
    query = select(BinItem).where(BinItem.kind == kind, BinItem.row_id == row_id)
    return session.scalars(query.order_by(BinItem.id.desc()).limit(1)).first()


def restore(
    session: Session,
    item: BinItem,
    by: Actor,
    now: datetime,
    *,
    batch: str = "",
    undoes: int | None = None,
) -> Restored:
    """Inserts the rows of an item again, flushes and deletes the item. Raises `RestoreRefused`.

    The names that went to the bin with a movie come back with it. Any other link to a row that is
    in the bin itself moves to that item: it comes back with that one. A link to a row that was
    merged follows to the kept one, and one to a deleted row to the row that has its name or id at
    TMDB or IMDb now; one to a row that is gone is left out.

    ``undoes`` is the id of the audit entry that this takes back, by default that of the deletion.
    """
    if item.deleted_at <= now - BIN_RETENTION:
        raise RestoreRefused(_("It has been in the bin for more than 30 days."))
    with session.begin_nested():  # a refusal leaves the names in the bin, too
        deletion = _deletion_of(session, item)
        names = restore_names(session, _names_deleted_with(session, item, deletion), by, now)
        if undoes is None and deletion is not None:
            undoes = deletion.id
        restoration = _Restoration(session, item, by, now, batch, undoes)
        done = restoration.run()
        names += restoration.services
    for entry in names:
        entry.batch = names_batch(done.entry.id)
    _drop(session, item)
    return done


def restore_names(
    session: Session, entries: Iterable[AuditEntry], by: Actor, now: datetime
) -> list[AuditEntry]:
    """Brings back the names that entries have removed, if possible; returns the new entries."""
    done = []
    for entry in entries:
        if entry.action == SERVICE_REMOVED:
            done += return_services(session, [entry.subject_id or 0], by, now)
        if not is_removal(entry):
            continue
        item = latest_item(session, BinKind(entry.subject), entry.subject_id or 0)
        if item is None:
            continue
        try:
            with session.begin_nested():
                back = restore(session, item, by, now, undoes=entry.id)
        except RestoreRefused:
            continue
        done.append(back.entry)
    return done


def is_removal(entry: AuditEntry) -> bool:
    """Whether the row of the entry was deleted or merged away by its change."""
    change = (entry.fields or {}).get(EXISTS)
    return change is not None and not change["after"]


def _deletion_of(session: Session, item: BinItem) -> AuditEntry | None:
    """The entry of the deletion that has made an item.

    None for a poster that another change of its movie has removed: the poster is one part of that.
    """
    is_poster = item.kind is BinKind.POSTER
    row = item.rows["poster_source"][0] if is_poster else {}
    query = select(AuditEntry).where(
        AuditEntry.subject == (MOVIE if is_poster else item.kind),
        AuditEntry.subject_id == (row["movie_id"] if is_poster else item.row_id),
        AuditEntry.action == f"{item.kind}.delete",
        AuditEntry.at == item.deleted_at,
    )
    for entry in session.scalars(query.order_by(AuditEntry.id.desc())):
        change = (entry.fields or {}).get(SOURCES, {"before": [], "after": []})
        if not is_poster or item.row_id in {*change["before"]} - {*change["after"]}:
            return entry
    return None


def _names_deleted_with(
    session: Session, item: BinItem, deletion: AuditEntry | None
) -> Iterable[AuditEntry]:
    """The entries of the names that the deletion of a movie has removed."""
    if deletion is None or item.kind is not BinKind.MOVIE:
        return ()
    return names_with(session, deletion)


def return_source(session: Session, source_id: int, by: Actor, now: datetime) -> None:
    """Restores a poster source without an audit entry, for a change that has one.

    It does not become the movie's poster. Raises `RestoreRefused`.
    """
    item = latest_item(session, BinKind.POSTER, source_id)
    if item is None or item.deleted_at <= now - BIN_RETENTION:
        raise RestoreRefused(_("The poster #${number} is gone.", mapping={"number": source_id}))
    _Restoration(session, item, by, now, "", None).insert_source()
    _drop(session, item)


def _drop(session: Session, item: BinItem) -> None:
    forget(session, item.id)
    session.delete(item)
    session.flush()


@dataclass(frozen=True, slots=True)
class _Restoration:
    session: Session
    item: BinItem
    by: Actor
    now: datetime
    batch: str
    undoes: int | None
    services: list[AuditEntry] = field(default_factory=list)
    """The entries of the streaming services that have come back."""

    def run(self) -> Restored:
        """Restores the item; see `restore`."""
        rows = {table: [dict(row) for row in rows] for table, rows in self.item.rows.items()}
        self._refuse_orphan(rows)
        self._refuse_taken_values(rows)
        distributed = [row["id"] for row in rows.pop(DISTRIBUTED, [])]
        self.services.extend(follow_services(self.session, rows, self.by, self.now))
        self._follow_references(rows)
        kind = self.item.kind
        if kind in (BinKind.MOVIE, BinKind.POSTER):
            return self._movie_or_poster(rows)
        ids = {row["movie_id"] for table in rows for row in rows[table] if "movie_id" in row}
        movies = lock_movies(self.session, {*ids, *distributed})
        audited = AuditedMovies(self.session, movies)
        self._free_positions(rows)
        insert_rows(self.session, rows)
        self._distribute(distributed)
        changes, fields = exists_changes(self.item.name, before=False)
        entry = record(
            self.session, self.by, f"{kind}.restore",
            Subject(kind, self.item.name, self.item.row_id), self.now, changes,
            fields=fields, batch=self.batch, undoes=self.undoes,
        )  # fmt: skip
        audited.record(self.by, "film.edit", self.now, batch=part_of(self.item))
        return Restored(kind, self.item.row_id, entry, movies)

    def insert_source(self) -> None:
        """Inserts a poster source that is not chosen, with its variants."""
        rows = {table: [dict(row) for row in rows] for table, rows in self.item.rows.items()}
        self._refuse_orphan(rows)
        for row in rows["poster_source"]:
            _settle(row)
            row["chosen"] = row["choose_when_ready"] = False
        insert_rows(self.session, rows)

    def _movie_or_poster(self, rows: TableRows) -> Restored:
        is_movie = self.item.kind is BinKind.MOVIE
        movie_id = self.item.row_id if is_movie else rows["poster_source"][0]["movie_id"]
        for row in rows.get("poster_source", ()):
            _settle(row)
        if is_movie:
            audited = AuditedMovies(self.session, [movie_id], before=ABSENT)
        else:
            movies = lock_movies(self.session, [movie_id])
            audited = AuditedMovies(self.session, movies)
            self._choose_at_most_one(rows)
        insert_rows(self.session, rows)
        action = "film.restore" if is_movie else "poster.restore"
        (entry,) = audited.record(self.by, action, self.now, batch=self.batch, undoes=self.undoes)
        movies = lock_movies(self.session, [movie_id])
        return Restored(self.item.kind, self.item.row_id, entry, movies)

    def _refuse_orphan(self, rows: TableRows) -> None:
        """Raises `RestoreRefused` for a poster whose movie does not exist."""
        if self.item.kind is BinKind.POSTER:
            movie_id = rows["poster_source"][0]["movie_id"]
            if self.session.get(Movie, movie_id) is None:
                raise RestoreRefused(_("Its film is deleted: bring that back first."))

    def _refuse_taken_values(self, rows: TableRows) -> None:
        """A unique value, such as an IMDb id, may belong to another row now."""
        models: tuple[Any, ...] = (Movie, Person, Genre, Distributor)
        for model in models:
            for other, name in self._holders(model, rows):
                given = {"other": _name_of(other), "value": str(getattr(other, name))}
                raise RestoreRefused(_("“${other}” has ${value} now.", mapping=given))
        for row in [*rows.get("movie_reference", ())]:
            key = {"list_name": row["list_name"], "ref": row["ref"]}
            if self.session.get(MovieReference, key) is not None:
                rows["movie_reference"].remove(row)

    def _holders(self, model: Any, rows: TableRows) -> Iterator[tuple[Any, str]]:
        """The rows that have a unique value of these rows now, each with the column."""
        columns: Any = inspect(model).columns
        for name, column in columns.items():
            values = [row[name] for row in rows.get(model.__tablename__, ()) if row.get(name)]
            if not (column.unique or column.primary_key) or not values:
                continue
            query = select(model).where(getattr(model, name).in_(values)).limit(1)
            if (other := self.session.scalars(query).first()) is not None:
                yield other, name

    def _follow_references(self, rows: TableRows) -> None:
        """Moves or leaves out the rows that refer to rows which do not exist."""
        for model in MODELS:
            for name, table in references(model).items():
                if model.__tablename__ in rows and table in _KINDS and table not in rows:
                    rows[model.__tablename__] = [
                        row
                        for row in rows[model.__tablename__]
                        if self._can_refer(rows, model, row, name, table)
                    ]

    def _can_refer(
        self, rows: TableRows, model: type[Base], row: dict[str, Any], name: str, table: str
    ) -> bool:
        """Whether to insert the row. A nullable reference to a missing row becomes None."""
        number, (target, kind) = row.get(name), _KINDS[table]
        if number is None or self.session.get(target, number) is not None:
            return True
        other = latest_item(self.session, kind, number) if kind else None
        kept = None if target is Movie else self._replacement(target, number, other)
        if kept is not None:
            row[name] = kept.id
            return model is not MovieGenre or not _has_genre(rows, row)
        columns: Any = inspect(model).columns
        if not columns[name].nullable:
            if other is not None:
                _add_row(other, model.__tablename__, row)
            return False
        if other is not None and model is Movie:
            _add_row(other, DISTRIBUTED, {"id": row["id"]})
        row[name] = None
        return True

    def _replacement(self, target: Any, number: int, other: BinItem | None) -> Any:
        """The kept row of a merged one, or the row that does not let a deleted one come back."""
        kept = successor(self.session, target, id_key(number))
        if kept is None and other is not None:
            kept, _column = next(self._holders(target, other.rows), (None, ""))
        return kept

    def _free_positions(self, rows: TableRows) -> None:
        """Credits whose position is taken go to the end."""
        for row in rows.get("credit", ()):
            where = Credit.movie_id == row["movie_id"], Credit.role == row["role"]
            taken = set(self.session.scalars(select(Credit.position).where(*where)))
            taken |= {
                each["position"]
                for each in rows["credit"]
                if each is not row
                and (each["movie_id"], each["role"]) == (row["movie_id"], row["role"])
            }
            if row["position"] in taken:
                row["position"] = max(taken) + 1

    def _distribute(self, movie_ids: list[int]) -> None:
        """Gives the movies their distributor, except those that have another one now."""
        query = select(Movie).where(Movie.id.in_(movie_ids))
        found = self.session.scalars(query.execution_options(populate_existing=True)).all()
        for movie in found:
            movie.distributor_id = movie.distributor_id or self.item.row_id
        for movie_id in set(movie_ids) - {movie.id for movie in found}:
            other = latest_item(self.session, BinKind.MOVIE, movie_id)
            if other is not None:
                row = other.rows["movie"][0]
                given = row["distributor_id"] or self.item.row_id
                other.rows = {**other.rows, "movie": [{**row, "distributor_id": given}]}
        self.session.flush()

    def _choose_at_most_one(self, rows: TableRows) -> None:
        """The poster that has been chosen since stays."""
        for row in rows.get("poster_source", ()):
            query = select(PosterSource.id).where(
                PosterSource.movie_id == row["movie_id"],
                PosterSource.chosen | PosterSource.choose_when_ready,
            )
            if self.session.scalar(query.limit(1)) is not None:
                row["chosen"] = row["choose_when_ready"] = False


_KINDS: Final[Mapping[str, tuple[Any, BinKind | None]]] = {
    "movie": (Movie, BinKind.MOVIE),
    "person": (Person, BinKind.PERSON),
    "genre": (Genre, BinKind.GENRE),
    "distributor": (Distributor, BinKind.DISTRIBUTOR),
    "streaming_service": (StreamingService, None),
}
"""The models of tables that a row of a snapshot refers to, and their kinds in the bin."""


def _settle(row: dict[str, Any]) -> None:
    """A worker that had leased the source published nothing."""
    row.update(lease_token=None, lease_until=None)
    if row["state"] == SourceState.GENERATING:
        row["state"] = SourceState.PENDING.value


def _has_genre(rows: TableRows, link: dict[str, Any]) -> bool:
    """Whether another link of the movie has the genre, which was kept in a merge."""
    key = link["movie_id"], link["genre_id"]
    others = (each for each in rows["movie_genre"] if each is not link)
    return any((each["movie_id"], each["genre_id"]) == key for each in others)


def _add_row(item: BinItem, table: str, row: dict[str, Any]) -> None:
    item.rows = {**item.rows, table: [*item.rows.get(table, ()), row]}


def _name_of(row: Any) -> str:
    return str(row.title if isinstance(row, Movie) else row.name)
