"""Input and output of a render: ``RenderContext``, ``Rendered``, ``CacheResult``."""

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

PERIOD_END: Final = "ends"
"""Marks an entry, in ``debug``, that expires with the period that it shows, such as a day."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a render returns; ``Entry`` describes the fields."""

    payload: bytes
    kind: Kind = Kind.PAGE
    encodings: Mapping[str, bytes] = field(default_factory=dict)
    content: Mapping[str, str | int | float] = field(default_factory=dict)
    debug: Mapping[str, str | int | float] = field(default_factory=dict)

    def entry(self, recorder: DependencyRecorder, created: float, expires: float) -> Entry:
        """Return the entry of this payload with what its render recorded."""
        until = min(expires, recorder.expires)
        ends_with_period = recorder.period_end <= until
        return Entry(
            kind=self.kind,
            payload=self.payload,
            dependencies=recorder.dependencies(),
            created=created,
            expires=until,
            encodings=self.encodings,
            content=self.content,
            debug={**self.debug, PERIOD_END: 1} if ends_with_period else self.debug,
        )


class RenderContext:
    """Passed to a render, which records its dependencies and expiry here.

    A render passes it on as ``parent`` when it includes fragments of another region, so that it
    inherits their dependencies.
    """

    def __init__(self, source: SnapshotSource, refresh_before: float = -math.inf) -> None:
        """Fragments that expire by ``refresh_before`` (Unix time) are refreshed, though valid."""
        self.source = source
        self.refresh_before = refresh_before
        self.recorder = DependencyRecorder()
        self.is_negative = False
        """Whether the payload is stored as a negative entry (``negative.py``)."""
        self.is_personal = False
        """Whether few people, often one, have the address; see ``Entry.is_personal``."""

    def depend(self, *tags: str) -> None:
        """Record that the payload depends on ``tags``. Call it before reading what they name."""
        self.recorder.depend(self.source.snapshot_clock(), *tags)

    def reset(self) -> None:
        """Discard what was recorded: the render starts again."""
        self.recorder = DependencyRecorder()
        self.is_negative = self.is_personal = False

    def cap(self, expires: float) -> None:
        """Let the payload expire at ``expires`` (Unix time) at the latest.

        It is the end of the period that the payload shows: a refresh before it would not help.
        """
        self.recorder.cap_at_period_end(expires)


class CacheStatus(StrEnum):
    """How an entry was served; the value of ``X-Cache`` and a label of the metrics."""

    L1 = "l1"
    """From the local cache of this process."""
    HIT = "hit"
    """Fetched from the region's store, and valid."""
    STALE = "stale"
    """Outdated: another request is rendering it, or it cannot be rendered."""
    MISS = "miss"
    """Rendered and stored."""
    BYPASS = "bypass"
    """Rendered and not stored; ``CacheResult.not_stored`` is the reason."""


@dataclass(frozen=True, slots=True)
class CacheResult:
    """An entry and how it was served."""

    status: CacheStatus
    entry: Entry
    not_stored: NotStoredReason | None = None
    timings: tuple[tuple[str, float], ...] = ()
    """Seconds of the read by step: ``clock``, ``fetch``, ``render``, ``total``."""


class Stopwatch:
    """Measures the steps of a read."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._seconds: dict[str, float] = {}

    @contextmanager
    def measure(self, step: str) -> Iterator[None]:
        """Add the time of the block to ``step``."""
        began = time.perf_counter()
        try:
            yield
        finally:
            elapsed = time.perf_counter() - began
            self._seconds[step] = self._seconds.get(step, 0.0) + elapsed

    def timings(self) -> tuple[tuple[str, float], ...]:
        """Return the seconds of each step, and of all since the start."""
        return (*self._seconds.items(), ("total", time.perf_counter() - self._began))
