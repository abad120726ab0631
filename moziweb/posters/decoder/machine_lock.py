"""A lock between processes: they decode one image at a time, large ones or all."""

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Final

from ..imaging.errors import ImageRejected, RejectCode
from .memory_budget import WAIT_INTERVAL_SECONDS, MemoryBudget, OnWait, no_op

log = logging.getLogger(__name__)

_POLL_SECONDS: Final = 0.1

_MOST_WAITS: Final = 120
"""Waits of ``WAIT_INTERVAL_SECONDS`` after which a job ends; it is retried later."""

_PLACES: Final = (*reversed(Path(__file__).parents[:3]), Path(__file__))
"""A process that waits locks one of them after the other, the next before it leaves the last one,
so up to three stay in the order in which they came."""

_threads: Final = MemoryBudget(1)
"""The threads of a process wait in order."""


class DecodersBusy(ImageRejected):
    """Other processes decoded all the time: not a failure of the image."""


@contextmanager
def machine_lock(on_wait: OnWait = no_op) -> Iterator[None]:
    """Hold the lock in the ``with`` block; wait until it is free.

    It is a lock on this module's file, which the web processes and workers of one installation
    share, also with private temporary folders and without the right to write. Containers do not
    share it, because each has a file system of its own. The kernel releases it when the process
    ends. If the file system has no such locks, as some of NFS, only threads of one process wait.

    Threads of a process wait in order, and so do the processes, so one that has just released the
    lock does not take it again before those that wait.

    Raises ``DecodersBusy`` after two minutes: the image of a holder that is stopped (SIGSTOP, a
    frozen cgroup) takes memory as long as it is, and the threads of those that wait are needed for
    other requests and smaller images.
    """
    waits = count(1)

    def wait() -> None:
        if next(waits) >= _MOST_WAITS:
            detail = f"it has waited {_MOST_WAITS} s for the lock of {__file__}: others are decoded"
            raise DecodersBusy(RejectCode.DECODE_TIMEOUT, f"{detail}, or its holder is stopped")
        on_wait()

    with _threads.reserve(1, wait), ExitStack() as held:
        for path in _PLACES:
            with held.pop_all():
                held.enter_context(_locked(path, wait))
        yield


@contextmanager
def _locked(path: Path, on_wait: OnWait) -> Iterator[None]:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while not _try_acquire(file):
            on_wait()
        yield
    finally:
        os.close(file)


def _try_acquire(file: int) -> bool:
    """Wait at most ``WAIT_INTERVAL_SECONDS``; return whether the lock was acquired."""
    deadline = time.monotonic() + WAIT_INTERVAL_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_SECONDS)
        except OSError as error:
            _log_missing_lock(str(error))
            return True
        else:
            return True


@cache
def _log_missing_lock(error: str) -> None:
    """Log each error once."""
    log.warning("images are decoded without a lock: %s cannot be locked: %s", __file__, error)
