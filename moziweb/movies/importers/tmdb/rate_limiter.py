"""Rate limiter for the threads of a process."""

import math
import threading
import time
from collections.abc import Callable
from typing import Final

REQUESTS_PER_SECOND: Final = 40
"""The approximate limit of TMDB."""


class RateLimiter:
    """Distributes requests evenly over time. ``clock`` and ``sleep`` are in seconds."""

    def __init__(
        self,
        per_second: float = REQUESTS_PER_SECOND,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._interval = 1 / per_second
        self._clock = clock
        self._sleep = sleep
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self, timeout: float = math.inf) -> bool:
        """Wait for the next slot. Return False at once if it is over ``timeout`` seconds away."""
        with self._lock:
            now = self._clock()
            slot = max(now, self._next)
            if slot - now > timeout:
                return False
            self._next = slot + self._interval
        if slot > now:
            self._sleep(slot - now)
        return True

    def pause(self, seconds: float) -> None:
        """Give out no slots for this time, as the server has requested."""
        with self._lock:
            self._next = max(self._next, self._clock() + seconds)
