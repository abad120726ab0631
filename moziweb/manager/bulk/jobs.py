"""Queries and updates of bulk jobs. Every function takes the caller's session."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, delete, func, insert, select, update
from sqlalchemy.orm import Session

from moziweb.cache import TAGS_OPTION

from ..audit.log import Actor
from ..audit.models import AuditEntry
from ..grid.saving import GRID_BATCH
from ..imports.models import IMPORT_BATCH
from .models import BULK_BATCH, BulkAction, BulkItem, BulkJob, BulkState, Outcome

BULK_ITEMS_PER_PAGE: Final = 100

MAX_ITEMS: Final = 10_000
"""Movies of one bulk action; taking changes back has no limit."""

HEARTBEAT_TIMEOUT: Final = timedelta(minutes=1)
"""Time without a heartbeat after which a job counts as abandoned; each batch gives one."""

BULK_RETENTION: Final = timedelta(days=90)

_UNTAGGED: Final = {TAGS_OPTION: (), "synchronize_session": False}


NEED_TERMS: Final = frozenset({BulkAction.DISTRIBUTOR, BulkAction.RATING, BulkAction.MOVE})


MORE_PAGES: Final = "more_pages"
"""The name in ``terms`` that says that pages may be missing in ``pages``."""


class TooManyMovies(Exception):
    """A bulk action would have more than ``MAX_ITEMS`` movies."""


def new_bulk_job(
    session: Session, by: Actor, action: BulkAction, rows: Select[int, str], now: datetime
) -> BulkJob:
    """Adds a job for the rows of a query of ids and names; deletes expired jobs.

    Raises ``TooManyMovies`` before anything is written.
    """
    if action is not BulkAction.UNDO:  # a whole import is taken back at once
        rows = rows.limit(MAX_ITEMS + 1)
    found = session.execute(rows).all()
    if action is not BulkAction.UNDO and len(found) > MAX_ITEMS:
        raise TooManyMovies
    old = delete(BulkJob).where(BulkJob.created_at < now - BULK_RETENTION)
    session.execute(old, execution_options=_UNTAGGED)
    job = BulkJob(
        action=action, terms={}, user_id=by.user_id, user_name=by.name, created_at=now,
        state=BulkState.ASKING if action in NEED_TERMS else BulkState.COUNTING,
    )  # fmt: skip
    session.add(job)
    session.flush()
    items = [
        {"job_id": job.id, "position": position, "row_id": row[0], "name": row[1][:300],
         "reason": "", "reason_names": {}}
        for position, row in enumerate(found, 1)
    ]  # fmt: skip
    if items:
        session.execute(insert(BulkItem), items, execution_options={TAGS_OPTION: ()})
    job.total = len(items)
    return job


def changes_of_batch(batch: str) -> Select[int, str]:
    """Returns the query of the entries of an import or a bulk job, the latest change first.

    Without those that were taken back.
    """
    undone = select(AuditEntry.undoes).where(AuditEntry.undoes.is_not(None))
    return (
        select(AuditEntry.id, AuditEntry.subject_name)
        .where(
            AuditEntry.batch == batch,
            AuditEntry.fields.is_not(None),
            AuditEntry.id.not_in(undone),
        )
        .order_by(AuditEntry.id.desc())
    )


def is_whole(batch: str | None) -> bool:
    """Whether the changes of a batch can be taken back together.

    Other batches are parts of one change, and are taken back with it.
    """
    return (batch or "").startswith((IMPORT_BATCH, BULK_BATCH, GRID_BATCH))


def changes_left(session: Session, batch: str) -> int:
    """Counts the changes of a batch that were not taken back. One query."""
    changes = changes_of_batch(batch).order_by(None).subquery()
    return session.scalar(select(func.count()).select_from(changes)) or 0


def begin_counting(job: BulkJob, terms: Mapping[str, Any]) -> None:
    """Hands a job with its terms to a worker, to be counted."""
    job.terms, job.state = dict(terms), BulkState.COUNTING


def begin_running(session: Session, job: BulkJob) -> None:
    """Hands a counted job to a worker."""
    items = update(BulkItem).where(BulkItem.job_id == job.id)
    session.execute(
        items.values(outcome=None, reason="", reason_names={}), execution_options=_UNTAGGED
    )
    job.state, job.done, job.pages = BulkState.RUNNING, 0, []
    job.terms = {name: term for name, term in job.terms.items() if name != MORE_PAGES}
    job.beat_at, job.claim, job.failed = None, None, False


def lacks_worker(job: BulkJob, now: datetime) -> bool:
    """Whether a job is to be worked on and has no live worker."""
    at_work = job.state in (BulkState.COUNTING, BulkState.RUNNING)
    return at_work and (job.beat_at is None or now - job.beat_at > HEARTBEAT_TIMEOUT)


def outcomes_of(session: Session, job_id: int) -> Counter[Outcome]:
    """Counts the items of a job by outcome. One query."""
    query = select(BulkItem.outcome, func.count()).where(
        BulkItem.job_id == job_id, BulkItem.outcome.is_not(None)
    )
    rows = session.execute(query.group_by(BulkItem.outcome))
    return Counter({outcome: count for outcome, count in rows if outcome is not None})


def bulk_items(
    session: Session, job_id: int, outcome: Outcome | None, after: int = 0
) -> Sequence[BulkItem]:
    """Returns a page of a job's items, and one more if there is one. One query."""
    query = select(BulkItem).where(BulkItem.job_id == job_id, BulkItem.position > after)
    if outcome is not None:
        query = query.where(BulkItem.outcome == outcome)
    return session.scalars(query.order_by(BulkItem.position).limit(BULK_ITEMS_PER_PAGE + 1)).all()
