"""Time of a request by part: queue, cache, database, render, storage, images.

The parts exclude each other. While a query runs during a render, only the database's time passes.
So the sum of all parts is the time of the request::

    with timed(environ) as timings:  # of this thread, until the block ends
        with measured(Part.DATABASE):
            ...
    timings.seconds[Part.DATABASE], timings.queries

Outside of ``timed`` (commands, background threads) ``measured`` does nothing.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

ENVIRON_KEY: Final = "moziweb.timings"
"""Key of the environ for the request's ``Timings``."""

ARRIVED: Final = "moziweb.arrived"
"""Key of the environ for the moment (Unix time) at which the server had read the request."""

MAX_QUEUE_SECONDS: Final = 120.0
"""The longest credible time between a proxy and us; an older X-Request-Start is ignored."""


class Part(StrEnum):
    """A part of the time of a request."""

    QUEUE = "queue"
    """Before a thread started to work on it: in the proxy and in waitress's queue."""
    CACHE = "cache"
    """Entries, stamps and leases, and waiting for the render of another request."""
    DATABASE = "database"
    """Queries, and waiting for a connection of the pool."""
    STORAGE = "storage"
    """Calls of the object storage."""
    IMAGES = "images"
    """Posters made during the request: fetching, decoding, and waiting for both."""
    RENDER = "render"
    """Views, templates and all other code of the application."""


class Timings:
    """The seconds of one request by part. Only the thread of the request uses it."""

    __slots__ = ("_part", "_since", "queries", "seconds")

    def __init__(self, part: Part, queue: float = 0.0) -> None:
        """``part`` is the first part, ``queue`` the seconds before now."""
        self.seconds = dict.fromkeys(Part, 0.0)
        self.seconds[Part.QUEUE] = queue
        self.queries = 0
        self._part = part
        self._since = time.perf_counter()

    def enter(self, part: Part) -> Part:
        """End the current part and begin another; returns the one that has ended."""
        now, ended = time.perf_counter(), self._part
        self.seconds[ended] += now - self._since
        self._part, self._since = part, now
        return ended

    def total(self) -> float:
        """The seconds since the request was sent."""
        self.enter(self._part)
        return sum(self.seconds.values())


_current: ContextVar[Timings | None] = ContextVar("moziweb.timings", default=None)


def current() -> Timings | None:
    """The timings of the request that this thread works on; None without one."""
    return _current.get()


def timings_of(environ: Mapping[str, Any]) -> Timings | None:
    """The timings of a request; None if nothing measures it."""
    timings: Timings | None = environ.get(ENVIRON_KEY)
    return timings


@contextmanager
def timed(environ: dict[str, Any], part: Part = Part.RENDER) -> Iterator[Timings]:
    """Measure a request from now on, or go on with the timings that its environ has."""
    timings = timings_of(environ)
    if timings is None:
        timings = Timings(part, queue_seconds(environ, time.time()))
        environ[ENVIRON_KEY] = timings
    token = _current.set(timings)
    try:
        yield timings
    finally:
        _current.reset(token)


class measured:  # noqa: N801 - used as a function
    """Context manager: the time of the block belongs to ``part``."""

    __slots__ = ("_before", "_part", "_timings")

    def __init__(self, part: Part) -> None:
        self._part = part
        self._timings: Timings | None = None
        self._before = part

    def __enter__(self) -> None:
        timings = self._timings = _current.get()
        if timings is not None:
            self._before = timings.enter(self._part)

    def __exit__(self, *error: object) -> None:
        if self._timings is not None:
            self._timings.enter(self._before)


def measured_as(part: Part) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Decorator: the time of each call belongs to ``part``. Not for generators."""

    def decorator(function: Callable[P, T]) -> Callable[P, T]:
        @wraps(function)
        def call(*arguments: P.args, **options: P.kwargs) -> T:
            with measured(part):
                return function(*arguments, **options)

        return call

    return decorator


def queue_seconds(environ: Mapping[str, Any], now: float) -> float:
    """How long a request has waited at ``now`` (Unix time).

    Since its ``X-Request-Start``, or since the server had read it if that is longer.
    """
    waited = 0.0
    arrived = environ.get(ARRIVED)
    if arrived is not None:
        waited = max(waited, now - arrived)
    header = environ.get("HTTP_X_REQUEST_START")
    if header is not None:
        sent = request_start(header)
        if sent is not None and now - sent <= MAX_QUEUE_SECONDS:
            waited = max(waited, now - sent)
    return waited


_MILLISECONDS_FROM: Final = 1e11
_MICROSECONDS_FROM: Final = 1e14


def request_start(header: str) -> float | None:
    """The Unix time of an ``X-Request-Start``; None if it is not a time.

    Heroku sends milliseconds, nginx ``t=`` and seconds, others microseconds.

    >>> request_start("1700000000000"), request_start("t=1700000000.5"), request_start("soon")
    (1700000000.0, 1700000000.5, None)
    """
    try:
        value = float(header.strip().removeprefix("t="))
    except ValueError:
        return None
    if not (math.isfinite(value) and value > 0):
        return None
    if value >= _MICROSECONDS_FROM:
        return value / 1e6
    return value / 1e3 if value >= _MILLISECONDS_FROM else value
