"""Making posters without a visitor: who is told of a new or changed source, and when.

Whatever is written to a source through a session of the application is seen here, and the source
is handed on: to the queue inside the same transaction (``queue.py``), so that a rollback takes the
job along; or, after the commit, to a pool of threads in this process (``pool.py``). Either may
lose it: a sweep finds by its state what is left (``due.py``).
"""

from collections.abc import Callable, Iterable
from typing import Final, Protocol
from weakref import ref

from sqlalchemy import event, inspect
from sqlalchemy.orm import Session, SessionTransaction, sessionmaker
from sqlalchemy.orm.unitofwork import UOWTransaction

from ..models import PosterSource, SourceState
from .due import ON_DEMAND_KINDS

_WRITTEN: Final = "moziweb.posters.written"
_COMMITTED: Final = "moziweb.posters.committed"


class BackgroundGenerator(Protocol):
    """Who makes posters in the background."""

    def written(self, session: Session, source_ids: Iterable[int]) -> None:
        """Sources that were written in the session's transaction, which is still open."""

    def committed(self, source_ids: Iterable[int]) -> None:
        """Sources whose transaction has been committed."""


class SourceChangeListener:
    """Sees the sources that sessions write, and tells ``background`` of those to be made.

    It tells it for as long as somebody else holds it. SQLAlchemy keeps a factory's listeners until
    nobody refers to the factory, and who makes posters does, through the database: one would keep
    the other for ever.
    """

    def __init__(self, background: BackgroundGenerator | None) -> None:
        """``None``: posters are made as visitors ask, or by the command."""
        self._background: Callable[[], BackgroundGenerator | None] = (
            (lambda: None) if background is None else ref(background)
        )

    def schedule(self, session: Session, source_ids: Iterable[int]) -> None:
        """Hand on sources that the session has written, past its flushes, to be made."""
        ids = set(source_ids)
        if ids:
            session.info.setdefault(_WRITTEN, set()).update(ids)
            if (background := self._background()) is not None:
                background.written(session, ids)

    def watch(self, factory: sessionmaker[Session]) -> None:
        """Watch all sessions of a factory."""
        event.listen(factory, "after_flush", self._after_flush)
        event.listen(factory, "after_commit", self._after_commit)
        event.listen(factory, "after_transaction_end", self._after_transaction_end)

    def _after_flush(self, session: Session, context: UOWTransaction) -> None:
        ids = {
            row.id
            for row in (*session.new, *session.dirty)
            if isinstance(row, PosterSource) and _is_to_be_made(row)
        }
        self.schedule(session, ids)

    def _after_commit(self, session: Session) -> None:
        # SQLAlchemy tells of savepoints, too; only the outermost commit is one.
        if not session.in_nested_transaction():
            session.info[_COMMITTED] = True

    def _after_transaction_end(self, session: Session, transaction: SessionTransaction) -> None:
        if transaction.parent is not None:
            return
        ids = session.info.pop(_WRITTEN, ())
        background = self._background()
        if session.info.pop(_COMMITTED, False) and ids and background is not None:
            background.committed(ids)


def _is_to_be_made(source: PosterSource) -> bool:
    """Whether a row of a flush has just become pending: anew, or by this change."""
    if source.state is not SourceState.PENDING or source.kind in ON_DEMAND_KINDS:
        return False
    seen = inspect(source).attrs
    changed = (seen.state, seen.url, seen.key, seen.regenerate_requested)
    return any(attribute.history.has_changes() for attribute in changed)
