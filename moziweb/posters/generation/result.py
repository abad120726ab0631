"""The result of an attempt to make a source's variants."""

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class GenerationStatus(StrEnum):
    """How an attempt to make a source's variants ended."""

    MADE = "made"
    COMPLETE = "complete"
    """No variant was missing."""
    BUSY = "busy"
    """Another worker holds the lease."""
    BACKING_OFF = "held"
    """It failed before, and its next attempt is not due yet."""
    FAILED = "failed"
    LOST = "lost"
    """The lease expired, or the source changed, before the variants were published."""
    UNKNOWN = "unknown"
    """There is no such source."""


@dataclass(frozen=True, slots=True)
class GenerationResult:
    """How an attempt ended: ``code`` is why it failed, ``made`` the number of variants made."""

    status: GenerationStatus
    code: str | None = None
    made: int = 0


class GenerationCounts:
    """Counts the results of this process. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._results: Counter[tuple[str, str]] = Counter()
        self.made = 0
        """The number of variants made."""

    def add(self, result: GenerationResult) -> None:
        """Count a result."""
        with self._lock:
            self._results[result.status, result.code or ""] += 1
            self.made += result.made

    def results(self) -> Mapping[tuple[str, str], int]:
        """The number of results by status and code."""
        with self._lock:
            return dict(self._results)
