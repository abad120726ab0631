"""Renewal in the background: a hot page is made anew before it runs out, and nobody waits for it.

A region notes a hit past the set share of its life (``Policy.refresh_after``). Its address is put
in a queue, once, and one of a few threads asks the application for it as a visitor would: through
the whole application, with a transaction and a session of its own, so that ``started`` is read
before *its* snapshot, as for any render. To stamp an entry after its renewal instead, as some
caches do, would declare it true at a clock that its data never saw, and an invalidation in between
would be lost (https://github.com/ZiggyCreatures/FusionCache/issues/628).

Whatever goes wrong, the old entry is still true, and stands until it runs out. A full queue drops
what comes: hot pages come again.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from queue import Empty, Full, Queue
from typing import Any, Final

from webob import Request

from ..events import CacheEvents

log = logging.getLogger(__name__)

Ask = Callable[[Mapping[str, str]], None]
"""Asks the application for the page at an address: ``PATH_INFO`` and ``QUERY_STRING``."""

KNOWN: Final = 20_000
"""Addresses that are remembered by their keys."""

REFRESH: Final = "moziweb.cache.http.refresh"
"""Key of the environ of a request that renews a page, and that nobody has sent."""

IDLE: Final = 60.0
"""Seconds after which a thread without work ends."""


def wsgi_fetcher(application: Callable[[], Any]) -> Ask:
    """Asks a WSGI application, which is made when it is needed first."""
    made: list[Any] = []

    def ask(address: Mapping[str, str]) -> None:
        if not made:
            made.append(application())
        request = Request.blank("/")
        request.environ.update(address)
        request.environ[REFRESH] = True
        request.call_application(made[0])

    return ask


class BackgroundRefresher:
    """Renews entries by their keys.

    ``workers`` threads at most, ``waiting`` addresses in the queue; the same one again no sooner
    than ``pause`` seconds after the last time. A thread without work for ``idle`` seconds ends.
    """

    def __init__(
        self,
        ask: Ask,
        *,
        workers: int = 1,
        waiting: int = 100,
        pause: float = 10.0,
        idle: float = IDLE,
        clock: Callable[[], float] = time.monotonic,
        observer: CacheEvents | None = None,
    ) -> None:
        self._ask = ask
        self._workers = workers
        self._pause = pause
        self._idle = idle
        self._clock = clock
        self._observer = observer or CacheEvents()
        self._queue: Queue[str] = Queue(waiting)
        self._lock = threading.Lock()
        self._addresses: OrderedDict[str, Mapping[str, str]] = OrderedDict()
        self._asked: dict[str, float] = {}
        self._threads: set[threading.Thread] = set()

    def learn(self, key: str, environ: Mapping[str, Any], query: str) -> None:
        """Remember the address that the entry of ``key`` is served at."""
        path = str(environ.get("PATH_INFO", ""))
        with self._lock:
            self._addresses[key] = {"PATH_INFO": path, "QUERY_STRING": query}
            self._addresses.move_to_end(key)
            while len(self._addresses) > KNOWN:
                self._addresses.popitem(last=False)

    def due(self, key: str) -> None:
        """Have the entry of ``key`` renewed soon; returns at once."""
        with self._lock:
            now = self._clock()
            if key not in self._addresses or now < self._asked.get(key, now):
                return
            try:
                self._queue.put_nowait(key)
            except Full:
                return
            self._forget(now)
            self._asked[key] = now + self._pause
            self._employ()

    def join(self) -> None:
        """Wait until everything that is due has been done."""
        self._queue.join()

    def _forget(self, now: float) -> None:
        """Forget when those were asked that may be asked again."""
        if len(self._asked) >= self._queue.maxsize:
            self._asked = {key: again for key, again in self._asked.items() if now < again}

    def _employ(self) -> None:
        """Begin a thread if there may be one more. It is of this process, whoever forked it."""
        self._threads = {each for each in self._threads if each.is_alive()}
        if len(self._threads) >= self._workers:
            return
        thread = threading.Thread(target=self._work, name="cache-renewal", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            # The system gives no more of them; what is queued waits for the next that is due.
            log.warning("cache: no thread to renew with: %s", error)
            self._observer.renewal_failed("no_thread")
        else:
            self._threads.add(thread)

    def _work(self) -> None:
        while True:
            try:
                key = self._queue.get(timeout=self._idle)
            except Empty:
                if self._dismissed():
                    return
                continue
            try:
                self._renew(key)
            finally:
                self._queue.task_done()

    def _dismissed(self) -> bool:
        """Whether this thread, which found nothing to do, may end; it is then no longer counted.

        It is alive for a moment still, and what is queued in that moment would be left to it.
        """
        with self._lock:
            if not self._queue.empty():
                return False
            self._threads.discard(threading.current_thread())
            return True

    def _renew(self, key: str) -> None:
        with self._lock:
            address = self._addresses.get(key)
        if address is None:
            return
        try:
            self._ask(address)
        except Exception as error:
            # Nobody waits for it, and the entry that it was to renew is still true.
            log.warning("cache: not renewed: %s: %s", address["PATH_INFO"], error)
            self._observer.renewal_failed("raised")
