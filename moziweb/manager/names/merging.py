"""Merges two people, genres, distributors or services: one is kept, the other one is deleted.

What refers to the merged row refers to the kept one afterwards. Where a movie has both, the two
references become one, with the texts of both. The public address of the merged row leads to the
kept one (``movies/former_addresses.py``). Rows go through the ORM, which collects their tags.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from moziweb.movies.former_addresses import former_addresses, keep_address, keys_of
from moziweb.movies.models import Credit, Movie, MovieGenre, Premiere, PremiereChange

from ..audit.log import Actor, Change, Subject, record
from ..audit.models import AuditEntry
from ..audit.row_changes import WatchedRows, changes_to_json
from ..movies.changes import AuditedMovies
from ..movies.locks import lock_with_movies
from .kinds import NAME_MODELS, USES, NamedKind, value_as_text

ROW_CHANGES: Final = "rows"
"""The field of a merge's audit entry with what it did to rows."""

_TAKEN: Final = ("imdb_id", "tmdb_id", "website")
"""Values that the kept row takes over if it has none."""

_BETWEEN: Final = " / "
_MAX_CHARACTER: Final = 200
_MAX_NOTE: Final = 300


@dataclass(frozen=True, slots=True)
class LostValue:
    """A value of the merged row that the kept one does not take over."""

    field: str
    kept: str
    lost: str


@dataclass(frozen=True, slots=True)
class NameMerge:
    """What a merge did: its audit entry, the slugs of the changed movies, numbers of references.

    ``joined`` references had a counterpart in the same movie.
    """

    entry: AuditEntry
    movies: Mapping[int, str]
    moved: int
    joined: int
    lost: tuple[LostValue, ...]


def merge_batch(entry_id: int) -> str:
    """The batch of the entries of what a merge, or its reversal, has changed besides."""
    return f"merge:{entry_id}"


def merge_names(
    session: Session, kind: NamedKind, merged_id: int, kept_id: int, by: Actor, now: datetime
) -> NameMerge | None:
    """Merges a row into another one and flushes; None if they are not two existing rows."""
    rows, movies = lock_for_merge(session, kind, merged_id, kept_id)
    if merged_id == kept_id or len(rows) < 2:
        return None
    merged, kept = rows[merged_id], rows[kept_id]
    theirs, ours = _references(session, kind, merged.id, kept.id)
    audited = AuditedMovies(session, movies)
    work = _Merge(session, kind, merged, kept, defaultdict(list))
    for each in ours:
        work.ours[_movie_of(each)].append(each)
    work.rows.watch([merged, kept, *theirs, *ours])
    for reference in theirs:
        _FOLLOW[kind](work, reference)
    work.leave_addresses()
    lost = work.lost_values()
    changes: list[Change] = [("merged", merged.name, ""), *work.delete_and_take_ids()]
    entry = record(
        session, by, f"{kind}.merge", Subject(kind, kept.name, kept.id), now, changes,
        fields={ROW_CHANGES: changes_to_json(work.rows.changes())},
    )  # fmt: skip
    session.flush()
    batch, gone = merge_batch(entry.id), Subject(kind, merged.name, merged_id)
    record(
        session, by, f"{kind}.merged", gone, now, [("name", merged.name, kept.name)], batch=batch
    )
    audited.record(by, "film.edit", now, batch=batch)
    return NameMerge(entry, movies, work.moved, work.joined, lost)


def lock_for_merge(
    session: Session, kind: NamedKind, merged_id: int, kept_id: int
) -> tuple[dict[int, Any], dict[int, str]]:
    """Locks two rows and the movies that refer to the merged one: rows by id, slugs by movie id."""
    column, movie = USES[kind]
    ids = select(movie).where(column == merged_id)
    return lock_with_movies(session, NAME_MODELS[kind], (merged_id, kept_id), ids)


@dataclass(slots=True)
class _Merge:
    """A merge at work. ``ours`` are the references to the kept row, by movie."""

    session: Session
    kind: NamedKind
    merged: Any
    kept: Any
    ours: dict[int, list[Any]]
    moved: int = 0
    joined: int = 0
    rows: WatchedRows = field(default_factory=WatchedRows)

    def credit(self, credit: Credit) -> None:
        """Two roles in one movie become one, at the earlier place."""
        for other in self.ours[credit.movie_id]:
            first, second = sorted((other, credit), key=lambda each: each.position)
            character = _joined(first.character, second.character, _MAX_CHARACTER)
            if other.role is not credit.role or character is None:
                continue
            first.person_id, first.character = self.kept.id, character
            self._drop(second, first)
            return
        credit.person_id = self.kept.id
        self.moved += 1

    def genre_link(self, link: MovieGenre) -> None:
        """A movie with both genres keeps one, at the earlier place."""
        for other in self.ours[link.movie_id]:
            other.position = min(other.position, link.position)
            self._drop(link, other)
            return
        key = {"movie_id": link.movie_id, "genre_id": self.kept.id}
        new = MovieGenre(**key, position=link.position)
        self.session.add(new)
        self.rows.add(new)
        self.session.delete(link)
        self.moved += 1

    def movie(self, movie: Movie) -> None:
        """A movie has one distributor."""
        movie.distributor_id = self.kept.id
        self.moved += 1

    def premiere(self, premiere: Premiere) -> None:
        """The same premiere on both services becomes one, with the history of both."""
        self.rows.watch(premiere.changes)
        for other in self.ours[premiere.movie_id]:
            first, second = sorted((other, premiere), key=lambda each: each.id)
            note = _joined(first.note, second.note, _MAX_NOTE)
            if note is None or not _is_same(first, second):
                continue
            self.rows.watch([*first.changes, *second.changes])
            first.service_id, first.note = self.kept.id, note
            first.audio = first.audio or second.audio
            first.formats = tuple(dict.fromkeys((*first.formats, *second.formats)))
            first.announced_at = min(first.announced_at, second.announced_at)
            known = {_move(each) for each in first.changes}
            for change in [each for each in second.changes if _move(each) not in known]:
                second.changes.remove(change)
                first.changes.append(change)
            self.session.flush()
            self._drop(second, first)
            return
        premiere.service_id = self.kept.id
        self.moved += 1

    def leave_addresses(self) -> None:
        """Lets the addresses of the merged row, also its former ones, lead to the kept row."""
        self.session.flush()
        former = former_addresses(self.session, self.merged)
        self.rows.watch(former)
        for each in former:
            each.row_id = self.kept.id
        self.session.flush()
        for key in keys_of(self.merged):
            address, is_new = keep_address(self.session, self.kept, key)
            if is_new:
                self.rows.add(address)
        self.session.flush()

    def lost_values(self) -> tuple[LostValue, ...]:
        """Returns the values of the merged row that go with it."""
        return tuple(
            LostValue(name, value_as_text(ours), value_as_text(theirs))
            for name in ("name_en", *_TAKEN)
            if (theirs := getattr(self.merged, name, None))
            and (ours := getattr(self.kept, name))
            and ours != theirs
        )

    def delete_and_take_ids(self) -> list[Change]:
        """Deletes the merged row; the kept one gets its ids if it has none. Returns these."""
        ids = {name: getattr(self.merged, name, None) for name in _TAKEN}
        self.session.delete(self.merged)
        self.session.flush()
        changes: list[Change] = []
        for name, value in ids.items():
            if value and not getattr(self.kept, name):
                setattr(self.kept, name, value)
                changes.append((name, "", value_as_text(value)))
        self.session.flush()
        return changes

    def _drop(self, reference: Any, joined_into: Any) -> None:
        """Deletes a reference whose counterpart has what it had."""
        self.session.delete(reference)
        self.ours[reference.movie_id] = [
            each for each in self.ours[reference.movie_id] if each is not reference
        ]
        if joined_into not in self.ours[reference.movie_id]:
            self.ours[reference.movie_id].append(joined_into)
        self.joined += 1


def _references(
    session: Session, kind: NamedKind, merged_id: int, kept_id: int
) -> tuple[list[Any], list[Any]]:
    """The rows that refer to the merged row, and those of the same movies that refer to the kept.

    A movie has no second distributor.
    """
    model, column, order = _REFERENCES[kind]
    query = select(model).order_by(*order).execution_options(populate_existing=True)
    if model is Premiere:
        query = query.options(selectinload(Premiere.changes))
    theirs = list(session.scalars(query.where(column == merged_id)))
    if model is Movie:
        return theirs, []
    both = column == kept_id, model.movie_id.in_(select(model.movie_id).where(column == merged_id))
    return theirs, list(session.scalars(query.where(*both)))


_REFERENCES: Final[Mapping[NamedKind, tuple[Any, Any, Collection[Any]]]] = {
    NamedKind.PERSON: (Credit, Credit.person_id, (Credit.position, Credit.id)),
    NamedKind.GENRE: (MovieGenre, MovieGenre.genre_id, (MovieGenre.movie_id,)),
    NamedKind.DISTRIBUTOR: (Movie, Movie.distributor_id, (Movie.id,)),
    NamedKind.SERVICE: (Premiere, Premiere.service_id, (Premiere.id,)),
}

_FOLLOW: Final[Mapping[NamedKind, Callable[[_Merge, Any], None]]] = {
    NamedKind.PERSON: _Merge.credit,
    NamedKind.GENRE: _Merge.genre_link,
    NamedKind.DISTRIBUTOR: _Merge.movie,
    NamedKind.SERVICE: _Merge.premiere,
}


def _joined(first: str, second: str, longest: int) -> str | None:
    """Two texts as one, None if that is too long."""
    if not first or not second or first.casefold() == second.casefold():
        return first or second
    text = f"{first}{_BETWEEN}{second}"
    return text if len(text) <= longest else None


def _is_same(first: Premiere, second: Premiere) -> bool:
    """Whether two premieres of a movie differ in their services and notes at most."""
    audios = {each.audio for each in (first, second)} - {None}
    facts = (_facts(each) for each in (first, second))
    return len(set(facts)) == 1 and len(audios) <= 1


def _facts(premiere: Premiere) -> tuple[Any, ...]:
    is_cancelled = premiere.cancelled_at is not None
    return premiere.date, premiere.precision, premiere.kind, premiere.rerelease, is_cancelled


def _move(change: PremiereChange) -> tuple[Any, ...]:
    return change.old_date, change.old_precision


def _movie_of(reference: Any) -> int:
    number: int = reference.id if isinstance(reference, Movie) else reference.movie_id
    return number
