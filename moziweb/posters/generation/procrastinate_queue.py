"""The queue of background work: Procrastinate's table, in our own database (PostgreSQL).

A job is deferred by Procrastinate's SQL function in the session's own transaction: committed and
rolled back with the source itself. It is a hint and no more. When it is lost, its worker killed or
its table emptied, the sweep defers another for what the states say is due; when there are two for
one source, the second finds nothing to do.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from moziweb.db import Database

from .due import due_sources

SCHEMA: Final = "procrastinate"
"""The PostgreSQL schema that migration 0004 has put the queue into."""

QUEUE: Final = "posters"
TASK: Final = "posters.make"

SOON: Final = 10
"""The priority of what somebody has just written: an operator waits for it."""

WHENEVER: Final = 0

BACKLOG: Final = 2_000
"""Jobs that the sweep keeps waiting at most; the sources behind them wait in their own table."""

_DEFER: Final = text(f"""
    SELECT {SCHEMA}.procrastinate_defer_jobs_v1(array_agg(
        ROW(:queue, :task, :priority, NULL, NULL, jsonb_build_object('source_id', id), NULL)
        ::{SCHEMA}.procrastinate_job_to_defer_v1))
    FROM unnest(CAST(:ids AS bigint[])) AS id
""")  # noqa: S608 - constants of ours

_WAITING: Final = text(f"""
    SELECT (args ->> 'source_id')::bigint FROM {SCHEMA}.procrastinate_jobs
    WHERE task_name = :task AND status = 'todo'
""")  # noqa: S608


class ProcrastinateQueue:
    """Defers jobs; see ``background.Background``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def written(self, session: Session, source_ids: Iterable[int]) -> None:
        """Defer a job for each source, in the session's transaction."""
        defer(session.connection(), list(source_ids), SOON)

    def committed(self, source_ids: Iterable[int]) -> None:
        """Nothing: the jobs were committed with the sources."""

    def sweep(self, now: datetime) -> int:
        """Defer jobs for sources that are due at ``now`` and have none; tells how many."""
        with self._database.write() as session:
            connection = session.connection()
            waiting = frozenset(connection.scalars(_WAITING, {"task": TASK}))
            room = max(0, BACKLOG - len(waiting))
            found = due_sources(session, now, BACKLOG) if room else []
            due = [source_id for source_id in found if source_id not in waiting][:room]
            defer(connection, due, WHENEVER)
        return len(due)


def defer(connection: Connection, source_ids: Sequence[int], priority: int) -> None:
    """Have these sources made by a worker, once the connection's transaction is committed."""
    if source_ids:
        given = {"queue": QUEUE, "task": TASK, "priority": priority, "ids": list(source_ids)}
        connection.execute(_DEFER, given)
