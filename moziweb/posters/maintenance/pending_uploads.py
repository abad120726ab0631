"""Removing originals that were looked at and not saved, or saved and not needed any more.

Whoever uploads a picture to look at it has no source for it yet, and may never have: so each is
noted when it is looked at (``PosterDesk.remember``), and here are those that nobody came back for.
An original that was never noted is ``reconcile``'s to find.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, func, select

from moziweb.cache import TAGS_OPTION
from moziweb.db import Database
from moziweb.db.paging import keyset_rows
from moziweb.storage import Storage

from ..models import PendingUpload, PosterSource

KEPT: Final = timedelta(days=8)
"""How long they stay: a picture that was looked at can be saved for a week."""

PAGE: Final = 500


class ExpiredUploads:
    """Removes them. ``clock`` gives aware moments."""

    def __init__(self, database: Database, storage: Storage, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._storage = storage
        self._clock = clock

    def count(self) -> int:
        """How many are to be looked into."""
        with self._database.read() as session:
            noted = select(func.count()).where(PendingUpload.at <= self._clock() - KEPT)
            return session.scalar(noted) or 0

    def run(self) -> Iterator[tuple[str, bool]]:
        """Each original that was looked at long ago, and whether it was removed: one that a source
        refers to stays, and is not asked about again.

        Raises ``StorageError``; what is left is left to the next run.
        """
        query = select(PendingUpload.key, PendingUpload.at).where(
            PendingUpload.at <= self._clock() - KEPT
        )
        for key, at in keyset_rows(self._database.read, query, PAGE):
            gone = self._is_free(key)
            if gone:
                self._storage.delete([key])
            self._forget(key, at)
            yield key, gone

    def _is_free(self, key: str) -> bool:
        """Whether no source refers to it, and nobody has stored it again a moment ago.

        Nothing can be held still here: whoever uploads has no row before the commit.
        """
        with self._database.read() as session:
            known = select(PosterSource.id).where(PosterSource.key == key).limit(1)
            if session.scalar(known) is not None:
                return False
        stored = self._storage.head(key)
        return (
            stored is not None
            and stored.last_modified is not None
            and stored.last_modified <= self._clock() - KEPT
        )

    def _forget(self, key: str, at: datetime) -> None:
        """Unless somebody looks at it again."""
        noted = delete(PendingUpload).where(PendingUpload.key == key, PendingUpload.at == at)
        with self._database.write() as session:
            session.execute(noted, execution_options={TAGS_OPTION: ()})
