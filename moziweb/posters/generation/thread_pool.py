"""Thread pool of the serving process that makes posters in the background (the default).

It takes the same leases as requests, commands and other processes, so nothing is made twice and no
broker is needed. Its queue is bounded and in memory; a periodic sweep finds the sources that did
not fit or were lost.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from moziweb.db import Database

from .due import due_sources

if TYPE_CHECKING:
    from .service import PosterService

log = logging.getLogger(__name__)

CAPACITY: Final = 200
"""Sources in the queue at most; the sweep finds the others."""

_END: Final = None


class ThreadPool:
    """``jobs`` threads that make the sources that were saved, and those that a sweep finds.

    The sweep runs every ``period`` seconds. ``clock`` returns aware datetimes. Nothing runs before
    ``start``, so short-lived commands make nothing in the background.
    """

    def __init__(
        self,
        database: Database,
        service: PosterService,
        clock: Callable[[], datetime],
        jobs: int,
        period: float,
    ) -> None:
        self._database = database
        self._service = service
        self._clock = clock
        self._period = period
        self._queue: queue.Queue[int | None] = queue.Queue(CAPACITY)
        self._queued: set[int] = set()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        names = [("sweep", self._sweep_periodically), *((f"{n}", self._work) for n in range(jobs))]
        self._threads = [
            threading.Thread(target=target, name=f"posters-{name}", daemon=True)
            for name, target in names
        ]
        self._jobs = jobs
        self._started = False

    def start(self) -> None:
        """Start the threads. Call it after forking: a fork does not copy threads."""
        self._started = True
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float = 10.0) -> None:
        """Finish the running sources and end, within about ``timeout`` seconds.

        Sources that take longer are abandoned: their leases expire, and another worker makes them.
        """
        self._stopping.set()
        with suppress(queue.Empty):
            while True:
                self._queue.get_nowait()
        for _ in range(self._jobs):
            self._queue.put(_END)
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def enqueue_in_transaction(self, session: Session, source_ids: Iterable[int]) -> None:
        """Do nothing: the transaction may be rolled back."""

    def enqueue_after_commit(self, source_ids: Iterable[int]) -> None:
        """Queue these sources. Never waits: if the queue is full, the sweep finds them."""
        if self._started:
            for source_id in source_ids:
                self._enqueue(source_id)

    def _enqueue(self, source_id: int) -> bool:
        with self._lock:
            if source_id in self._queued:
                return True
            try:
                self._queue.put_nowait(source_id)
            except queue.Full:
                return False
            self._queued.add(source_id)
            return True

    def _work(self) -> None:
        while (source_id := self._queue.get()) is not _END:
            with self._lock:
                self._queued.discard(source_id)
            if not self._stopping.is_set():
                self._make(source_id)

    def _make(self, source_id: int) -> None:
        try:
            result = self._service.ensure_variants(source_id)
        except Exception:
            # The thread must survive; the source's lease expires and it is retried.
            log.exception("source %d: unexpected error in the background", source_id)
        else:
            log.debug("source %d in the background: %s", source_id, result.status)

    def _sweep_periodically(self) -> None:
        while True:
            self._sweep()
            if self._stopping.wait(self._period):
                return

    def _sweep(self) -> None:
        """Queue the sources that are due, as many as fit."""
        free = CAPACITY - self._queue.qsize()
        try:
            with self._database.read() as session:
                due = due_sources(session, self._clock(), max(free, 0))
        except SQLAlchemyError as error:
            log.warning("the sweep for due posters failed: %s", error)
            return
        for source_id in due:
            if not self._enqueue(source_id):
                return
