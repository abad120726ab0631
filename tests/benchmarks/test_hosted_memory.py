"""The descendants of a process, whose memory and processor time are added up."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.hosted_memory import descendants
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
        os.kill(below, 9)
    monkeypatch.setattr(Path, "is_dir", lambda _: True)  # it ends after it was looked for
    assert list(descendants(process.pid)) == []
