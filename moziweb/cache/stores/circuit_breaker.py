"""Circuit breaker per memcached client: a server that hangs costs one time-out, not one per call.

libmemcached remembers a failed server too, but per client, and each thread has its own client. This
breaker is shared by the threads of a process. It opens after a time-out only: a refused connection
fails in microseconds, so retrying it costs nothing.
"""

import threading
import time
from collections.abc import Callable


class CircuitBreaker:
    """Closed: calls pass. Open: calls are refused, except one probe per ``probe_interval``."""

    def __init__(
        self, probe_interval: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``probe_interval`` is in seconds."""
        self._probe_interval = probe_interval
        self._clock = clock
        self._lock = threading.Lock()
        self._open_until: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether calls are being refused."""
        return self._open_until is not None

    def allow_request(self) -> bool:
        """Whether a call may be made now. While open, true once per ``probe_interval``."""
        if not self.is_open:
            return True
        with self._lock:
            now = self._clock()
            if self._open_until is not None and now < self._open_until:
                return False
            self._open_until = now + self._probe_interval
            return True

    def trip(self) -> None:
        """A call timed out: refuse the next ones."""
        with self._lock:
            self._open_until = self._clock() + self._probe_interval

    def reset(self) -> None:
        """A call was answered: allow all calls."""
        if self.is_open:
            with self._lock:
                self._open_until = None
