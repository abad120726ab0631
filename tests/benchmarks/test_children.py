"""A child prepares once, works on request, and returns its own time and memory."""

import os
from functools import partial
from pathlib import Path

from benchmarks.children import Child, Work


def counting(log: Path) -> Work:
    """Work that records its process and a variable of its environment."""

    def work() -> None:
        with log.open("a") as notes:
            notes.write(f"{os.getpid()} {os.environ.get('CHILD_SETTING')}\n")

    return work


def allocating(size: int) -> Work:
    return lambda: bytes(b"x" * size)


def test_all_rounds_run_in_one_child(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with Child("counting", partial(counting, log), {"CHILD_SETTING": "here"}) as child:
        child.warm_up()
        child.run()
        child.run()
    notes = log.read_text().splitlines()
    assert len(notes) == 3
    assert len(set(notes)) == 1
    assert notes[0].endswith(" here")
    assert not notes[0].startswith(f"{os.getpid()} ")
    assert len(child.rounds) == 2
    assert min(child.wall_ms, child.idle_mib) > 0


def test_peak_is_that_of_the_work() -> None:
    with Child("allocating", partial(allocating, 64 * 2**20)) as child:
        child.run()
    assert child.peak_mib >= child.idle_mib + 60
