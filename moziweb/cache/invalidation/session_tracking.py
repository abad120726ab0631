"""Writes: from a flush to a published invalidation.

* A flush gathers the tags of rows that are inserted, changed or deleted, old and new
  (``declarations.py``).
* A bulk UPDATE, INSERT or DELETE tells neither the rows' old values nor their new ones, whatever
  its WHERE names; it concerns the model's own tag, unless the statement says better with the
  execution option ``cache_tags``. What goes past the session (``text()``, a connection's own
  statements, ``bulk_insert_mappings``) is told with ``touch``.
* At the outermost commit one row of the outbox is inserted, in the same transaction. Never inside
  a SAVEPOINT: a rolled-back one would take the row along.
* After the commit the tags are published and the row is marked. Nothing of that is raised into the
  request: the row stays, and the relay finds it.

Under a transaction manager, the session's commit is one of several. Publishing waits for the last
of them, in ``tpc_finish`` of a data manager that sorts behind all others: a page rendered anew must
find whatever the others commit, too. Should one of them fail after the database has committed, the
change is there although the transaction is reported as failed, and is published all the same.

SQLAlchemy's ``after_commit`` fires when a SAVEPOINT is released, too; what happens here happens at
the end of the outermost transaction.
"""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import transaction.interfaces
from sqlalchemy import Engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import ORMExecuteState, Session, SessionTransaction, sessionmaker

from ..errors import PublishError
from ..events import CacheEvents
from ..protocol.stamps import StampStore
from ..protocol.tags import check_all, model_tag
from .declarations import Declarations
from .outbox import Outbox

log = logging.getLogger(__name__)

TAGS_OPTION: Final = "cache_tags"
"""Execution option of a bulk statement: the tags it concerns, in place of the model's own."""

REASON: Final = "cache_reason"
"""Key of ``Session.info``: a few words on who writes and why, for the outbox."""

_KEY: Final = "moziweb.cache.batch"
_JOINED: Final = "moziweb.cache.joined"


@dataclass(slots=True)
class _Batch:
    """What one transaction of a session has gathered."""

    tags: set[str] = field(default_factory=set)
    wrote: bool = False
    committed: bool = False
    recorded: set[str] = field(default_factory=set)
    rows: list[int] = field(default_factory=list)
    engine: Engine | None = None
    savepoints: dict[SessionTransaction, frozenset[str]] = field(default_factory=dict)


def _batch(session: Session) -> _Batch:
    batch: _Batch = session.info.setdefault(_KEY, _Batch())
    return batch


def has_written(session: Session) -> bool:
    """Whether the session's transaction has written anything, or holds changes that it will."""
    batch: _Batch | None = session.info.get(_KEY)
    return (batch is not None and batch.wrote) or bool(
        session.new or session.dirty or session.deleted
    )


def pending_tags(session: Session) -> frozenset[str]:
    """The tags that a watched session's open transaction has gathered so far.

    What a commit now would publish; flush first, for a change that is not flushed has none yet.
    """
    batch: _Batch | None = session.info.get(_KEY)
    return frozenset() if batch is None else frozenset(batch.tags)


class InvalidationTracker:
    """Collects the tags of what sessions write, adds them to the outbox and publishes them."""

    def __init__(
        self,
        declarations: Declarations,
        outbox: Outbox,
        stamps: StampStore,
        observer: CacheEvents,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        """``now`` is Unix time, for the outbox."""
        self._declarations = declarations
        self._outbox = outbox
        self._stamps = stamps
        self._observer = observer
        self._now = now

    def watch(self, target: "Session | sessionmaker[Session] | type[Session]") -> None:
        """Watch a session, or all sessions of a factory.

        Raises ``ConfigurationError`` where a declaration does not fit its model.
        """
        self._declarations.check()
        listeners: dict[str, Callable[..., Any]] = {
            "after_flush": self._after_flush,
            "do_orm_execute": self._on_execute,
            "before_commit": self._before_commit,
            "after_commit": self._after_commit,
            "after_transaction_create": self._transaction_created,
            "after_soft_rollback": self._rolled_back,
            "after_transaction_end": self._transaction_ended,
        }
        for name, listener in listeners.items():
            event.listen(target, name, listener)

    def join_transaction_manager(self, session: Session, transaction_manager: Any) -> None:
        """Publish what a watched session commits when its transaction manager is done with all.

        For sessions that ``zope.sqlalchemy`` commits; call it where it is registered with that. The
        manager is joined as early as theirs: in the middle of a commit it would be too late.
        """

        def join(session: Session, *_: object) -> None:
            manager: PublishDataManager | None = session.info.get(_JOINED)
            if manager is None or not manager.joined:
                session.info[_JOINED] = PublishDataManager.join(transaction_manager, self._deliver)

        event.listen(session, "after_begin", join)
        event.listen(session, "after_attach", join)

    def invalidate(self, session: Session, *tags: str) -> None:
        """Tell that the session's transaction changes what ``tags`` name, by whatever means."""
        batch = _batch(session)
        batch.wrote = True
        self._add(session, batch, check_all(tags))

    def _add(self, session: Session, batch: _Batch, tags: Iterable[str]) -> None:
        """Gather; once the outbox row is written, what comes late gets a row of its own."""
        batch.tags.update(tags)
        if batch.recorded:
            self._write_outbox(session, batch)

    def _after_flush(self, session: Session, flush_context: object) -> None:
        batch = _batch(session)
        changed = self._declarations.gathered(session)
        tags = set(changed)
        changed.clear()
        for row in session.new:
            for declaration in self._declarations.find(type(row)):
                tags.update(declaration.of_new(row))
        batch.wrote = True
        self._add(session, batch, tags)

    def _on_execute(self, state: ORMExecuteState) -> None:
        if not (state.is_insert or state.is_update or state.is_delete):
            return
        batch = _batch(state.session)
        batch.wrote = True
        given = state.execution_options.get(TAGS_OPTION)
        tags = self._of_bulk(state) if given is None else check_all(given)
        self._add(state.session, batch, tags)

    def _of_bulk(self, state: ORMExecuteState) -> frozenset[str]:
        """The models' own tags, for a statement on a model or on its table."""
        mapper = state.bind_mapper
        found = () if mapper is None else self._declarations.find(mapper.class_)
        if found:
            return frozenset({model_tag(found[0].model)})
        table = getattr(state.statement, "table", None)
        return frozenset(map(model_tag, self._declarations.of_table(table)))

    def _before_commit(self, session: Session) -> None:
        if session.in_nested_transaction():
            return
        session.flush()
        batch = _batch(session)
        if batch.tags - batch.recorded:
            self._write_outbox(session, batch)

    def _write_outbox(self, session: Session, batch: _Batch) -> None:
        new = batch.tags - batch.recorded
        if not new:
            return
        connection = session.connection(bind_arguments={"clause": self._outbox.table})
        reason = str(session.info.get(REASON, ""))
        batch.rows.append(self._outbox.add(connection, new, now=self._now(), reason=reason))
        batch.recorded |= new
        batch.engine = connection.engine

    def _after_commit(self, session: Session) -> None:
        if not session.in_nested_transaction():
            _batch(session).committed = True

    def _transaction_created(self, session: Session, transaction: SessionTransaction) -> None:
        if transaction.nested:
            batch = _batch(session)
            batch.savepoints[transaction] = frozenset(batch.tags)

    def _rolled_back(self, session: Session, transaction: SessionTransaction) -> None:
        """A rolled-back SAVEPOINT wrote nothing; what it gathered is dropped."""
        batch = _batch(session)
        before = batch.savepoints.pop(transaction, None)
        if before is not None:
            batch.tags &= before | batch.recorded

    def _transaction_ended(self, session: Session, transaction: SessionTransaction) -> None:
        if transaction.parent is not None:
            return
        batch: _Batch | None = session.info.pop(_KEY, None)
        self._declarations.gathered(session).clear()
        if batch is None or not batch.committed or not batch.tags:
            return
        manager: PublishDataManager | None = session.info.get(_JOINED)
        if manager is not None and manager.joined:
            manager.deliveries.append(batch)
        else:
            self._deliver(batch)

    def _deliver(self, batch: _Batch) -> None:
        """Publish and mark. Whatever goes wrong, the commit is done: the relay will see to it."""
        try:
            tags = self._expanded(batch)
            self._stamps.publish(tags)
        except (PublishError, SQLAlchemyError) as error:
            log.warning("cache: not published, left to the relay: %s", error)
            self._observer.publish_failed(batch.tags)
            return
        except Exception:
            # A mistake, ours or a driver's: still not the business of a request that is done.
            log.exception("cache: not published, left to the relay")
            self._observer.publish_failed(batch.tags)
            return
        self._observer.published(tags)
        if batch.engine is None:
            return
        try:
            with batch.engine.begin() as connection:
                new = tags - batch.tags
                self._outbox.mark(connection, batch.rows, now=self._now(), published=new and tags)
        except SQLAlchemyError as error:
            log.warning("cache: published, but not marked in the outbox: %s", error)

    def _expanded(self, batch: _Batch) -> frozenset[str]:
        """What to publish; asked of the database as it is after the commit."""
        expansions = self._declarations.expansions
        if batch.engine is None or not expansions.needed(batch.tags):
            return frozenset(batch.tags)
        with batch.engine.connect() as connection:
            return expansions.expanded(connection, batch.tags)


class _NoSavepoint:
    """A savepoint of a manager that has nothing to roll back."""

    def rollback(self) -> None:
        """Nothing: what was gathered since concerns too many at worst."""


class PublishDataManager:
    """A data manager that takes part in nothing and publishes at the very end."""

    def __init__(self, transaction_manager: Any, deliver: Callable[[_Batch], None]) -> None:
        self.transaction_manager = transaction_manager
        self.deliveries: list[_Batch] = []
        self.joined = False
        self._deliver = deliver

    @classmethod
    def join(
        cls, transaction_manager: Any, deliver: Callable[[_Batch], None]
    ) -> "PublishDataManager":
        """One that has joined the current transaction; not ``joined`` where it is too late."""
        manager = cls(transaction_manager, deliver)
        try:
            transaction_manager.get().join(manager)
        except (transaction.interfaces.NoTransaction, ValueError):
            return manager
        manager.joined = True
        return manager

    def sortKey(self) -> str:  # noqa: N802 - the transaction package's name
        """Behind ``~sqlalchemy:…`` and whoever else means to be last."""
        return f"~~moziweb.cache:{id(self)}"

    def savepoint(self) -> _NoSavepoint:
        """Offered, so that others' savepoints are not refused for our sake."""
        return _NoSavepoint()

    def tpc_begin(self, transaction: object) -> None:
        """Nothing to begin."""

    def commit(self, transaction: object) -> None:
        """Nothing to commit: the outbox row is in the database's transaction."""

    def tpc_vote(self, transaction: object) -> None:
        """Yes."""

    def tpc_finish(self, transaction: object) -> None:
        """Everyone has committed: publish."""
        self._leave()

    def tpc_abort(self, transaction: object) -> None:
        """Someone failed: publish what the database has committed nonetheless."""
        self._leave()

    def abort(self, transaction: object) -> None:
        """Nothing was committed; or all was, for managers are aborted after hooks, too."""
        self.joined = False

    def _leave(self) -> None:
        self.joined = False
        deliveries, self.deliveries = self.deliveries, []
        for batch in deliveries:
            self._deliver(batch)
