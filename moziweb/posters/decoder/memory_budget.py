"""Limits the memory of all images that are open at once."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias

OnWait: TypeAlias = Callable[[], None]
"""Called every ``WAIT_INTERVAL_SECONDS`` during a wait; an exception from it ends the wait."""

WAIT_INTERVAL_SECONDS: Final = 1.0


def no_op() -> None:
    """Do nothing."""


class MemoryBudget:
    """A semaphore that counts bytes, first come, first served, so large images do not starve.

    An image that needs more than ``total`` bytes waits until no other is open.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self.free = total  # the number of bytes that are not reserved
        self._queue: deque[object] = deque()
        self._changed = threading.Condition()

    @property
    def queued(self) -> int:
        """The number of waiting threads."""
        with self._changed:
            return len(self._queue)

    @contextmanager
    def reserve(self, size: int, on_wait: OnWait = no_op) -> Iterator[None]:
        """Reserve ``size`` bytes for the ``with`` block; wait until they are free."""
        reserved = min(size, self._total)
        self._acquire(reserved, on_wait)
        try:
            yield
        finally:
            with self._changed:
                self.free += reserved
                self._changed.notify_all()

    def _acquire(self, size: int, on_wait: OnWait) -> None:
        ticket = object()
        with self._changed:
            self._queue.append(ticket)
        try:
            while not self._try_acquire(ticket, size):
                on_wait()  # without the lock: it may use a database
        except BaseException:
            with self._changed:
                self._dequeue(ticket)
            raise

    def _try_acquire(self, ticket: object, size: int) -> bool:
        """Wait at most ``WAIT_INTERVAL_SECONDS``; return whether ``size`` bytes were acquired."""
        with self._changed:
            is_acquired = self._changed.wait_for(
                lambda: self._queue[0] is ticket and self.free >= size, WAIT_INTERVAL_SECONDS
            )
            if is_acquired:
                self.free -= size
                self._dequeue(ticket)
            return is_acquired

    def _dequeue(self, ticket: object) -> None:
        self._queue.remove(ticket)
        self._changed.notify_all()
