"""What the kernel knows of a child, and waiting for what it does."""

import time
from collections.abc import Callable
from pathlib import Path

from moziweb.posters.decoder import DecoderPool

PATIENCE = 20.0
"""Seconds; a niced child on a busy machine needs some of them to start."""


def is_running(pid: int) -> bool:
    """Whether there is such a process, and it is more than a corpse that nobody has buried."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait for it; fail when it does not come."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


def only_child(workshop: DecoderPool) -> int:
    """The pid of a workshop's one child."""
    (pid,) = workshop.pids
    return pid


def status(pid: int, field: str) -> int:
    """A number of ``/proc/pid/status``; kB where it is memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    raise LookupError(field)


def limit(pid: int, name: str) -> tuple[str, str]:
    """Soft and hard limit of a process, as ``/proc/pid/limits`` spells them."""
    for line in Path(f"/proc/{pid}/limits").read_text().splitlines():
        if line.startswith(name):
            soft, hard, *_ = line.removeprefix(name).split()
            return soft, hard
    raise LookupError(name)
