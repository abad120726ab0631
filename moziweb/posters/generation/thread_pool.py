"""The embedded default: a few threads of the serving process make posters in the background.

They work through the same claims as visitors' requests, commands and other processes, so nothing
is made twice and no broker is needed. What they are told is a hint, kept in a queue of bounded
length; the sweep looks for what no hint came of.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from moziweb.db import Database

from .due import due_sources
from .service import PosterService

log = logging.getLogger(__name__)

CAPACITY: Final = 200
"""Hints that are kept; what goes beyond is found by the sweep."""

_END: Final = None


class ThreadPool:
    """``jobs`` threads that make what they are told of, and what a sweep finds.

    The sweep looks every ``period`` seconds. ``clock`` gives aware moments. Nothing runs before
    ``start``: a command that is over in a second makes nothing in the background.
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
        self._hints: queue.Queue[int | None] = queue.Queue(CAPACITY)
        self._known: set[int] = set()
        self._guard = threading.Lock()
        self._stopping = threading.Event()
        names = [("sweep", self._sweep_all), *((f"{n}", self._work) for n in range(jobs))]
        self._threads = [
            threading.Thread(target=target, name=f"posters-{name}", daemon=True)
            for name, target in names
        ]
        self._jobs = jobs
        self._started = False

    def start(self) -> None:
        """Begin; call it after forking, for threads do not cross one."""
        self._started = True
        for thread in self._threads:
            thread.start()

    def stop(self, patience: float = 10.0) -> None:
        """Finish what is being made and end, within about ``patience`` seconds.

        What takes longer is given up; its lease runs out and somebody makes it anew.
        """
        self._stopping.set()
        self._drop_hints()
        for _ in range(self._jobs):
            self._hints.put(_END)
        deadline = time.monotonic() + patience
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def written(self, session: Session, source_ids: Iterable[int]) -> None:
        """Nothing yet: the transaction may be rolled back."""

    def committed(self, source_ids: Iterable[int]) -> None:
        """Make these next. Never waits: what finds no room is left to the sweep."""
        if self._started:
            for source_id in source_ids:
                self._hint(source_id)

    def _hint(self, source_id: int) -> bool:
        with self._guard:
            if source_id in self._known:
                return True
            try:
                self._hints.put_nowait(source_id)
            except queue.Full:
                return False
            self._known.add(source_id)
            return True

    def _work(self) -> None:
        while (source_id := self._hints.get()) is not _END:
            with self._guard:
                self._known.discard(source_id)
            if not self._stopping.is_set():
                self._make(source_id)

    def _make(self, source_id: int) -> None:
        try:
            outcome = self._service.ensure_variants(source_id)
        except Exception:
            # The thread has to live on; the source's lease runs out and it is tried again.
            log.exception("source %d could not be made in the background", source_id)
        else:
            log.debug("source %d in the background: %s", source_id, outcome.status)

    def _sweep_all(self) -> None:
        while True:
            self._sweep()
            if self._stopping.wait(self._period):
                return

    def _sweep(self) -> None:
        """Hint at what is due, as much as there is room for."""
        room = CAPACITY - self._hints.qsize()
        try:
            with self._database.read() as session:
                due = due_sources(session, self._clock(), max(room, 0))
        except SQLAlchemyError as error:
            log.warning("the sweep for due posters: %s", error)
            return
        for source_id in due:
            if not self._hint(source_id):
                return

    def _drop_hints(self) -> None:
        try:
            while True:
                self._hints.get_nowait()
        except queue.Empty:
            return
