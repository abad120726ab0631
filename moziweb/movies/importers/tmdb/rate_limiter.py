"""No more than so many requests a second, over all threads of a process."""

import math
import threading
import time
from collections.abc import Callable
from typing import Final

REQUESTS_PER_SECOND: Final = 40
"""What TMDB allows, about."""


class RateLimiter:
    """Spaces out what is done; ``clock`` and ``sleep`` are in seconds."""

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

    def wait(self, most: float = math.inf) -> bool:
        """Wait for one's turn; False, at once, if that would take more than ``most`` seconds."""
        with self._lock:
            now = self._clock()
            turn = max(now, self._next)
            if turn - now > most:
                return False
            self._next = turn + self._interval
        if turn > now:
            self._sleep(turn - now)
        return True

    def hold(self, seconds: float) -> None:
        """Nobody's turn comes for so long: the other side has asked for it."""
        with self._lock:
            self._next = max(self._next, self._clock() + seconds)
