"""Helpers for tests of child processes: state, limits, and waiting for a condition."""

from pathlib import Path

from moziweb.posters.decoder import DecoderPool

PATIENCE = 20.0
"""Seconds; a niced child starts slowly on a busy machine."""


def is_running(pid: int) -> bool:
    """Whether the process exists and is not a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def pids(pool: DecoderPool) -> frozenset[int]:
    """The process ids of a pool's children."""
    with pool._lock:
        return frozenset(child.pid for child in pool._children.all)


def only_child(pool: DecoderPool) -> int:
    """The process id of a pool's only child."""
    (pid,) = pids(pool)
    return pid


def is_full(pool: DecoderPool) -> bool:
    """Whether all children of a pool are busy."""
    if pool._slots.acquire(blocking=False):
        pool._slots.release()
        return False
    return True


def status(pid: int, field: str) -> int:
    """A number from ``/proc/pid/status``; memory is in kB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    raise LookupError(field)


def limit(pid: int, name: str) -> tuple[str, str]:
    """Soft and hard limit of a process, as in ``/proc/pid/limits``."""
    for line in Path(f"/proc/{pid}/limits").read_text().splitlines():
        if line.startswith(name):
            soft, hard, *_ = line.removeprefix(name).split()
            return soft, hard
    raise LookupError(name)
