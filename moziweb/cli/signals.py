"""Signals of long commands: Ctrl-C and SIGTERM stop after the current steps, Ctrl-Z pauses."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopFlag(threading.Event):
    """Set by the first signal, ``signum``."""

    signum: int | None = None

    def exit_status(self, otherwise: int) -> int:
        """Return 128 + ``signum``, as shells do, or ``otherwise`` without a signal."""
        return otherwise if self.signum is None else 128 + self.signum


@contextmanager
def stop_on_signal() -> Iterator[StopFlag]:
    """Return a flag that a signal sets during the block. A second signal ends the process."""
    stop = StopFlag()

    def handle(signum: int, frame: FrameType | None) -> None:
        signal.signal(signum, signal.SIG_DFL)
        stop.signum = signum
        stop.set()
        click.echo("Finishing the current steps; a second signal ends at once.", err=True)

    before = {signum: signal.signal(signum, handle) for signum in _SIGNALS}
    try:
        yield stop
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


class PauseFlag(threading.Event):
    """Set by Ctrl-Z. A process that the shell stops in the middle of work loses its leases."""

    def pause(self) -> None:
        """Stop the process, as Ctrl-Z does. ``fg``, ``bg`` or SIGCONT continues it."""
        self.clear()
        click.echo("Paused; no work is half done.", err=True)
        os.kill(os.getpid(), signal.SIGSTOP)


@contextmanager
def pause_on_ctrl_z() -> Iterator[PauseFlag]:
    """Return a flag that Ctrl-Z (SIGTSTP) sets during the block."""
    pause = PauseFlag()
    before = signal.signal(signal.SIGTSTP, lambda *_: pause.set())
    try:
        yield pause
    finally:
        signal.signal(signal.SIGTSTP, before)
