"""Retries the failed publications of this process at once, before the relay takes them over."""

import atexit
import logging
import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from .outbox_relay import OutboxRelay

log = logging.getLogger(__name__)

RETRY_PERIOD: Final = 0.1
"""Seconds between two attempts."""

RETRY_SECONDS: Final = 10.0
"""Seconds for which a row is tried; the relay tries it from the second one on."""

MAX_WAITING_TAGS: Final = 10_000
"""Tags that may wait; the relay publishes the rows that exceed them."""

_EXIT_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class _Failed:
    """The outbox rows of a transaction and their tags; ``until`` is a monotonic time."""

    rows: tuple[int, ...]
    tags: frozenset[str]
    until: float


class PublishRetrier:
    """Publishes again what failed, from a thread that runs only while something waits.

    One attempt publishes the tags of all rows that wait, so each row is marked only after an
    attempt that began after its commit and published all of its tags. Rows that have waited for
    ``seconds`` are left to the relay. When the process exits, there is one last attempt.
    """

    def __init__(
        self,
        relay: OutboxRelay,
        *,
        period: float = RETRY_PERIOD,
        seconds: float = RETRY_SECONDS,
        max_tags: int = MAX_WAITING_TAGS,
    ) -> None:
        self._relay = relay
        self._period = period
        self._seconds = seconds
        self._max_tags = max_tags
        self._lock = threading.Lock()
        self._waiting: list[_Failed] = []
        self._thread: threading.Thread | None = None
        self._exiting = threading.Event()

    def add(self, rows: Sequence[int], tags: Collection[str]) -> None:
        """Publish the ``tags`` of committed outbox ``rows``, and mark the rows.

        Raises ``RuntimeError`` if no thread can be started.
        """
        with self._lock:
            if sum(len(failed.tags) for failed in self._waiting) + len(tags) > self._max_tags:
                return
            until = time.monotonic() + self._seconds
            self._waiting.append(_Failed(tuple(rows), frozenset(tags), until))
            if self._thread is None or not self._thread.is_alive():
                thread = threading.Thread(target=self._run, name="cache-retry", daemon=True)
                thread.start()
                self._thread = thread
                atexit.register(self.close)

    def close(self) -> None:
        """Make one last attempt and stop."""
        self._exiting.set()
        thread = self._thread
        if thread is not None:
            thread.join(_EXIT_SECONDS)

    def _run(self) -> None:
        while waiting := self._to_publish():
            last = self._exiting.wait(self._period)
            if self._attempt(waiting):
                self._remove(waiting)
            elif last:
                break

    def _to_publish(self) -> list[_Failed]:
        """What waits. If nothing does, the thread ends."""
        now = time.monotonic()
        with self._lock:
            self._waiting = [failed for failed in self._waiting if now < failed.until]
            if not self._waiting:
                self._thread = None
                atexit.unregister(self.close)
            return list(self._waiting)

    def _attempt(self, waiting: Sequence[_Failed]) -> bool:
        rows = [row for failed in waiting for row in failed.rows]
        try:
            self._relay.publish(rows, {tag for failed in waiting for tag in failed.tags})
        except Exception as error:
            # Any error may pass; the thread must survive it.
            log.debug("cache: not published yet: %s", error)
            return False
        log.info("cache: published the invalidations of %d outbox rows by a retry", len(rows))
        return True

    def _remove(self, published: Sequence[_Failed]) -> None:
        with self._lock:
            done = set(map(id, published))
            self._waiting = [failed for failed in self._waiting if id(failed) not in done]
