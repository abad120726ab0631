"""Admission control: how many requests may make posters, so that page requests keep threads.

waitress has a few threads. As many requests as there are slots may make posters; one more may wait
for a poster that is being made; all others get the placeholder at once. While all slots are taken
even a database query is too much: in a burst, as many requests as there are threads would wait for
it. So the number of admitted requests is bounded then, and at least one thread is free for pages.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from moziweb.timings import Part, measured_as

from .result import GenerationResult, GenerationStatus

if TYPE_CHECKING:
    from .service import PosterService

VARIANT_POLL_SECONDS: Final = 0.05
"""How often the waiting request asks for its variants."""


class AdmissionControl:
    """Limits the threads that make posters to ``slots``; one more request may wait.

    It waits at most ``wait_seconds``; ``clock`` is monotonic, in seconds.
    """

    _PAGE_THREADS: Final = 2
    """Threads that poster requests leave to pages in a burst, if the server has enough."""

    def __init__(
        self,
        service: PosterService,
        slots: int,
        wait_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._service = service
        self._slots = slots
        self._max_admitted = slots + 1
        self._generating = 0
        self._admitted = 0
        self._counters_lock = threading.Lock()
        self._waiter_lock = threading.Lock()
        self._wait_seconds = wait_seconds
        self._clock = clock

    def set_thread_count(self, threads: int) -> None:
        """Admit more requests in a burst if the server has the threads for it."""
        self._max_admitted = max(self._slots + 1, threads - self._PAGE_THREADS)

    def try_enter(self) -> bool:
        """Whether a poster request is admitted; an admitted one must call ``leave``.

        All are while a slot is free. In a burst ``slots`` and one more are, or as many as leave two
        threads to pages (``set_thread_count``).
        """
        with self._counters_lock:
            is_admitted = self._generating < self._slots or self._admitted < self._max_admitted
            self._admitted += is_admitted
            return is_admitted

    def leave(self) -> None:
        """End an admitted request."""
        with self._counters_lock:
            self._admitted -= 1

    @measured_as(Part.IMAGES)
    def ensure_or_wait(self, source_id: int) -> GenerationResult:
        """Make the source's variants, or wait for them; the status is BUSY if neither succeeds."""
        result = self._try(source_id)
        if result.status is not GenerationStatus.BUSY or not self._waiter_lock.acquire(
            blocking=False
        ):
            return result
        try:
            return self._wait(source_id)
        finally:
            self._waiter_lock.release()

    def _try(self, source_id: int) -> GenerationResult:
        with self._counters_lock:
            if self._generating >= self._slots:
                return GenerationResult(GenerationStatus.BUSY)
            self._generating += 1
        try:
            return self._service.ensure_variants(source_id)
        finally:
            with self._counters_lock:
                self._generating -= 1

    def _wait(self, source_id: int) -> GenerationResult:
        deadline = self._clock() + self._wait_seconds
        result = GenerationResult(GenerationStatus.BUSY)
        while result.status is GenerationStatus.BUSY and self._clock() < deadline:
            time.sleep(VARIANT_POLL_SECONDS)
            result = self._try(source_id)
        return result
