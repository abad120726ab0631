"""Passes new and changed sources to the background generator.

Session listeners see each source that is flushed. `ProcrastinateQueue` gets it in the same
transaction, so that a rollback removes the job; `ThreadPool` gets it after the commit. Either may
lose it: a sweep finds due sources by their state (``due.py``).
"""

from collections.abc import Callable, Iterable
from typing import Final, Protocol
from weakref import ref

from sqlalchemy import event, inspect
from sqlalchemy.orm import Session, SessionTransaction, sessionmaker
from sqlalchemy.orm.unitofwork import UOWTransaction

from ..models import ON_DEMAND_KINDS, PosterSource, SourceState

_SOURCE_IDS: Final = "moziweb.posters.source_ids"
_COMMITTED: Final = "moziweb.posters.committed"


class BackgroundGenerator(Protocol):
    """Makes posters in the background."""

    def enqueue_in_transaction(self, session: Session, source_ids: Iterable[int]) -> None:
        """Take sources that were written in the session's transaction, which is still open."""

    def enqueue_after_commit(self, source_ids: Iterable[int]) -> None:
        """Take sources whose transaction was committed."""


class SourceChangeListener:
    """Passes the pending sources that sessions write to ``background``.

    It keeps only a weak reference to it. SQLAlchemy keeps the listeners of a session factory as
    long as the factory lives, and ``background`` refers to the factory through the database: a
    strong reference would keep both for ever.
    """

    def __init__(self, background: BackgroundGenerator | None) -> None:
        """With None, posters are made on visitors' requests and by the command only."""
        self._background: Callable[[], BackgroundGenerator | None] = (
            (lambda: None) if background is None else ref(background)
        )

    def schedule(self, session: Session, source_ids: Iterable[int]) -> None:
        """Pass on sources that the session has written by SQL, without a flush."""
        ids = set(source_ids)
        if ids:
            session.info.setdefault(_SOURCE_IDS, set()).update(ids)
            if (background := self._background()) is not None:
                background.enqueue_in_transaction(session, ids)

    def listen(self, factory: sessionmaker[Session]) -> None:
        """Listen to all sessions of a factory."""
        event.listen(factory, "after_flush", self._after_flush)
        event.listen(factory, "after_commit", self._after_commit)
        event.listen(factory, "after_transaction_end", self._after_transaction_end)

    def _after_flush(self, session: Session, context: UOWTransaction) -> None:
        ids = {
            row.id
            for row in (*session.new, *session.dirty)
            if isinstance(row, PosterSource) and _became_pending(row)
        }
        self.schedule(session, ids)

    def _after_commit(self, session: Session) -> None:
        # The event also fires for savepoints; only the outermost commit is a commit.
        if not session.in_nested_transaction():
            session.info[_COMMITTED] = True

    def _after_transaction_end(self, session: Session, transaction: SessionTransaction) -> None:
        if transaction.parent is not None:
            return
        ids = session.info.pop(_SOURCE_IDS, ())
        background = self._background()
        if session.info.pop(_COMMITTED, False) and ids and background is not None:
            background.enqueue_after_commit(ids)


def _became_pending(source: PosterSource) -> bool:
    """Whether this flush makes the source pending."""
    if source.state is not SourceState.PENDING or source.kind in ON_DEMAND_KINDS:
        return False
    attrs = inspect(source).attrs
    relevant = (attrs.state, attrs.url, attrs.key, attrs.regenerate_requested)
    return any(attribute.history.has_changes() for attribute in relevant)
