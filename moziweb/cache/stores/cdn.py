"""Purges at a CDN: what is published here is dropped there, by the same tags, twice.

Right after an invalidation the CDN is asked to drop what carries its tags, and once more two
seconds later. A request that was on its way when the change was committed may have been answered
with the old page and arrive at the CDN after the first purge; by the second, it has.

This is done in a thread beside the request that wrote, which waits for nobody. A purge that fails
is logged and left to the second one, and after that to ``s_maxage``: how fresh a CDN is, nobody can
promise. The thread ends when there is nothing left to do, and a process does not end before it.
Where no thread can be had, nothing is raised into the request: the tags wait for the next purge.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import urllib3

from ..events import CacheEvents

log = logging.getLogger(__name__)

AGAIN: Final = 2.0
"""Seconds between the first purge and the second."""

HEADER_BYTES: Final = 4000
"""The longest list of tags in one request."""

WAITING: Final = 1000
"""Invalidations that may wait for their second purge; beyond, they are purged together."""

_TIMEOUT: Final = 5.0

Send = Callable[[str], None]
"""Asks for one purge; the text is tags with spaces between. Raises when it fails."""


class CdnPurger:
    """Has tags purged, soon and once more ``again`` seconds later."""

    def __init__(
        self,
        send: Send,
        *,
        again: float = AGAIN,
        clock: Callable[[], float] = time.monotonic,
        observer: CacheEvents | None = None,
    ) -> None:
        self._send = send
        self._observer = observer or CacheEvents()
        self._second_delay = again
        self._clock = clock
        self._wake = threading.Condition()
        self._pending: set[str] = set()
        self._second: deque[tuple[float, frozenset[str]]] = deque()
        self._thread: threading.Thread | None = None

    def purge(self, tags: Iterable[str]) -> None:
        """Have ``tags`` purged; returns at once."""
        with self._wake:
            self._pending.update(tags)
            if not self._pending:
                return
            if self._thread is None or not self._thread.is_alive():
                self._thread = self._start_thread()
            self._wake.notify()

    def _start_thread(self) -> threading.Thread | None:
        """A thread at work; None where the system gives no more of them."""
        thread = threading.Thread(target=self._run, name="cache-purges")
        try:
            thread.start()
        except RuntimeError as error:
            log.warning("cache: not purged at the CDN for now: %s", error)
            self._observer.purge_failed()
            return None
        return thread

    def join(self) -> None:
        """Wait until all is done, the second purges too."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while (tags := self._next()) is not None:
            for text in _split(tags):
                try:
                    self._send(text)
                except Exception as error:
                    # Whatever it is, the next purge may go well.
                    log.warning("cache: not purged at the CDN: %s: %s", text[:200], error)
                    self._observer.purge_failed()

    def _next(self) -> frozenset[str] | None:
        """What to purge now, waiting for it; None when nothing is left."""
        with self._wake:
            while True:
                if self._pending:
                    return self._first()
                if not self._second:
                    self._thread = None
                    return None
                rest = self._second[0][0] - self._clock()
                if rest <= 0:
                    return self._second.popleft()[1]
                self._wake.wait(rest)

    def _first(self) -> frozenset[str]:
        tags = frozenset(self._pending)
        self._pending.clear()
        due = self._clock() + self._second_delay
        if len(self._second) >= WAITING:
            self._second.append((due, self._second.pop()[1] | tags))
        else:
            self._second.append((due, tags))
        return tags


def over_http(url: str, method: str, header: str, secret: str = "") -> Send:
    """Purges by requests to ``url`` with the tags in ``header``: Varnish with xkey, Fastly …

    ``secret`` is another header, as ``Name: value``. Raises ``urllib3.exceptions.HTTPError`` when
    nobody answers, and ``RuntimeError`` for another answer than 2xx.
    """
    pool = urllib3.PoolManager(retries=False, timeout=_TIMEOUT)
    name, _, value = secret.partition(":")
    common = {name.strip(): value.strip()} if value else {}

    def send(tags: str) -> None:
        answer = pool.request(method, url, headers={**common, header: tags}, redirect=False)
        if not 200 <= answer.status < 300:
            raise RuntimeError(f"{method} {url}: {answer.status}")

    return send


def _split(tags: Iterable[str]) -> Iterator[str]:
    """Texts of at most ``HEADER_BYTES``, each with as many tags as fit."""
    text = ""
    for tag in sorted(tags):
        if text and len(text) + 1 + len(tag) > HEADER_BYTES:
            yield text
            text = ""
        text = f"{text} {tag}" if text else tag
    if text:
        yield text
