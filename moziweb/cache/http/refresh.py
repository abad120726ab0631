"""Background refresh: renders a hot page again before it expires, so that no visitor waits for it.

A region reports a hit past the configured share of the entry's life (``Policy.refresh_after``). The
page's URL is queued once, and one of a few threads requests it through the whole application, with
a transaction and a session of its own. So the clock is read before *this* snapshot. An entry that
kept its data and got a later clock would be valid although an invalidation in between was lost
(https://github.com/ZiggyCreatures/FusionCache/issues/628).

If a refresh fails, the old entry stays valid until it expires. A full queue drops requests: hot
pages are requested again.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import cache
from queue import Full, Queue
from typing import Any, Final

from webob import Request

from ..events import CacheEvents
from .representations import CODINGS

log = logging.getLogger(__name__)

Fetch = Callable[[Mapping[str, str]], None]
"""Requests the page of a ``PATH_INFO`` and a ``QUERY_STRING`` from the application."""

MAX_URLS: Final = 20_000
"""URLs that are remembered, by the keys of their entries."""

REFRESH_MARK: Final = "moziweb.cache.http.refresh"
"""Key of the environ that marks a refresh, which no client has sent."""


def wsgi_fetcher(application: Callable[[], Any]) -> Fetch:
    """A ``Fetch`` for a WSGI application, which is built at the first request."""
    built = cache(application)

    def fetch(url: Mapping[str, str]) -> None:
        request = Request.blank("/")
        request.environ.update(url)
        request.environ[REFRESH_MARK] = True
        request.environ["HTTP_ACCEPT_ENCODING"] = CODINGS[0]  # what most browsers will ask for
        request.call_application(built())

    return fetch


class BackgroundRefresher:
    """A queue of keys to refresh and the threads that do it.

    ``workers`` is the number of threads and ``waiting`` the size of the queue. The same key is
    queued again after ``pause`` seconds at the earliest. Nothing is queued before ``start``.
    """

    def __init__(
        self,
        fetch: Fetch,
        *,
        workers: int = 1,
        waiting: int = 100,
        pause: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
        observer: CacheEvents | None = None,
    ) -> None:
        self._fetch = fetch
        self._workers = workers
        self._pause = pause
        self._clock = clock
        self._observer = observer or CacheEvents()
        self._queue: Queue[str] = Queue(waiting)
        self._lock = threading.Lock()
        self._urls: OrderedDict[str, Mapping[str, str]] = OrderedDict()
        self._queued_until: dict[str, float] = {}
        self._started = False

    def start(self) -> None:
        """Start the threads, once. Call it after the last fork.

        They start here and not when a key is due: that is often in the server's loop, whose
        priority they would inherit.
        """
        if self._started:
            return
        self._started = True
        for _ in range(self._workers):
            threading.Thread(target=self._work, name="cache-refresh", daemon=True).start()

    def remember(self, key: str, environ: Mapping[str, Any], query: str) -> None:
        """Remember the URL at which the entry of ``key`` is served."""
        path = str(environ.get("PATH_INFO", ""))
        with self._lock:
            self._urls[key] = {"PATH_INFO": path, "QUERY_STRING": query}
            self._urls.move_to_end(key)
            while len(self._urls) > MAX_URLS:
                self._urls.popitem(last=False)

    def schedule(self, key: str) -> None:
        """Queue the entry of ``key`` for a refresh; returns at once."""
        with self._lock:
            now = self._clock()
            is_queued = now < self._queued_until.get(key, now)
            if not self._started or key not in self._urls or is_queued:
                return
            try:
                self._queue.put_nowait(key)
            except Full:
                return
            if len(self._queued_until) >= self._queue.maxsize:
                self._queued_until = {k: end for k, end in self._queued_until.items() if now < end}
            self._queued_until[key] = now + self._pause

    def join(self) -> None:
        """Wait until the queue is empty and all refreshes have ended."""
        self._queue.join()

    def _work(self) -> None:
        while True:
            key = self._queue.get()
            try:
                self._refresh(key)
            finally:
                self._queue.task_done()

    def _refresh(self, key: str) -> None:
        with self._lock:
            url = self._urls.get(key)
        if url is None:
            return
        try:
            self._fetch(url)
        except Exception as error:
            log.warning("cache: not refreshed: %s: %s", url["PATH_INFO"], error)
            self._observer.refresh_failed("raised")
