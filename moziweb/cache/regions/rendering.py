"""What goes into a render and what comes out of it."""

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from ..protocol.dependencies import DependencyRecorder, NotStoredReason
from ..protocol.entry import Entry, Kind
from ..protocol.snapshots import SnapshotSource

ENDS: Final = "ends"
"""Fact of an entry that runs out because what it shows of the present is over then."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a render returns; see ``Entry`` for the fields."""

    payload: bytes
    kind: Kind = Kind.PAGE
    encodings: Mapping[str, bytes] = field(default_factory=dict)
    content: Mapping[str, str | int | float] = field(default_factory=dict)
    debug: Mapping[str, str | int | float] = field(default_factory=dict)

    def entry(self, recorder: DependencyRecorder, created: float, expires: float) -> Entry:
        """The entry of this payload with what its render recorded."""
        ends = recorder.period_end <= min(expires, recorder.expires)
        return Entry(
            kind=self.kind,
            payload=self.payload,
            dependencies=recorder.dependencies(),
            created=created,
            expires=min(expires, recorder.expires),
            encodings=self.encodings,
            content=self.content,
            debug={**self.debug, ENDS: 1} if ends else self.debug,
        )


class RenderContext:
    """Handed to a render, which records on it what it shows.

    It is also what a render hands on as ``parent`` when it takes pieces from another region, so
    that their dependencies become its own.
    """

    def __init__(self, source: SnapshotSource, refresh_before: float = -math.inf) -> None:
        """Parts that run out by ``renew_before`` (Unix time) are rendered anew, though true."""
        self.source = source
        self.refresh_before = refresh_before
        self.recorder = DependencyRecorder()
        self.is_negative = False
        """Whether the payload is one of countless that nobody may miss (``strays.py``)."""

    def depend(self, *tags: str) -> None:
        """Record that the payload shows what ``tags`` name. Call it before reading any of it."""
        self.recorder.depend(self.source.snapshot_clock(), *tags)

    def reset(self) -> None:
        """Forget what was recorded: the render begins anew."""
        self.recorder = DependencyRecorder()
        self.is_negative = False

    def cap(self, expires: float) -> None:
        """Let the payload run out at ``expires`` (Unix time) at the latest.

        It shows the present until then; one rendered sooner would not live any longer.
        """
        self.recorder.cap_at_period_end(expires)


class Status(StrEnum):
    """How something was served; the value is what ``X-Cache`` says."""

    L1 = "l1"
    """From this process, at the clock it was found true at."""
    HIT = "hit"
    """From the region, found true just now."""
    STALE = "stale"
    """From the region, known to be outdated, while someone renders it anew or nobody can."""
    MISS = "miss"
    """Rendered, and stored."""
    BYPASS = "bypass"
    """Rendered, and not stored; ``CacheResult.not_stored`` says why."""


@dataclass(frozen=True, slots=True)
class CacheResult:
    """An entry and how it came."""

    status: Status
    entry: Entry
    not_stored: NotStoredReason | None = None
    refresh_due: bool = False
    """A hit past the share of its life after which it is to be renewed in the background."""
    timings: tuple[tuple[str, float], ...] = ()
    """Where the time of the read went, in seconds: ``clock``, ``fetch``, ``render``, ``total``."""


class Stopwatch:
    """Where the time of a read goes."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._seconds: dict[str, float] = {}

    @contextmanager
    def measure(self, what: str) -> Iterator[None]:
        """Count the block's time as ``what``."""
        began = time.perf_counter()
        try:
            yield
        finally:
            elapsed = time.perf_counter() - began
            self._seconds[what] = self._seconds.get(what, 0.0) + elapsed

    def timings(self) -> tuple[tuple[str, float], ...]:
        """What it went into, and the total until now."""
        return (*self._seconds.items(), ("total", time.perf_counter() - self._began))
