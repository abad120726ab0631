"""Tracks the writes of sessions, from a flush to the published invalidation.

* A flush collects the old and new tags of inserted, changed and deleted rows (``declarations.py``).
* A bulk UPDATE, INSERT or DELETE knows neither the old nor the new values of its rows. It
  invalidates the model's own tag, or the tags of its execution option ``cache_tags``. For writes
  that bypass the session (``text()``, statements of a connection, ``bulk_insert_mappings``), call
  ``InvalidationTracker.invalidate``.
* The outermost commit resolves the tags (``Declarations.resolve_with``) and inserts one row into
  the outbox, in the same transaction; never inside a SAVEPOINT, since a rollback of it would remove
  the row.
* After the commit the tags are published and the row is marked. Errors of this step are not raised
  into the request: a thread of this process tries again (``publish_retry.py``), then the relay.

Under a transaction manager, the session's commit is one of several. Publishing waits for the last
one, in ``tpc_finish`` of a data manager that sorts behind all others, since a page that is rendered
again must show what the others commit too. If one of the others fails after the database has
committed, the transaction is reported as failed, but the change is visible and is published.

SQLAlchemy also sends ``after_commit`` when a SAVEPOINT is released; this module acts at the end of
the outermost transaction.
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
from .publish_retry import PublishRetrier

log = logging.getLogger(__name__)

TAGS_OPTION: Final = "cache_tags"
"""Execution option of a bulk statement: the tags it invalidates instead of the model's own."""

REASON: Final = "cache_reason"
"""Key of ``Session.info``: the author and reason of the writes, a short text for the outbox."""

_KEY: Final = "moziweb.cache.batch"
_JOINED: Final = "moziweb.cache.joined"


@dataclass(slots=True)
class _Batch:
    """The tags of one transaction of a session, and its outbox rows.

    ``resolved`` are the tags in the rows. They were resolved from ``recorded``, of ``tags``.
    """

    tags: set[str] = field(default_factory=set)
    wrote: bool = False
    committed: bool = False
    recorded: set[str] = field(default_factory=set)
    resolved: set[str] = field(default_factory=set)
    rows: list[int] = field(default_factory=list)
    engine: Engine | None = None
    savepoints: dict[SessionTransaction, frozenset[str]] = field(default_factory=dict)


def _batch(session: Session) -> _Batch:
    batch: _Batch = session.info.setdefault(_KEY, _Batch())
    return batch


def has_written(session: Session) -> bool:
    """Whether the session's transaction has written, or has changes to flush."""
    batch: _Batch | None = session.info.get(_KEY)
    return (batch is not None and batch.wrote) or bool(
        session.new or session.dirty or session.deleted
    )


def pending_tags(session: Session) -> frozenset[str]:
    """Return the tags that a watched session's open transaction has collected.

    A commit publishes what they are resolved to (``Declarations.resolved``) and expanded to. Flush
    first: changes that are not flushed have no tags yet.
    """
    batch: _Batch | None = session.info.get(_KEY)
    return frozenset() if batch is None else frozenset(batch.tags)


@dataclass(frozen=True, slots=True)
class InvalidationTracker:
    """Collects the tags of what sessions write, adds them to the outbox and publishes them.

    ``now`` returns Unix time, for the outbox. ``retrier`` publishes what failed.
    """

    declarations: Declarations
    outbox: Outbox
    stamps: StampStore
    observer: CacheEvents
    now: Callable[[], float] = time.time
    retrier: PublishRetrier | None = None

    def watch(self, target: "Session | sessionmaker[Session] | type[Session]") -> None:
        """Watch a session, or all sessions of a factory.

        Raises ``ConfigurationError`` if a declaration does not match its model.
        """
        self.declarations.check()
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
        """Delay the publishing of a watched session until its transaction manager has committed.

        Call it for sessions that are registered with ``zope.sqlalchemy``. Our data manager joins as
        early as theirs; during a commit it would be too late.
        """

        def join(session: Session, *_: object) -> None:
            manager: PublishDataManager | None = session.info.get(_JOINED)
            if manager is None or not manager.joined:
                session.info[_JOINED] = PublishDataManager.join(transaction_manager, self._deliver)

        event.listen(session, "after_begin", join)
        event.listen(session, "after_attach", join)

    def invalidate(self, session: Session, *tags: str) -> None:
        """Add ``tags`` to those that the session's transaction invalidates."""
        self._add(session, check_all(tags))

    def _add(self, session: Session, tags: Iterable[str]) -> None:
        """Add the tags of a write; if the outbox row is already written, they get another row."""
        batch = _batch(session)
        batch.wrote = True
        batch.tags.update(tags)
        if batch.recorded:
            self._write_outbox(session, batch)

    def _after_flush(self, session: Session, flush_context: object) -> None:
        changed = self.declarations.flushed_tags(session)
        tags = set(changed)
        changed.clear()
        for row in session.new:
            for declaration in self.declarations.find(type(row)):
                tags.update(declaration.of_new(row))
        self._add(session, tags)

    def _on_execute(self, state: ORMExecuteState) -> None:
        if not (state.is_insert or state.is_update or state.is_delete):
            return
        given = state.execution_options.get(TAGS_OPTION)
        tags = self._of_bulk(state) if given is None else check_all(given)
        self._add(state.session, tags)

    def _of_bulk(self, state: ORMExecuteState) -> frozenset[str]:
        """The models' own tags, for a statement on a model or its table."""
        mapper = state.bind_mapper
        found = () if mapper is None else self.declarations.find(mapper.class_)
        if found:
            return frozenset({model_tag(found[0].model)})
        table = getattr(state.statement, "table", None)
        return frozenset(map(model_tag, self.declarations.of_table(table)))

    def _before_commit(self, session: Session) -> None:
        if session.in_nested_transaction():
            return
        session.flush()
        self._write_outbox(session, _batch(session))

    def _write_outbox(self, session: Session, batch: _Batch) -> None:
        if not batch.tags - batch.recorded:
            return
        connection = session.connection(bind_arguments={"clause": self.outbox.table})
        batch.recorded |= batch.tags
        new = self.declarations.resolved(connection, batch.tags) - batch.resolved
        if not new:
            return
        reason = str(session.info.get(REASON, ""))
        batch.rows.append(self.outbox.add(connection, new, now=self.now(), reason=reason))
        batch.resolved |= new
        batch.engine = connection.engine

    def _after_commit(self, session: Session) -> None:
        if not session.in_nested_transaction():
            _batch(session).committed = True

    def _transaction_created(self, session: Session, transaction: SessionTransaction) -> None:
        if transaction.nested:
            batch = _batch(session)
            batch.savepoints[transaction] = frozenset(batch.tags)

    def _rolled_back(self, session: Session, transaction: SessionTransaction) -> None:
        """Drop the tags that a rolled-back SAVEPOINT has added."""
        batch = _batch(session)
        before = batch.savepoints.pop(transaction, None)
        if before is not None:
            batch.tags &= before | batch.recorded

    def _transaction_ended(self, session: Session, transaction: SessionTransaction) -> None:
        if transaction.parent is not None:
            return
        batch: _Batch | None = session.info.pop(_KEY, None)
        self.declarations.flushed_tags(session).clear()
        if batch is None or not batch.committed or not batch.resolved:
            return
        manager: PublishDataManager | None = session.info.get(_JOINED)
        if manager is not None and manager.joined:
            manager.deliveries.append(batch)
        else:
            self._deliver(batch)

    def _deliver(self, batch: _Batch) -> None:
        """Publish and mark; after an error a thread or the relay will do it."""
        try:
            tags = self._expanded(batch)
            self.stamps.publish(tags)
        except (PublishError, SQLAlchemyError) as error:
            log.warning("cache: not published, will be retried: %s", error)
            self._retry(batch)
            return
        except Exception:
            # The commit is done, so no error may reach the request, not even a bug.
            log.exception("cache: not published, will be retried")
            self._retry(batch)
            return
        self.observer.published(tags)
        if batch.engine is None:
            return
        try:
            with batch.engine.begin() as connection:
                new = tags - batch.resolved
                self.outbox.mark(connection, batch.rows, now=self.now(), published=new and tags)
        except SQLAlchemyError as error:
            log.warning("cache: published, but not marked in the outbox: %s", error)

    def _retry(self, batch: _Batch) -> None:
        self.observer.publish_failed(batch.resolved)
        if self.retrier is None:
            return
        try:
            self.retrier.add(batch.rows, batch.resolved)
        except RuntimeError as error:
            log.warning("cache: no thread to retry in, left to the relay: %s", error)

    def _expanded(self, batch: _Batch) -> frozenset[str]:
        """The tags to publish, expanded in a snapshot of after the commit."""
        if batch.engine is None:
            return frozenset(batch.resolved)
        return self.declarations.expansions.expanded_on(batch.engine, batch.resolved)


class _NoSavepoint:
    """A savepoint without anything to roll back."""

    def rollback(self) -> None:
        """Do nothing: tags that were added since invalidate too much at worst."""


class PublishDataManager:
    """A data manager that writes nothing and publishes after all others."""

    def __init__(self, transaction_manager: Any, deliver: Callable[[_Batch], None]) -> None:
        self.transaction_manager = transaction_manager
        self.deliveries: list[_Batch] = []
        self.joined = False
        self._deliver = deliver

    @classmethod
    def join(
        cls, transaction_manager: Any, deliver: Callable[[_Batch], None]
    ) -> "PublishDataManager":
        """Return a new manager; its ``joined`` is False if it was too late to join."""
        manager = cls(transaction_manager, deliver)
        try:
            transaction_manager.get().join(manager)
        except (transaction.interfaces.NoTransaction, ValueError):
            return manager
        manager.joined = True
        return manager

    def sortKey(self) -> str:  # noqa: N802 - the transaction package's name
        """Sort after ``~sqlalchemy:…`` and all others."""
        return f"~~moziweb.cache:{id(self)}"

    def savepoint(self) -> _NoSavepoint:
        """Return a savepoint; without it, transactions with our manager would refuse savepoints."""
        return _NoSavepoint()

    def tpc_begin(self, transaction: object) -> None:
        """Do nothing: the outbox row is part of the database's transaction."""

    commit = tpc_vote = tpc_begin

    def tpc_finish(self, transaction: object) -> None:
        """Publish what the database has committed, even if another manager failed after it."""
        self.joined = False
        deliveries, self.deliveries = self.deliveries, []
        for batch in deliveries:
            self._deliver(batch)

    tpc_abort = tpc_finish

    def abort(self, transaction: object) -> None:
        """Leave the transaction; this is also called after a commit, when hooks have run."""
        self.joined = False
