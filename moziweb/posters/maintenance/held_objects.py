"""Objects of deleted sources: kept while a source can come back, removed afterwards.

A deleted source has no rows in the poster tables, so `HeldObject` rows keep its objects from
``reconcile``.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from moziweb.cache import TAGS_OPTION
from moziweb.db import Database
from moziweb.db.paging import keyset_pages
from moziweb.storage import Storage

from ..generation.upload_store import ORIGINAL_PREFIX
from ..models import HeldObject, PendingUpload, PosterSource, PosterVariant, VariantState
from ..object_keys import at_keys
from .movie_locks import locked_movies
from .pending_uploads import UPLOAD_RETENTION

OBJECTS_PER_REMOVAL: Final = 200
"""Released objects that are removed by one storage request."""

_STORED: Final = (VariantState.READY, VariantState.SUPERSEDED)

_UNTAGGED: Final = {TAGS_OPTION: (), "synchronize_session": False}


def hold(session: Session, holder: int, sources: Collection[PosterSource]) -> None:
    """Keep the objects of sources that are about to be deleted, with their variants loaded."""
    for source in sources:
        if source.key:
            session.add(HeldObject(holder=holder, movie_id=source.movie_id, key=source.key))
        for variant in source.variants:
            if variant.key and variant.state in _STORED:
                place = {"bucket": variant.bucket, "key": variant.key}
                session.add(HeldObject(holder=holder, movie_id=source.movie_id, **place))


def forget(session: Session, holder: int) -> None:
    """The sources are back: their own rows keep the objects again."""
    session.execute(
        delete(HeldObject).where(HeldObject.holder == holder), execution_options=_UNTAGGED
    )


def release(session: Session, holder: int, now: datetime) -> None:
    """The sources cannot come back: `posters gc` may remove the objects."""
    session.execute(
        update(HeldObject).where(HeldObject.holder == holder).values(released_at=now),
        execution_options=_UNTAGGED,
    )


def held(session: Session, keys: Collection[str]) -> set[str]:
    """Those of the keys that are held, or released and not yet removed."""
    return set(session.scalars(select(HeldObject.key).where(HeldObject.key.in_(keys))))


@dataclass(frozen=True, slots=True)
class ReleasedObjects:
    """Removes released objects that nothing else uses. ``clock`` returns aware datetimes."""

    database: Database
    storage: Storage
    clock: Callable[[], datetime]

    def count(self) -> int:
        """The number of released objects."""
        with self.database.read() as session:
            released = HeldObject.released_at.is_not(None)
            return session.scalar(select(func.count()).where(released)) or 0

    def run(self) -> Iterator[tuple[str, bool]]:
        """Yield the key of each, and whether it was removed; raises ``StorageError``.

        An object that a source or a variant has, stays. If another process works on its movie, its
        row stays for the next run.
        """
        query = select(HeldObject.id, HeldObject.key, HeldObject.movie_id).where(
            HeldObject.released_at.is_not(None),
            HeldObject.bucket.is_(None) | (HeldObject.bucket == self.storage.bucket),
        )
        for page in keyset_pages(self.database.read, query, OBJECTS_PER_REMOVAL):
            movie_ids = {row.movie_id for row in page}
            with locked_movies(self.database, self.clock, movie_ids) as lock:
                still_locked = lock.renew()
                rows = [row for row in page if row.movie_id in still_locked]
                unused = self._unused([row.key for row in rows])
                try:
                    self.storage.delete(sorted(unused))
                finally:  # some may have been removed
                    with self.database.write() as session:
                        lock.record_removal(session, unused)
                with self.database.write() as session:
                    done = delete(HeldObject).where(HeldObject.id.in_([row.id for row in rows]))
                    session.execute(done, execution_options=_UNTAGGED)
            yield from ((row.key, row.key in unused) for row in rows)

    def _unused(self, keys: Sequence[str]) -> set[str]:
        """Those of the keys that no row uses. An original that was stored lately is in use."""
        with self.database.read() as session:
            used = {
                key
                for query in (
                    select(PosterVariant.key).where(
                        at_keys(keys), PosterVariant.state.in_(_STORED)
                    ),
                    select(PosterSource.key).where(PosterSource.key.in_(keys)),
                    select(PendingUpload.key).where(PendingUpload.key.in_(keys)),
                    select(HeldObject.key).where(
                        HeldObject.key.in_(keys), HeldObject.released_at.is_(None)
                    ),
                )
                for key in session.scalars(query)
            }
        return {key for key in set(keys) - used if not self._is_fresh_original(key)}

    def _is_fresh_original(self, key: str) -> bool:
        """No lock prevents an upload of the same file, which has no row before its commit."""
        if not key.startswith(ORIGINAL_PREFIX):
            return False
        stored = self.storage.head(key)
        modified = stored.last_modified if stored else None
        return modified is not None and modified > self.clock() - UPLOAD_RETENTION
