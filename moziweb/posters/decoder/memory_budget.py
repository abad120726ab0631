"""How much memory the pictures that are open at once may take together."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias

Waiting: TypeAlias = Callable[[], None]
"""What is called every ``WAITING_SECONDS`` while one waits; what it raises ends the wait."""

WAITING_SECONDS: Final = 1.0


def wait_on() -> None:
    """Just wait."""


class MemoryBudget:
    """A semaphore that counts bytes. First come, first served: a large picture is not starved.

    A picture that weighs more than ``total`` waits until it is alone, and is then let in.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._free = total
        self._queue: deque[object] = deque()
        self._changed = threading.Condition()

    @property
    def free(self) -> int:
        """Bytes that nobody holds."""
        with self._changed:
            return self._free

    @property
    def queued(self) -> int:
        """How many wait."""
        with self._changed:
            return len(self._queue)

    @contextmanager
    def hold(self, weight: int, waiting: Waiting = wait_on) -> Iterator[None]:
        """Hold ``weight`` bytes for a block, once they are free and it is our turn."""
        held = min(weight, self._total)
        self._take(held, waiting)
        try:
            yield
        finally:
            with self._changed:
                self._free += held
                self._changed.notify_all()

    def _take(self, weight: int, waiting: Waiting) -> None:
        ticket = object()
        with self._changed:
            self._queue.append(ticket)
        try:
            while not self._try(ticket, weight):
                waiting()  # without the lock: it may talk to a database
        except BaseException:
            with self._changed:
                self._leave(ticket)
            raise

    def _try(self, ticket: object, weight: int) -> bool:
        """Whether ``weight`` is ours, after waiting for ``WAITING_SECONDS`` at most."""
        with self._changed:
            is_ours = self._changed.wait_for(
                lambda: self._queue[0] is ticket and self._free >= weight, WAITING_SECONDS
            )
            if is_ours:
                self._free -= weight
                self._leave(ticket)
            return is_ours

    def _leave(self, ticket: object) -> None:
        self._queue.remove(ticket)
        self._changed.notify_all()
