"""Writes rows with the requests and the cache reads of each minute to the database.

So the manager and commands know all processes together, without Prometheus. Old rows are deleted.
"""

import hashlib
import logging
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlalchemy import delete
from sqlalchemy.exc import SQLAlchemyError

from moziweb.db import Database
from moziweb.timings import Part

from .cache_reads import CacheReadRecorder
from .models import CacheReadMinute, PerformanceMinute
from .transactions import Totals, TransactionCounters

KEEP_MINUTES: Final = 14 * 24 * 60
"""How long rows are kept: 14 days."""

KEEP_READ_MINUTES: Final = 7 * 24 * 60
"""How long reads of the cache are kept."""

MAX_WAITING: Final = 120
"""Rows that wait for the database, those of an hour; older ones are lost."""

STOP_SECONDS: Final = 2.0
"""How long a process that ends waits for its last row."""

_PRUNE_EVERY: Final = 60

_log: Final = logging.getLogger(__name__)


class PerformanceRecorder:
    """Records the transactions of this process. ``now`` is Unix time."""

    def __init__(
        self,
        database: Database,
        transactions: TransactionCounters,
        release: str,
        now: Callable[[], float] = time.time,
        cache_reads: CacheReadRecorder | None = None,
    ) -> None:
        self._database = database
        self._transactions = transactions
        self._release = release
        self._now = now
        self._cache_reads = cache_reads
        self._process = f"{socket.gethostname()[:40]}:{os.getpid()}:{int(now())}"
        self._before = transactions.totals()
        self._minute = self._current_minute()
        self._waiting: deque[PerformanceMinute | CacheReadMinute] = deque(maxlen=MAX_WAITING)
        self._recorded = 0
        self._failing = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="performance", daemon=True)

    def start(self) -> None:
        """Start the thread that records each minute. Call it after the last fork."""
        self._thread.start()

    def stop(self) -> None:
        """Record the minute that has begun, and stop."""
        self._stop.set()
        self._thread.join(STOP_SECONDS)

    def record(self) -> None:
        """Record the requests since the last row, as those of the minute when they began."""
        totals = self._transactions.totals()
        self._waiting.append(self._row(totals.since(self._before)))
        if self._cache_reads is not None:
            reads = self._cache_reads.row(self._minute, self._process)
            self._waiting.extend([reads] if reads is not None else [])
        self._before, self._minute = totals, self._current_minute()
        try:
            self._write()
        except SQLAlchemyError as error:
            if not self._failing:
                _log.warning("performance: %s", str(error).partition("\n")[0])
            self._failing = True
        else:
            self._failing = False

    def _run(self) -> None:
        while not self._stop.wait(60 - self._now() % 60):
            if self._current_minute() > self._minute:
                self._record_safely()
        self._record_safely()

    def _record_safely(self) -> None:
        try:
            self.record()
        except Exception:  # the thread must survive any error
            _log.exception("performance")

    def _write(self) -> None:
        with self._database.write() as session:
            session.add_all(list(self._waiting))
            session.flush()  # an error of an automatic flush does not begin with its reason
            if self._recorded % _PRUNE_EVERY == 0:
                for model, kept in (
                    (PerformanceMinute, KEEP_MINUTES),
                    (CacheReadMinute, KEEP_READ_MINUTES),
                ):
                    oldest = self._current_minute() - kept
                    session.execute(delete(model).where(model.minute < oldest))
        self._waiting.clear()
        self._recorded += 1

    def _row(self, new: Totals) -> PerformanceMinute:
        routes = {
            route: [requests, errors, round(seconds, 4)]
            for route, (requests, errors, seconds) in new.routes.items()
        }
        return PerformanceMinute(
            minute=self._minute,
            process=self._process,
            release=self._release,
            requests=new.requests,
            errors=new.errors,
            satisfied=new.satisfied,
            tolerated=new.tolerated,
            queries=new.queries,
            routes=routes,
            **{part.value: new.seconds[part] for part in Part},
        )

    def _current_minute(self) -> int:
        return int(self._now() // 60)


def release_of(package: Path) -> str:
    """A short digest of the code of a package: it differs between releases."""
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*")):
        if path.suffix in _CODE:
            digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


_CODE: Final = frozenset({".py", ".jinja2", ".mo", ".css", ".js", ".svg"})
