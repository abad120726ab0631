"""Runs modules of this package in other processes of the interpreter; imports no other module."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from typing import Final

IDLE: Final = 20
"""A niceness above the kernel's maximum (19): selects the SCHED_IDLE policy."""

_KEPT_VARIABLES: Final = ("PATH", "LD_LIBRARY_PATH", "LANG")
"""The environment variables that a child inherits; others may contain passwords."""


_GROUP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def signals_blocked() -> Iterator[None]:
    """Start a child in this block if it ignores SIGINT and SIGTERM: they are blocked in it.

    Terminals, Heroku and systemd send them to all processes, perhaps before the child ignores them.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _GROUP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def child_command(module: str, *arguments: str) -> list[str]:
    """The command that runs one of our modules."""
    return [sys.executable, "-I", "-m", module, *arguments]


def child_environment() -> dict[str, str]:
    """The environment of a child."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    # One arena per thread would reserve 64 MB each of the limited address space. Memory that was
    # freed goes back to the system: an idle decoder takes 26 MiB instead of 31.
    return {**kept, "MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": str(128 * 1024)}


def lower_priority(niceness: int) -> None:
    """Add to the niceness of this process; with ``IDLE`` also set the SCHED_IDLE policy.

    A niced process that has just slept may keep a core for a few milliseconds when another process
    wakes up; a SCHED_IDLE process yields at once.
    """
    if niceness == IDLE:
        with contextlib.suppress(OSError):  # not in every container
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    os.nice(niceness)  # the kernel reduces values above 19
