"""Ctrl-C and SIGTERM: finish what is begun, begin nothing more. Ctrl-Z: stand still after that."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopFlag(threading.Event):
    """Set by the first signal; ``signum`` says by which."""

    signum: int | None = None

    def exit_status(self, otherwise: int) -> int:
        """128 + the signal's number, as shells have it, or ``otherwise`` without one."""
        return otherwise if self.signum is None else 128 + self.signum


@contextmanager
def stopping() -> Iterator[StopFlag]:
    """A ``StopFlag`` that signals set within the block; the second signal ends the process."""
    stop = StopFlag()

    def heed(signum: int, frame: FrameType | None) -> None:
        signal.signal(signum, signal.SIG_DFL)
        stop.signum = signum
        stop.set()
        click.echo("Finishing what is begun; once more to end at once.", err=True)

    before = {signum: signal.signal(signum, heed) for signum in _SIGNALS}
    try:
        yield stop
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


class PauseFlag(threading.Event):
    """Set by Ctrl-Z. A process that the shell had stopped in mid-work would lose its leases."""

    def pause(self) -> None:
        """Stop as Ctrl-Z does; ``fg``, ``bg`` or SIGCONT goes on."""
        self.clear()
        click.echo("Paused; nothing is half done.", err=True)
        os.kill(os.getpid(), signal.SIGSTOP)


@contextmanager
def pausing() -> Iterator[PauseFlag]:
    """A ``PauseFlag`` that Ctrl-Z (SIGTSTP) sets for the length of a block."""
    pause = PauseFlag()
    before = signal.signal(signal.SIGTSTP, lambda *_: pause.set())
    try:
        yield pause
    finally:
        signal.signal(signal.SIGTSTP, before)
