"""How an attempt to have a source's variants ended, in the words that everybody tells it in."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How an attempt to have a source's variants ended."""

    MADE = "made"
    COMPLETE = "complete"
    """Nothing was missing."""
    BUSY = "busy"
    """Somebody else is making them."""
    BACKING_OFF = "held"
    """It failed before, and the time to try again has not come."""
    FAILED = "failed"
    LOST = "lost"
    """The lease ran out, or the source changed, before the work was done."""
    UNKNOWN = "unknown"
    """There is no such source."""


@dataclass(frozen=True, slots=True)
class GenerationResult:
    """The end of an attempt: ``code`` says why it failed, ``made`` how many variants were made."""

    status: Status
    code: str | None = None
    made: int = 0

    @property
    def is_ready(self) -> bool:
        """Whether all variants are ready now."""
        return self.status in (Status.MADE, Status.COMPLETE)
