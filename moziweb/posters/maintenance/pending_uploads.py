"""Removes originals that were uploaded for a preview and not saved.

An upload that an editor previews has no source yet, and may never have one. So each is recorded in
a `PendingUpload` row (``PosterEditor.remember``). ``reconcile`` finds originals without such a row.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, func, select

from moziweb.cache import TAGS_OPTION
from moziweb.db import Database
from moziweb.db.paging import keyset_rows
from moziweb.storage import Storage

from ..models import HeldObject, PendingUpload, PosterSource

UPLOAD_RETENTION: Final = timedelta(days=8)
"""How long pending uploads stay; an editor can save a preview for a week."""

UPLOADS_PER_QUERY: Final = 500


@dataclass(frozen=True, slots=True)
class ExpiredUploads:
    """Removes expired pending uploads. ``clock`` returns aware datetimes."""

    database: Database
    storage: Storage
    clock: Callable[[], datetime]

    def count(self) -> int:
        """The number of expired pending uploads."""
        with self.database.read() as session:
            query = select(func.count()).where(PendingUpload.at <= self.clock() - UPLOAD_RETENTION)
            return session.scalar(query) or 0

    def run(self) -> Iterator[tuple[str, bool]]:
        """Yield the key of each, and whether its original was removed; raises ``StorageError``.

        An original that a source uses stays, and only its `PendingUpload` row is deleted.
        """
        query = select(PendingUpload.key, PendingUpload.at).where(
            PendingUpload.at <= self.clock() - UPLOAD_RETENTION
        )
        for key, at in keyset_rows(self.database.read, query, UPLOADS_PER_QUERY):
            is_unused = self._is_unused(key)
            if is_unused:
                self.storage.delete([key])
            self._delete_row(key, at)
            yield key, is_unused

    def _is_unused(self, key: str) -> bool:
        """Whether no source uses the original, and it was not stored again lately.

        No lock can prevent a new upload: it has no row before its commit.
        """
        with self.database.read() as session:
            used = select(PosterSource.id).where(PosterSource.key == key).limit(1)
            held = select(HeldObject.id).where(HeldObject.key == key).limit(1)
            if any(session.scalar(query) is not None for query in (used, held)):
                return False
        stored = self.storage.head(key)
        return (
            stored is not None
            and stored.last_modified is not None
            and stored.last_modified <= self.clock() - UPLOAD_RETENTION
        )

    def _delete_row(self, key: str, at: datetime) -> None:
        """Delete the row, unless it was renewed by another preview."""
        query = delete(PendingUpload).where(PendingUpload.key == key, PendingUpload.at == at)
        with self.database.write() as session:
            session.execute(query, execution_options={TAGS_OPTION: ()})
