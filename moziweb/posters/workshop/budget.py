"""How much memory the pictures that are open at once may take together."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class Budget:
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
    def hold(self, weight: int) -> Iterator[None]:
        """Hold ``weight`` bytes for a block, once they are free and it is our turn."""
        held = min(weight, self._total)
        self._take(held)
        try:
            yield
        finally:
            with self._changed:
                self._free += held
                self._changed.notify_all()

    def _take(self, weight: int) -> None:
        ticket = object()
        with self._changed:
            self._queue.append(ticket)
            try:
                self._changed.wait_for(lambda: self._queue[0] is ticket and self._free >= weight)
                self._free -= weight
            finally:
                self._queue.remove(ticket)
                self._changed.notify_all()
