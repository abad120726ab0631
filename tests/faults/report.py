"""The faults of the trial, and what each cost: the rows of the table in docs/deployment.md.

With ``FAULTS_REPORT`` in the environment, a run appends its rows to that file as JSON;
``docs/make_faults.py`` writes the table.
"""

import json
import os
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

VARIABLE = "FAULTS_REPORT"


class Fault(StrEnum):
    """Every fault, in the order of the table."""

    WEB_KILLED = "a web process is killed (SIGKILL)"
    WORKER_KILLED = "the worker is killed (SIGKILL)"
    ROLLING_RESTART = "both web processes are restarted, one after the other"
    ENTRIES_FROZEN = "memcached of the entries hangs"
    ENTRIES_KILLED = "memcached of the entries is killed"
    STAMPS_FROZEN = "memcached of the stamps hangs"
    STAMPS_KILLED = "memcached of the stamps is killed"
    DATABASE_FROZEN = "PostgreSQL hangs"
    DATABASE_RESTARTED = "PostgreSQL is killed and restarted"
    TABLE_LOCKED = "a table is locked"
    STORAGE_FROZEN = "S3 hangs"
    STORAGE_AWAY = "S3 is killed"
    CLOCK_FORWARD = "the clock jumps a day forward"
    CLOCK_BACK = "the clock jumps a day back"
    DISK_FULL = "the disk is full"
    FEW_FILES = "open files are limited to 64, with 120 idle connections"
    DATABASE_RESTORED = "the database is restored from a dump"


@dataclass(frozen=True)
class Cost:
    """What a fault cost. Times are in seconds, since its end.

    ``errors`` of ``requests`` were 5xx or no answer. ``uncached_errors`` of ``uncached`` are those
    for pages that no cache has. ``heartbeat`` is None if ``/__heartbeat__`` stayed green.
    """

    fault: Fault
    requests: int
    errors: int
    uncached: int
    uncached_errors: int
    site: float
    heartbeat: float | None
    note: str = ""


def record(cost: Cost) -> None:
    """Append a row to the report, if one is wanted."""
    path = os.environ.get(VARIABLE)
    if path:
        with Path(path).open("a") as report:
            row = {"number": list(Fault).index(cost.fault), **asdict(cost)}
            report.write(json.dumps(row) + "\n")
