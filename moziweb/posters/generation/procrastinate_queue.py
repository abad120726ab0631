"""Queue of background jobs: Procrastinate's table in the application's PostgreSQL database.

Procrastinate's SQL function defers a job in the session's own transaction, so it is committed and
rolled back with the source. A job may be lost: its worker may be killed, or the table emptied. Then
the sweep defers another for each source that is due by its state. If a source has two jobs, the
second finds nothing to do.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from moziweb.db import Database

from .due import due_sources

SCHEMA: Final = "procrastinate"
"""The PostgreSQL schema of the queue's tables; migration 0004 creates it."""

QUEUE: Final = "posters"
TASK: Final = "posters.make"

PRIORITY_NEW: Final = 10
"""Of sources that were just saved: an editor waits for them."""

PRIORITY_SWEEP: Final = 0

BACKLOG: Final = 2_000
"""How many jobs the sweep queues at most; all other due sources wait in their own table."""

_DEFER: Final = text(f"""
    SELECT {SCHEMA}.procrastinate_defer_jobs_v1(array_agg(
        ROW(:queue, :task, :priority, NULL, NULL, jsonb_build_object('source_id', id), NULL)
        ::{SCHEMA}.procrastinate_job_to_defer_v1))
    FROM unnest(CAST(:ids AS bigint[])) AS id
""")  # noqa: S608 - our own constants

_QUEUED: Final = text(f"""
    SELECT (args ->> 'source_id')::bigint FROM {SCHEMA}.procrastinate_jobs
    WHERE task_name = :task AND status = 'todo'
""")  # noqa: S608

# The job with the smallest id, which an index of jobs to do finds, however long the queue is.
_AGE: Final = text(f"""
    SELECT extract(epoch FROM now() - min(event.at)) FROM {SCHEMA}.procrastinate_events AS event
    WHERE event.type = 'deferred' AND event.job_id = (
        SELECT id FROM {SCHEMA}.procrastinate_jobs
        WHERE queue_name = :queue AND task_name = :task AND status = 'todo'
        ORDER BY id LIMIT 1
    )
""")  # noqa: S608

_WORKER_SILENCE: Final = text(f"""
    SELECT extract(epoch FROM now() - max(last_heartbeat)) FROM {SCHEMA}.procrastinate_workers
""")  # noqa: S608


class ProcrastinateQueue:
    """Defers jobs; a ``triggers.BackgroundGenerator``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def enqueue_in_transaction(self, session: Session, source_ids: Iterable[int]) -> None:
        """Defer a job for each source, in the session's transaction."""
        defer(session.connection(), list(source_ids), PRIORITY_NEW)

    def enqueue_after_commit(self, source_ids: Iterable[int]) -> None:
        """Do nothing: the jobs were committed with the sources."""

    def sweep(self, now: datetime) -> int:
        """Defer jobs for sources that are due at ``now`` and have none; returns how many."""
        with self._database.write() as session:
            connection = session.connection()
            queued = frozenset(connection.scalars(_QUEUED, {"task": TASK}))
            free = max(0, BACKLOG - len(queued))
            due = due_sources(session, now, BACKLOG) if free else []
            to_queue = [source_id for source_id in due if source_id not in queued][:free]
            defer(connection, to_queue, PRIORITY_SWEEP)
        return len(to_queue)

    def age(self, connection: Connection) -> float:
        """How long the oldest job has waited, in seconds; 0 if none waits."""
        return float(connection.scalar(_AGE, {"queue": QUEUE, "task": TASK}) or 0)

    def worker_silence(self, connection: Connection) -> float | None:
        """Seconds since any worker gave a sign of life; None if no worker runs."""
        found = connection.scalar(_WORKER_SILENCE)
        return None if found is None else float(found)


def defer(connection: Connection, source_ids: Sequence[int], priority: int) -> None:
    """Defer a job for each source; workers see them once the connection's transaction commits."""
    if source_ids:
        values = {"queue": QUEUE, "task": TASK, "priority": priority, "ids": list(source_ids)}
        connection.execute(_DEFER, values)
