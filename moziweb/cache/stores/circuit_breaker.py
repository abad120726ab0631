"""A breaker: a server that hangs costs one short time-out, not one for every call.

libmemcached remembers a failed server too, but per client, and there is one client per thread: a
frozen memcached would cost every thread of every process its own time-out, over and over. The
breaker is shared by the threads of a process. It opens at a slow failure only: a refused
connection answers in microseconds, and waiting for that costs nothing.
"""

import threading
import time
from collections.abc import Callable


class CircuitBreaker:
    """Closed: calls pass. Open: calls are refused, but for one probe in each ``rest`` seconds."""

    def __init__(self, rest: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        """``rest`` is how long to leave a hanging server alone, in seconds."""
        self._probe_interval = rest
        self._clock = clock
        self._lock = threading.Lock()
        self._open_until: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether calls are being refused."""
        return self._open_until is not None

    def allow_request(self) -> bool:
        """Whether to make a call now. While open, one caller in each ``rest`` may: the probe."""
        if not self.is_open:
            return True
        with self._lock:
            now = self._clock()
            if self._open_until is not None and now < self._open_until:
                return False
            self._open_until = now + self._probe_interval
            return True

    def trip(self) -> None:
        """A call hung: refuse the next ones."""
        with self._lock:
            self._open_until = self._clock() + self._probe_interval

    def reset(self) -> None:
        """A call was answered: let all through."""
        if self.is_open:
            with self._lock:
                self._open_until = None
