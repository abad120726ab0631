"""How many requests may make posters, so that posters never starve pages.

waitress has a handful of threads. A few of them (the slots) may make posters; one more may wait for
a poster that is being made; everybody else gets the placeholder at once. While all slots are taken,
not even a look into the database is free: as many requests as threads would wait for it in a burst.
So only some may look then, and at least one thread is always free for pages.
"""

import threading
import time
from collections.abc import Callable
from typing import Final

from .result import GenerationResult, Status
from .service import PosterService

LOOK_EVERY: Final = 0.05
"""Seconds between the looks of the one request that waits."""


class AdmissionControl:
    """Lets at most ``slots`` threads of this process into the service, and one wait.

    ``wait_seconds`` is how long that one waits; ``clock`` is monotonic, in seconds.
    """

    _SPARED: Final = 2
    """Threads that posters leave alone in a burst, where there are enough of them."""

    def __init__(
        self,
        service: PosterService,
        slots: int,
        wait_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._service = service
        self._slots = slots
        self._crowd = slots + 1
        self._making = 0
        self._inside = 0
        self._counting = threading.Lock()
        self._waiting = threading.Lock()
        self._wait_seconds = wait_seconds
        self._clock = clock

    def serve_with(self, threads: int) -> None:
        """Let more requests in during a burst where the server has the threads for it."""
        self._crowd = max(self._slots + 1, threads - self._SPARED)

    def enter(self) -> bool:
        """Whether a request for a poster may be looked into at all; who may has to ``leave``.

        Everybody may while a slot is free. In a burst it is ``slots`` and one more, or as many as
        leave two threads to pages (``serve_with``).
        """
        with self._counting:
            entered = self._making < self._slots or self._inside < self._crowd
            self._inside += entered
            return entered

    def leave(self) -> None:
        """The end of a request that has entered."""
        with self._counting:
            self._inside -= 1

    @property
    def is_waited_in(self) -> bool:
        """Whether a request waits now."""
        return self._waiting.locked()

    def ensure_or_wait(self, source_id: int) -> GenerationResult:
        """The source's variants, if they can be had within a visitor's patience.

        ``Status.BUSY`` when they cannot.
        """
        outcome = self._try(source_id)
        if outcome.status is not Status.BUSY or not self._waiting.acquire(blocking=False):
            return outcome
        try:
            return self._wait(source_id)
        finally:
            self._waiting.release()

    def _try(self, source_id: int) -> GenerationResult:
        with self._counting:
            if self._making >= self._slots:
                return GenerationResult(Status.BUSY)
            self._making += 1
        try:
            return self._service.ensure_variants(source_id)
        finally:
            with self._counting:
                self._making -= 1

    def _wait(self, source_id: int) -> GenerationResult:
        deadline = self._clock() + self._wait_seconds
        outcome = GenerationResult(Status.BUSY)
        while outcome.status is Status.BUSY and self._clock() < deadline:
            time.sleep(LOOK_EVERY)
            outcome = self._try(source_id)
        return outcome
