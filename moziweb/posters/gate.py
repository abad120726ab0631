"""How many requests may make posters, so that posters never starve pages.

waitress has a handful of threads. A few of them (the slots) may make posters; one more may wait for
a poster that is being made; everybody else gets the placeholder at once.
"""

import threading
import time
from collections.abc import Callable
from typing import Final

from .service import Outcome, PosterService, Status

LOOK_EVERY: Final = 0.05
"""Seconds between the looks of the one request that waits."""


class Gate:
    """Lets at most ``slots`` threads of this process into the service, and one wait.

    ``wait_seconds`` is how long that one waits; ``clock`` is monotonic, in seconds.
    """

    def __init__(
        self,
        service: PosterService,
        slots: int,
        wait_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._service = service
        self._slots = threading.Semaphore(slots)
        self._waiting = threading.Lock()
        self._wait_seconds = wait_seconds
        self._clock = clock

    @property
    def is_waited_in(self) -> bool:
        """Whether a request waits now."""
        return self._waiting.locked()

    def ask(self, source_id: int) -> Outcome:
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

    def _try(self, source_id: int) -> Outcome:
        if not self._slots.acquire(blocking=False):
            return Outcome(Status.BUSY)
        try:
            return self._service.ensure(source_id)
        finally:
            self._slots.release()

    def _wait(self, source_id: int) -> Outcome:
        deadline = self._clock() + self._wait_seconds
        outcome = Outcome(Status.BUSY)
        while outcome.status is Status.BUSY and self._clock() < deadline:
            time.sleep(LOOK_EVERY)
            outcome = self._try(source_id)
        return outcome
