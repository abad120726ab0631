"""Processes of the machine take turns."""

import subprocess
import sys
from threading import Event, Thread

import pytest

from moziweb.posters.decoder.machine_lock import machine_lock
from tests.services.process import child
from tests.threads import wait_until

HOLDER = """\
import time
from moziweb.posters.decoder.machine_lock import machine_lock
with machine_lock():
    print("held", flush=True)
    time.sleep(60)
"""


def test_lock_of_a_killed_process_is_free() -> None:
    with child([sys.executable, "-c", HOLDER], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        waits, acquired = Event(), Event()

        def wait() -> None:
            with machine_lock(waits.set):
                acquired.set()

        waiting = Thread(target=wait)
        waiting.start()
        assert waits.wait(20)
        assert not acquired.is_set()
        process.kill()
        wait_until(acquired.is_set)
        waiting.join()


def test_error_of_a_wait_ends_it() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with machine_lock(), pytest.raises(ZeroDivisionError), machine_lock(fail):
        raise AssertionError
