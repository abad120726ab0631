"""Runs bulk jobs in threads of the serving process.

A batch is one transaction: it writes the movies, their audit entries, the outcomes of its items and
the progress of the job. So after a crash the job continues with the first item that is not done.
Counting does the same and rolls the movies back.
"""

import logging
import secrets
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any, Final

from pyramid.registry import Registry
from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.cache import REASON
from moziweb.db import repeat_on_conflict
from moziweb.movies.calendar import budapest_today
from moziweb.services import services_of

from ..audit.log import Actor
from ..audit.models import AuditEntry
from ..movies.affected_pages import AffectedPages, pages_of_change
from ..undo.names_of_movies import paths_before_undo
from .actions import Batch, BulkWriter
from .jobs import MORE_PAGES, lacks_worker
from .models import BulkAction, BulkItem, BulkJob, BulkState

log = logging.getLogger(__name__)

ITEMS_PER_BATCH: Final = 20
"""Movies in one transaction: a batch locks SQLite for a fraction of a second."""

MAX_STALE_PAGES: Final = 1_000
"""Paths of stale pages that are stored."""


class _LeaseLost(Exception):
    """Another worker took over the job after a missed heartbeat."""


class BulkRunner:
    """One per process."""

    def __init__(self, registry: Registry, clock: Callable[[], datetime]) -> None:
        self._registry = registry
        self._clock = clock

    def start(self, job_id: int) -> None:
        """Runs a job in a new thread, unless a worker has it."""
        name = f"bulk-{job_id}"
        threading.Thread(target=self.work, args=(job_id,), name=name, daemon=True).start()

    def work(self, job_id: int) -> None:
        """Runs a job until it is counted or done. Errors are logged, never raised."""
        job = repeat_on_conflict(partial(self._claim, job_id))
        if job is None:
            return
        try:
            while repeat_on_conflict(partial(self._work_on_batch, job)):
                pass
        except _LeaseLost:
            log.info("bulk action %d: another worker has taken it over", job_id)
        except Exception:
            log.exception("bulk action %d", job_id)
            # The job stays as it is, without a worker: an editor can let it go on.
            with suppress(_LeaseLost), services_of(self._registry).database.write() as session:
                _set(session, job, beat_at=None, claim=None, failed=True)

    def _claim(self, job_id: int) -> BulkJob | None:
        with services_of(self._registry).database.write() as session:
            job = session.get(BulkJob, job_id, with_for_update=True)
            if job is None or not lacks_worker(job, self._clock()):
                return None
            job.beat_at, job.claim, job.failed = self._clock(), secrets.token_hex(16), False
            return job

    def _work_on_batch(self, job: BulkJob) -> bool:
        """Counts or does the next items; False if none are left. Each batch writes once."""
        database = services_of(self._registry).database
        with database.read() as session:
            query = select(BulkItem).where(BulkItem.job_id == job.id, BulkItem.outcome.is_(None))
            items = session.scalars(query.order_by(BulkItem.position).limit(ITEMS_PER_BATCH)).all()
        is_counting = job.state is BulkState.COUNTING
        if not items:
            rest = BulkState.COUNTED if is_counting else BulkState.DONE
            with database.write() as session:
                _set(session, job, state=rest, beat_at=None, claim=None)
            return False
        if not is_counting:
            with database.write() as session:
                session.info[REASON] = f"manager: bulk action #{job.id}"
                # The job's row first: two workers never write the same batch.
                _set(session, job, beat_at=self._clock())
                self._finish(session, job, items, *self._write(session, job, items))
            return True
        with database.rollback_session() as session:
            found = self._write(session, job, items)
            session.rollback()
        with database.write() as session:
            self._finish(session, job, items, *found)
        return True

    def _write(
        self, session: Session, job: BulkJob, items: Sequence[BulkItem]
    ) -> tuple[Batch, AffectedPages]:
        """Does the action with the items; returns their outcomes and the pages they affect."""
        now = self._clock()
        writer = BulkWriter(
            session, services_of(self._registry).poster_editor,
            Actor(job.user_id, job.user_name), now, budapest_today(now), job.batch, job.terms,
        )  # fmt: skip
        row_ids = [item.row_id for item in items]
        former = self._paths_before(session, row_ids) if job.action is BulkAction.UNDO else ()
        batch = writer.write(job.action, row_ids)
        session.flush()
        affected = pages_of_change(self._registry, session, batch.movies, former=former)
        return batch, affected or AffectedPages(())

    def _paths_before(self, session: Session, entry_ids: Sequence[int]) -> list[str]:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.id.in_(entry_ids)))
        return paths_before_undo(self._registry, session, entries.all())

    def _finish(
        self,
        session: Session,
        job: BulkJob,
        items: Sequence[BulkItem],
        batch: Batch,
        affected: AffectedPages,
    ) -> None:
        results = {result.row_id: result for result in batch.results}
        for item in items:
            result, stored = results[item.row_id], session.merge(item)
            stored.outcome = result.outcome
            if result.refusal is not None:
                stored.reason = str(result.refusal)
                names = result.refusal.mapping or {}
                stored.reason_names = {name: str(value) for name, value in names.items()}
        current = session.get_one(BulkJob, job.id)
        pages = list(dict.fromkeys([*current.pages, *affected.pages]))
        if len(pages) > MAX_STALE_PAGES or not affected.complete:
            current.terms = {**current.terms, MORE_PAGES: True}
        progress = {"done": current.done + len(items), "pages": pages[:MAX_STALE_PAGES]}
        _set(session, job, beat_at=self._clock(), **progress)


def _set(session: Session, job: BulkJob, **values: Any) -> None:
    """Updates a job in the transaction of its work. Raises ``_LeaseLost``."""
    ours = session.get(BulkJob, job.id, with_for_update=True)
    if ours is None or ours.claim != job.claim:
        raise _LeaseLost
    for name, value in values.items():
        setattr(ours, name, value)
