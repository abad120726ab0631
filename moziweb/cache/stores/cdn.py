"""Purges published tags at a CDN, twice.

The first purge request follows the invalidation, the second comes two seconds later. A response
with the old page may have been on its way when the change was committed, and may reach the CDN
after the first purge, but not after the second.

A page names its tags in a header, in their short form if there are many, so each purge has both
forms of its tags.

A failed purge is logged; the second one may succeed, and ``s_maxage`` bounds how long the CDN
serves the old page. The process waits at its end for the second purges.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import urllib3

from moziweb.settings.masking import mask_secrets

from ..events import CacheEvents
from ..protocol.tags import short_form

log = logging.getLogger(__name__)

SECOND_DELAY: Final = 2.0
"""Seconds between the first purge and the second."""

HEADER_BYTES: Final = 4000
"""Maximum length of the tags in one request."""

MAX_KEYS: Final = 256
"""Maximum number of keys in one request: the limit of Fastly."""

MAX_PENDING: Final = 1000
"""Maximum number of pending second purges; more are merged into the last one."""

_TIMEOUT: Final = 5.0

Send = Callable[[str], None]
"""Sends one purge request for tags, separated by spaces. Raises if it fails."""


class CdnPurger:
    """Purges tags in a background thread, at once and again after ``second_delay`` seconds."""

    def __init__(
        self,
        send: Send,
        *,
        second_delay: float = SECOND_DELAY,
        clock: Callable[[], float] = time.monotonic,
        observer: CacheEvents | None = None,
    ) -> None:
        self._send = send
        self._observer = observer or CacheEvents()
        self._second_delay = second_delay
        self._clock = clock
        self._wake = threading.Condition()
        self._pending: set[str] = set()
        self._second: deque[tuple[float, frozenset[str]]] = deque()
        self._thread: threading.Thread | None = None

    def purge(self, tags: Iterable[str]) -> None:
        """Queue ``tags`` for both purges and return."""
        with self._wake:
            self._pending.update(tags)
            if not self._pending:
                return
            if self._thread is None or not self._thread.is_alive():
                self._thread = self._start_thread()
            self._wake.notify()

    def _start_thread(self) -> threading.Thread | None:
        """Return a started thread, or None if the system allows no more threads."""
        thread = threading.Thread(target=self._run, name="cache-purges")
        try:
            thread.start()
        except RuntimeError as error:
            log.warning("cache: not purged at the CDN for now: %s", error)
            self._observer.purge_failed()
            return None
        return thread

    def join(self) -> None:
        """Wait until all purges are done, the second ones too."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while (tags := self._next()) is not None:
            for text in _split(tags):
                try:
                    self._send(text)
                except Exception as error:
                    # Any exception: the next purge may succeed.
                    log.warning("cache: not purged at the CDN: %s: %s", text[:200], error)
                    self._observer.purge_failed()

    def _next(self) -> frozenset[str] | None:
        """Wait for the next tags to purge and return them; None if nothing is pending."""
        with self._wake:
            while True:
                if self._pending:
                    return self._first_purge()
                if not self._second:
                    self._thread = None
                    return None
                rest = self._second[0][0] - self._clock()
                if rest <= 0:
                    return self._second.popleft()[1]
                self._wake.wait(rest)

    def _first_purge(self) -> frozenset[str]:
        tags = frozenset(self._pending)
        self._pending.clear()
        due = self._clock() + self._second_delay
        if len(self._second) >= MAX_PENDING:
            self._second.append((due, self._second.pop()[1] | tags))
        else:
            self._second.append((due, tags))
        return tags


def over_http(url: str, method: str, header: str, secret: str = "") -> Send:
    """Return a sender of requests to ``url`` with the tags in ``header`` (Varnish xkey, Fastly).

    ``secret`` is one more header, as ``Name: value``. The sender raises
    ``urllib3.exceptions.HTTPError`` without a response, and ``RuntimeError`` if it is not 2xx.
    """
    pool = urllib3.PoolManager(retries=False, timeout=_TIMEOUT)
    name, _, value = secret.partition(":")
    common = {name.strip(): value.strip()} if value else {}

    def send(tags: str) -> None:
        response = pool.request(method, url, headers={**common, header: tags}, redirect=False)
        if not 200 <= response.status < 300:
            raise RuntimeError(f"{method} {mask_secrets(url)}: {response.status}")

    return send


def _split(tags: Iterable[str]) -> Iterator[str]:
    """Yield both forms of the tags, in texts of at most ``HEADER_BYTES`` and ``MAX_KEYS``."""
    keys: list[str] = []
    length = 0
    for key in (key for tag in sorted(tags) for key in (tag, short_form(tag))):
        if length + len(key) > HEADER_BYTES or len(keys) == MAX_KEYS:
            yield " ".join(keys)
            keys, length = [], 0
        keys.append(key)
        length += len(key) + 1
    if keys:
        yield " ".join(keys)
