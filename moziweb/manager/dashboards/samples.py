"""In-memory samples of a number, taken when its dashboard is viewed."""

import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

MAX_SAMPLES: Final = 180
"""Samples that are kept: 15 minutes at one per five seconds."""

MIN_INTERVAL: Final = timedelta(seconds=4)
"""Minimum interval between two samples, for concurrent viewers."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A value at a time."""

    at: datetime
    value: int


class SampleHistory:
    """The latest samples of one number. One per process; threads share it."""

    def __init__(self, kept: int = MAX_SAMPLES) -> None:
        self._samples: deque[Sample] = deque(maxlen=kept)
        self._lock = threading.Lock()

    def note(self, at: datetime, value: int) -> tuple[Sample, ...]:
        """Adds a sample, and returns all samples, the oldest first."""
        with self._lock:
            if not self._samples or at - self._samples[-1].at >= MIN_INTERVAL:
                self._samples.append(Sample(at, value))
            return tuple(self._samples)
