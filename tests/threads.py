"""Waits for what runs in the background of a test: threads, children, conditions."""

import threading
import time
from collections.abc import Callable
from typing import Final

PATIENCE: Final = 20.0
"""Seconds until a wait fails."""


def join_threads(prefix: str) -> None:
    """Wait for all threads of this process whose names start with ``prefix``."""
    for thread in threading.enumerate():
        if thread.name.startswith(prefix):
            thread.join()


def wait_until(holds: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait until ``holds`` returns true; fail after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "the condition did not become true"
        time.sleep(0.01)
