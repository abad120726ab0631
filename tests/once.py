"""What the first worker makes, and all workers of a run read."""

import fcntl
from collections.abc import Callable
from pathlib import Path

Once = Callable[[str, Callable[[Path], object]], Path]
"""``once(name, make)`` returns the path of a file or folder, which ``make(path)`` creates."""


def once_in(folder: Path) -> Once:
    """Makes each file once in a folder that processes share; the others wait for it."""

    def once(name: str, make: Callable[[Path], object]) -> Path:
        path = folder / name
        with (folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                unfinished = path.with_name(f"new-{name}")
                make(unfinished)
                unfinished.rename(path)
        return path

    return once
