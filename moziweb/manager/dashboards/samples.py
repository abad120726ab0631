"""A number as it moves while somebody looks: what a process has seen of it, for a chart."""

import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

MAX_SAMPLES: Final = 180
"""Samples that are remembered: a quarter of an hour, at one each five seconds."""

MIN_INTERVAL: Final = timedelta(seconds=4)
"""Several who look at once leave no more samples than one."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A number at a moment."""

    at: datetime
    value: int


class SampleHistory:
    """The latest samples of one number, in the memory of this process. Threads share it."""

    def __init__(self, kept: int = MAX_SAMPLES) -> None:
        self._samples: deque[Sample] = deque(maxlen=kept)
        self._lock = threading.Lock()

    def note(self, at: datetime, value: int) -> tuple[Sample, ...]:
        """Remember the number as it is at a moment; all that is remembered, the oldest first."""
        with self._lock:
            if not self._samples or at - self._samples[-1].at >= MIN_INTERVAL:
                self._samples.append(Sample(at, value))
            return tuple(self._samples)
