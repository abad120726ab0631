"""The parts of the benchmark of the most expensive requests."""

import os
import subprocess
import sys
import time

from benchmarks.expensive_requests import FINALISTS, SAMPLES, cpu_of_children, sample
from tests.services.process import child


def test_cpu_time_of_children_is_counted() -> None:
    before = cpu_of_children(os.getpid())
    program = "sum(range(10**7)); print(flush=True); input()"
    command = [sys.executable, "-c", program]
    with child(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        spent = cpu_of_children(os.getpid()) - before
    assert 0.01 < spent < time.process_time() + 60


def test_searches_are_never_left_out() -> None:
    searches = [f"/search?q={number}" for number in range(100)]
    assert sample(searches) == searches
    movies = [f"/movie/{number}" for number in range(100)]
    assert FINALISTS < len(sample(movies)) <= 2 * SAMPLES
    assert sample(movies)[0] == movies[0]
