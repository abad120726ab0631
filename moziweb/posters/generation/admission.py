"""Admission control: how many requests may make posters, so that page requests keep threads.

waitress has a few threads. As many requests as there are slots may make posters; one more may wait
for a poster that is being made; all others get the placeholder at once. While all slots are taken
even a database query is too much: in a burst, as many requests as there are threads would wait for
it. So the number of admitted requests is bounded then, and at least one thread is free for pages.

Posters are made in threads of their own: a request waits ``MAX_REQUEST_SECONDS`` for its poster,
however long the storage or an image host takes. The thread keeps its slot until it has finished.
The pictures of links are drawn in the same slots, within the same time.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from moziweb.timings import Part, measured_as

from .result import GenerationResult, GenerationStatus

if TYPE_CHECKING:
    from .service import PosterService

log = logging.getLogger(__name__)

VARIANT_POLL_SECONDS: Final = 0.05
"""How often the waiting request asks for its variants."""

MAX_REQUEST_SECONDS: Final = 4.5
"""How long a request waits for a poster; with the rest of the request it takes at most 5 s."""

T = TypeVar("T")

_BUSY: Final = GenerationResult(GenerationStatus.BUSY)


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
        self._wait_seconds = min(wait_seconds, MAX_REQUEST_SECONDS)
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

    def request_ends(self) -> float:
        """The monotonic time at which a request that begins now no longer waits."""
        return time.monotonic() + MAX_REQUEST_SECONDS

    def ensure_or_wait(self, source_id: int, until: float | None = None) -> GenerationResult:
        """Make the source's variants, or wait for them; the status is BUSY if neither succeeds.

        ``until`` is as for `run_or_wait`, by default `request_ends`.
        """

        def ensure() -> GenerationResult | None:
            result = self._service.ensure_variants(source_id)
            return None if result.status is GenerationStatus.BUSY else result

        until = self.request_ends() if until is None else until
        return self.run_or_wait(f"poster-{source_id}", ensure, until) or _BUSY

    @measured_as(Part.IMAGES)
    def run_or_wait(self, name: str, work: Callable[[], T], until: float) -> T | None:
        """The result of ``work``, run in a thread ``name`` with a slot; None if there is none.

        ``work`` returns None if another thread or process does the same. One request then waits and
        tries again. No request waits longer than ``until``, a monotonic time.
        """
        result = self._try(name, work, until)
        if result is not None or time.monotonic() >= until:
            return result
        if not self._waiter_lock.acquire(blocking=False):
            return None
        try:
            return self._wait(name, work, until)
        finally:
            self._waiter_lock.release()

    def _try(self, name: str, work: Callable[[], T], until: float) -> T | None:
        """Run ``work`` in a thread, and wait for it ``until`` a monotonic time."""
        if time.monotonic() >= until:
            return None
        with self._counters_lock:
            if self._generating >= self._slots:
                return None
            self._generating += 1
        future: Future[T] = Future()
        # A daemon: the lease of a thread that the end of the process stops expires by itself.
        thread = threading.Thread(
            target=copy_context().run, args=(self._run, work, future), name=name, daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # no more threads
            self._free_slot()
            return None
        try:
            return future.result(max(0.0, until - time.monotonic()))
        except TimeoutError:
            future.add_done_callback(partial(_log_error, name))
            return None

    def _run(self, work: Callable[[], T], future: Future[T]) -> None:
        try:
            result = work()
        except BaseException as error:
            self._free_slot()
            future.set_exception(error)
        else:
            self._free_slot()
            future.set_result(result)

    def _free_slot(self) -> None:
        with self._counters_lock:
            self._generating -= 1

    def _wait(self, name: str, work: Callable[[], T], until: float) -> T | None:
        deadline = self._clock() + self._wait_seconds
        result: T | None = None
        while result is None and self._clock() < deadline and time.monotonic() < until:
            time.sleep(VARIANT_POLL_SECONDS)
            result = self._try(name, work, until)
        return result


def _log_error(name: str, future: Future[Any]) -> None:
    """Log the error of work whose request no longer waits, since the request cannot raise it."""
    if error := future.exception():
        log.warning("%s failed after its request had ended", name, exc_info=error)
