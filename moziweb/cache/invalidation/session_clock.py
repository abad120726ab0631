"""The snapshot clock of SQLAlchemy sessions: the clock, read before each transaction begins.

It applies to everything that is rendered in the transaction. It must be read before the
transaction takes its snapshot, which may be at its first query, even one of a route factory that
loads a movie before the cached view runs. There are two ways:

* ``SessionClock.watch`` a session or sessionmaker: the clock is read, by one small GET, whenever a
  transaction begins. Use it for the sessions of web requests.
* Call ``SessionSource.snapshot_clock`` before any query: it begins the transaction. It raises if a
  transaction has begun without a clock.
"""

from dataclasses import dataclass

from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction, sessionmaker

from ..errors import SnapshotClockUnknownError
from ..protocol.stamps import StampStore
from .session_tracking import has_written

_KEY = "moziweb.cache.snapshot_clock"


class SessionClock:
    """Reads and keeps the snapshot clock of sessions."""

    def __init__(self, stamps: StampStore) -> None:
        self._stamps = stamps

    def watch(self, target: "Session | sessionmaker[Session] | type[Session]") -> None:
        """Read the clock whenever a transaction of ``target`` begins."""
        event.listen(target, "after_transaction_create", self._begun)

    def snapshot_clock(self, session: Session) -> int | None:
        """Return the clock of before the session's transaction; begin one if there is none.

        Returns None if the clock could not be read, or if the session still holds objects of an
        earlier transaction, which are not of this snapshot. Raises ``SnapshotClockUnknownError``
        for a transaction that began unwatched.
        """
        transaction = session.get_transaction()
        if transaction is None:
            clock = self._read(session)
            transaction = session.begin()
            session.info[_KEY] = (transaction, clock)
        known: tuple[SessionTransaction, int | None] = session.info.get(_KEY, (None, None))
        if known[0] is not transaction:
            raise SnapshotClockUnknownError(
                "the session's transaction began before its clock was read; call `snapshot_clock`"
                " before the first query, or let SessionClock watch the session"
            )
        return known[1]

    def source(self, session: Session) -> "SessionSource":
        """Return the session as the ``SnapshotSource`` of a render."""
        return SessionSource(self, session)

    def _begun(self, session: Session, transaction: SessionTransaction) -> None:
        if transaction.parent is None:
            session.info[_KEY] = (transaction, self._read(session))

    def _read(self, session: Session) -> int | None:
        if not session.expire_on_commit and len(session.identity_map) > 0:
            return None
        return self._stamps.clock()


@dataclass(frozen=True, slots=True)
class SessionSource:
    """A session as a ``SnapshotSource``."""

    clock: SessionClock
    session: Session

    def snapshot_clock(self) -> int | None:
        """See ``SessionClock.snapshot_clock``."""
        return self.clock.snapshot_clock(self.session)

    def wrote(self) -> bool:
        """Whether the session's transaction has written, or has changes to flush."""
        return has_written(self.session)
