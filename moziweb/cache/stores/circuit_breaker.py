"""Circuit breakers of memcached clients: a server that hangs costs one time-out, not one per call.

libmemcached remembers a failed server too, but per client, and each thread has its own client. A
breaker is shared by the threads of a process. That of a ring opens after a time-out only: a refused
connection fails in microseconds, so retrying it costs nothing. That of a single server, which holds
the stamps, opens after any failure of the connection, and a thread finds out when it has recovered.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

PROBE_PERIOD: Final = 0.05
"""Seconds between two probes of a thread."""

IDLE_SECONDS: Final = 5.0
"""Seconds without a request after which a thread stops probing."""


class Breaker(Protocol):
    """What a client needs of a circuit breaker."""

    @property
    def is_open(self) -> bool:
        """Whether calls are being refused."""

    def allow_request(self) -> bool:
        """Whether a call may be made now."""

    def trip(self) -> None:
        """A call failed: refuse the next ones."""

    def reset(self) -> None:
        """A call was answered: allow all calls."""


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


class ProbedCircuitBreaker:
    """Closed: calls pass. Open: all are refused, and a thread probes the server until it answers.

    So no call waits for a server that hangs, and calls pass again within ``period`` and one
    time-out after it answers. The thread sleeps while the breaker is closed, and after
    ``IDLE_SECONDS`` without a refused call. A server starts it at boot; without ``start``, the
    first failed call starts it.
    """

    def __init__(self, probe: Callable[[], bool], period: float = PROBE_PERIOD) -> None:
        """``probe`` returns whether the server answers; ``period`` is in seconds."""
        self._probe = probe
        self._period = period
        self._lock = threading.Lock()
        self._open = False
        self._last_refused = 0.0
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def is_open(self) -> bool:
        """Whether calls are being refused."""
        return self._open

    def allow_request(self) -> bool:
        """Whether a call may be made now."""
        if not self._open:
            return True
        self._wake_thread()
        return False

    def trip(self) -> None:
        """A call failed: refuse the next ones."""
        self._open = True
        self._wake_thread()

    def reset(self) -> None:
        """A call was answered: allow all calls."""
        self._open = False

    def start(self) -> None:
        """Start the thread, unless it runs; raise ``RuntimeError`` if none can be started."""
        with self._lock:
            # A forked child inherits the thread object, which does not run there.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="cache-probe", daemon=True)
                self._thread.start()

    def _wake_thread(self) -> None:
        self._last_refused = time.monotonic()
        self._wake.set()
        with suppress(RuntimeError):  # no more threads: the next request tries again
            self.start()

    def _run(self) -> None:
        while self._wake.wait():
            self._wake.clear()
            while self._open and time.monotonic() - self._last_refused < IDLE_SECONDS:
                if self._probe():
                    self.reset()
                else:
                    time.sleep(self._period)
