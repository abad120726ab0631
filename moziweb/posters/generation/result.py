"""The result of an attempt to make a source's variants."""

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
