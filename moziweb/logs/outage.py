"""Logs the outage of a service: its begin, a count per minute, its end."""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Final

log = logging.getLogger(__name__)

COUNT_SECONDS: Final = 60.0
"""Seconds between two lines about one outage."""

RECOVERY_SECONDS: Final = 5.0
"""Seconds without a failure after which a success ends an outage."""


class Outage:
    """The outage of one service in this process, for any number of threads.

    The first failure is an error in the log. Later ones are counted: there is one line per minute
    with their number. The end is a line, too. Outages that follow each other within a minute are
    counted like one, so a service that fails now and then does not fill the log.

    A success ends an outage after ``recovery_seconds`` without a failure; a part of the calls may
    succeed during an outage, for example those to another server of a ring.
    """

    def __init__(
        self,
        service: str,
        recovery_seconds: float = RECOVERY_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``service`` is the subject of the lines, such as "the database"."""
        self._service = service
        self._recovery_seconds = recovery_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._logged = False
        self._line_at: float = -math.inf
        self._failed_at = self._began = self._line_at
        self._failures = self._uncounted = 0
        self.is_active: bool = False
        """Whether the last calls failed. Read it before ``worked``: that is cheaper."""

    def failed(self, error: object) -> None:
        """A call failed. Only the first line of the text of ``error`` is logged."""
        with self._lock:
            now = self._failed_at = self._clock()
            if not self.is_active:
                self.is_active, self._logged, self._began, self._failures = True, False, now, 0
            self._failures += 1
            self._uncounted += 1
            if now - self._line_at < COUNT_SECONDS:
                return
            self._line_at, uncounted, self._uncounted = now, self._uncounted, 0
            is_first, self._logged = not self._logged, True
        reason = first_line(error)
        fields: dict[str, object] = {"outage": self._service}
        if is_first and uncounted == 1:
            log.error("%s is unavailable: %s", self._service, reason, extra=fields)
            return
        log.warning(
            "%s is still unavailable: %d failures since the last line; the last one: %s",
            self._service,
            uncounted,
            reason,
            extra={**fields, "failures": uncounted},
        )

    def worked(self) -> None:
        """A call succeeded."""
        if not self.is_active:
            return
        with self._lock:
            now = self._clock()
            if now - self._failed_at < self._recovery_seconds:
                return
            # Another thread may have logged the end between the two reads.
            was_logged, self._logged = self._logged and self.is_active, False
            self.is_active = False
            if not was_logged:
                return
            self._uncounted = 0
            failures, seconds = self._failures, now - self._began
        log.warning(
            "%s is back after %.0f s with %d failures",
            self._service,
            seconds,
            failures,
            extra={"outage": self._service, "failures": failures, "seconds": round(seconds, 1)},
        )

    @contextmanager
    def watching(self, *errors: type[Exception]) -> Iterator[None]:
        """The block is a call of the service; it failed if it raises one of ``errors``."""
        try:
            yield
        except errors as error:
            self.failed(error)
            raise
        else:
            if self.is_active:
                self.worked()


@cache
def outage_of(service: str) -> Outage:
    """The outage that all clients of a service in this process share."""
    return Outage(service)


def first_line(error: object) -> str:
    """The first line of an error's text; the name of its type if it has none."""
    return (str(error).splitlines() or [type(error).__name__])[0]
