"""``started`` for SQLAlchemy sessions: the clock, read as a transaction begins.

It belongs to the session's transaction, and everything rendered in that transaction inherits it. So
it has to be read before the transaction takes its snapshot, which it may do with the first query,
of whoever comes first: a traversal or route factory that loads the film before the cached view runs
is inside this rule, and the easiest way to get it wrong. There are two ways to get it right:

* ``SessionClock.watch`` a session (or sessionmaker): the clock is read whenever a transaction of
  its begins, one small GET each. For sessions of web requests.
* Call ``SessionSource.snapshot_clock`` before any query: it begins the transaction itself. It
  raises if a transaction has begun without a clock.
"""

from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction, sessionmaker

from ..errors import SnapshotClockUnknownError
from ..protocol.stamps import StampStore
from .session_tracking import has_written

_KEY = "moziweb.cache.started"


class SessionClock:
    """Reads the clock for sessions."""

    def __init__(self, stamps: StampStore) -> None:
        self._stamps = stamps

    def watch(self, target: "Session | sessionmaker[Session] | type[Session]") -> None:
        """Read the clock whenever a transaction of ``target`` begins."""
        event.listen(target, "after_transaction_create", self._begun)

    def snapshot_clock(self, session: Session) -> int | None:
        """The clock from before the session's transaction, which is begun if there is none.

        None when the clock could not be read then, or when the session still holds objects from a
        transaction before: nothing rendered from those is of this snapshot.
        Raises ``SnapshotClockUnknownError`` for a transaction that began unwatched.
        """
        transaction = session.get_transaction()
        if transaction is None:
            clock = self._read(session)
            transaction = session.begin()
            session.info[_KEY] = (transaction, clock)
        known: tuple[SessionTransaction, int | None] = session.info.get(_KEY, (None, None))
        if known[0] is not transaction:
            raise SnapshotClockUnknownError(
                "the session's transaction began before its clock was read; ask for `started`"
                " before the first query, or let SessionClock watch the session"
            )
        return known[1]

    def source(self, session: Session) -> "SessionSource":
        """The session as what a render reads from."""
        return SessionSource(self, session)

    def _begun(self, session: Session, transaction: SessionTransaction) -> None:
        if transaction.parent is None:
            session.info[_KEY] = (transaction, self._read(session))

    def _read(self, session: Session) -> int | None:
        if not session.expire_on_commit and len(session.identity_map) > 0:
            return None
        return self._stamps.clock()


class SessionSource:
    """A session as a ``Source``."""

    def __init__(self, clock: SessionClock, session: Session) -> None:
        self._clock = clock
        self._session = session

    def snapshot_clock(self) -> int | None:
        """See ``SessionClock.snapshot_clock``."""
        return self._clock.snapshot_clock(self._session)

    def wrote(self) -> bool:
        """Whether the session's transaction has written, or is about to."""
        return has_written(self._session)
