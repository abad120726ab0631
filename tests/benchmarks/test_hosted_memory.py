"""The descendants of a process, whose memory and processor time are added up."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.hosted_memory import descendants, pss_of_descendants
from tests.services.process import child


def test_descendants_are_found_and_a_process_that_has_ended_has_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    grandchild = "import time; print(flush=True); time.sleep(60)"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {grandchild!r}])"
    with child([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        (below,) = descendants(process.pid)
        assert {process.pid, below} <= set(descendants(os.getpid()))
        assert pss_of_descendants(process.pid) > 1
        os.kill(below, 9)
    monkeypatch.setattr(Path, "is_dir", lambda _: True)  # it ends after it was looked for
    assert list(descendants(process.pid)) == []


def test_memory_of_a_process_that_is_being_started_is_not_counted_twice() -> None:
    program = "import os, time; os.fork(); print(flush=True); time.sleep(60)"
    with child([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert len(list(descendants(process.pid))) == 1
        assert pss_of_descendants(process.pid) == 0
