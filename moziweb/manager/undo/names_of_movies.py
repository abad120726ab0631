"""Takes back the names that the change of a movie has made or completed, or brings them back."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pyramid.registry import Registry
from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.services import services_of

from ..audit.log import Actor
from ..audit.models import AuditEntry
from ..audit.name_entries import names_batch, names_with
from ..bin.deletion import Deleter
from ..bin.models import BinKind
from ..bin.removed_services import SERVICE_REMOVED, SERVICE_RETURNED, remove_service
from ..bin.restoring import is_removal, restore_names
from ..movies.changes import EXISTS
from ..movies.locks import lock_with_movies
from ..names.kinds import NAME_MODELS, USES, NamedKind
from ..names.pages import paths_before
from .name_reversal import NameUndoer
from .outcome import UndoRefused

_SERVICE_MADE: Final = frozenset({"service.create", SERVICE_RETURNED})


@dataclass(frozen=True, slots=True)
class NamesOfMovie:
    """The names of a movie's entry, while that is taken back: ``restore`` before, ``remove`` after.

    A name that other movies use, or that was changed since, stays as it is.
    """

    session: Session
    by: Actor
    now: datetime
    entries: Iterable[AuditEntry]

    def restore(self) -> list[AuditEntry]:
        """Brings back the names that the change has removed; returns the new entries."""
        return restore_names(self.session, self.entries, self.by, self.now)

    def remove(self, new: AuditEntry, restored: Iterable[AuditEntry]) -> None:
        """Removes the names that the change has made; ``new`` is the entry of the reversal."""
        batch = names_batch(new.id)
        for each in restored:
            each.batch = batch
        for entry in sorted(self.entries, key=lambda each: each.id, reverse=True):
            if is_removal(entry) or entry.action == SERVICE_REMOVED:
                continue
            if EXISTS in (entry.fields or {}) or entry.action in _SERVICE_MADE:
                self._delete_unused(entry, batch)
            elif entry.fields:
                try:
                    with self.session.begin_nested():
                        NameUndoer(self.session, self.by, self.now, batch).undo(entry)
                except UndoRefused:
                    continue

    def _delete_unused(self, entry: AuditEntry, batch: str) -> None:
        kind, row_id = NamedKind(entry.subject), entry.subject_id or 0
        name = unused_name(self.session, kind, row_id)
        if name != entry.subject_name or is_changed_since(self.session, entry):
            return
        if kind is NamedKind.SERVICE:
            remove_service(self.session, row_id, self.by, self.now, batch, entry.id)
        else:
            Deleter(self.session, self.by, self.now, batch, entry.id).delete(BinKind(kind), row_id)


def unused_name(session: Session, kind: NamedKind, row_id: int) -> str | None:
    """Locks a row and returns its name; None if it does not exist or movies refer to it."""
    column, movie = USES[kind]
    ids = select(movie).where(column == row_id)
    rows, movies = lock_with_movies(session, NAME_MODELS[kind], [row_id], ids)
    return None if movies or row_id not in rows else str(rows[row_id].name)


def is_changed_since(session: Session, entry: AuditEntry) -> bool:
    """Whether the row of an entry has a later change that has not been taken back."""
    query = select(AuditEntry.id, AuditEntry.undoes).where(
        AuditEntry.subject == entry.subject,
        AuditEntry.subject_id == entry.subject_id,
        AuditEntry.id > entry.id,
    )
    later = {row.id: row.undoes for row in session.execute(query.order_by(AuditEntry.id.desc()))}
    taken_back: set[int] = set()
    for number, undoes in later.items():  # the last one first: it can be a reversal of a reversal
        if number in taken_back:
            continue
        if undoes not in later:
            return True
        taken_back.add(undoes)
    return False


def paths_before_undo(
    registry: Registry, session: Session, entries: Iterable[AuditEntry]
) -> list[str]:
    """Returns the paths of the pages of the names that taking entries back may remove."""
    paths: list[str] = []
    if services_of(registry).page_cache is None:
        return paths
    for entry in entries:
        for each in (entry, *names_with(session, entry)):
            paths += paths_before(registry, session, each.subject, each.subject_id)
    return paths
