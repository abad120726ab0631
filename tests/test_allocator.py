"""Memory that was freed."""

import os
import re
import sys

import pytest

from tests.services.process import run

ARENAS = """
import ctypes, sys, threading
from moziweb.allocator import return_freed_memory

return_freed_memory(int(sys.argv[1]))
barrier = threading.Barrier(6)

def allocate():
    kept = [bytes(2000) for _ in range(100)]
    barrier.wait()

threads = [threading.Thread(target=allocate) for _ in range(6)]
for each in threads:
    each.start()
for each in threads:
    each.join()
ctypes.CDLL(None).malloc_stats()
"""

UPLOADS = """
import threading
from pathlib import Path
from moziweb.allocator import return_freed_memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

def upload():
    body = b"1" * 15_000_000

return_freed_memory(2)
before = resident()
for _ in range(3):
    thread = threading.Thread(target=upload)
    thread.start()
    thread.join()
print(resident() - before)
"""

PAGES = """
import resource
import brotli
from moziweb.allocator import return_freed_memory

return_freed_memory(2)
page = b"".join(b"<li>%d: %x</li>" % (number, hash(str(number))) for number in range(900))
brotli.compress(page, quality=5)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    brotli.compress(page, quality=5)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def environ() -> dict[str, str]:
    """Without the limit that `make test` sets."""
    return {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}


@pytest.mark.parametrize(("limit", "arenas"), [(1, 1), (2, 2), (0, 7)])
def test_threads_share_arenas(limit: int, arenas: int) -> None:
    """``malloc_stats`` lists the arenas; without a limit every thread has its own."""
    command = [sys.executable, "-W", "ignore", "-c", ARENAS, str(limit)]
    done = run(command, env=environ(), check=True)
    assert len(re.findall("^Arena", done.stderr, re.MULTILINE)) == arenas


def test_memory_of_uploads_is_returned() -> None:
    done = run([sys.executable, "-W", "ignore", "-c", UPLOADS], env=environ(), check=True)
    assert int(done.stdout) < 5_000_000


def test_compressing_pages_maps_no_memory() -> None:
    """Each mapped table of Brotli would cost some 250 page faults."""
    done = run([sys.executable, "-W", "ignore", "-c", PAGES], env=environ(), check=True)
    assert int(done.stdout) < 250
