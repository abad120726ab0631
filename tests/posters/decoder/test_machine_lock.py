"""Processes take turns."""

import errno
import fcntl
import logging
import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from functools import partial
from importlib import import_module
from pathlib import Path
from threading import Event, Thread
from time import sleep

import pytest

from moziweb.posters.decoder.machine_lock import _log_missing_lock, machine_lock
from moziweb.posters.imaging.errors import ImageRejected
from tests.services.process import child
from tests.threads import wait_until

HOLDER = """\
import time
from moziweb.posters.decoder.machine_lock import machine_lock
with machine_lock():
    print("held", flush=True)
    time.sleep(60)
"""


TAKER = """\
import sys
from moziweb.posters.decoder.machine_lock import machine_lock
with machine_lock():
    print(sys.argv[1], flush=True)
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


def test_who_waits_is_next() -> None:
    """Not a holder that takes the lock again as soon as it has released it."""
    stopping, turns = Event(), [0]

    def repeat() -> None:
        while not stopping.is_set():
            with machine_lock():
                turns[0] += 1
                sleep(0.02)

    def give_up() -> None:
        assert turns[0] < 100

    repeating = Thread(target=repeat)
    repeating.start()
    try:
        wait_until(lambda: turns[0] > 0)
        with machine_lock(give_up):
            pass
    finally:
        stopping.set()
        repeating.join()


def test_threads_take_turns_in_the_order_in_which_they_came() -> None:
    module = import_module(machine_lock.__module__)
    turns: list[int] = []

    def is_queued(number: int) -> bool:
        return bool(module._threads.queued == number)

    def take(number: int) -> None:
        with machine_lock():
            turns.append(number)

    threads = [Thread(target=take, args=(number,)) for number in range(8)]
    with machine_lock():
        for number, thread in enumerate(threads, 1):
            thread.start()
            wait_until(partial(is_queued, number))
    for thread in threads:
        thread.join()
    assert turns == list(range(8))


def test_processes_take_turns_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    turns = tmp_path / "turns"
    with ExitStack() as stack, turns.open("a") as out:
        with machine_lock():
            places = Path(import_module(machine_lock.__module__).__file__ or "").parents[:3]
            children = []
            for place in places:
                command = [sys.executable, "-c", TAKER, place.name]
                children.append(stack.enter_context(child(command, stdout=out)))
                wait_until(partial(is_locked, place))
        with machine_lock():  # after those that wait, not before
            assert turns.read_text().split() == [each.name for each in places]
        assert [each.wait() for each in children] == [0, 0, 0]


def is_locked(path: Path) -> bool:
    """Whether a process waits there. It is locked for a moment if none does."""
    file = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def test_error_of_a_wait_ends_it() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with machine_lock(), pytest.raises(ZeroDivisionError), machine_lock(fail):
        raise AssertionError


def test_wait_for_a_stopped_holder_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """The job fails for now; the next one succeeds when the holder goes on."""
    monkeypatch.setattr(import_module(machine_lock.__module__), "_MOST_WAITS", 2)
    waits = []
    with child([sys.executable, "-c", HOLDER], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        process.send_signal(signal.SIGSTOP)
        with pytest.raises(ImageRejected) as failed, machine_lock(lambda: waits.append(1)):
            raise AssertionError
        assert failed.value.detail.startswith("it has waited 2 s for the lock of ")
        assert (failed.value.permanent, len(waits)) == (False, 1)
        process.kill()
        process.wait()
    with machine_lock():
        pass


@pytest.mark.parametrize("number", [errno.EBADF, errno.ENOLCK])
def test_file_system_without_locks_is_logged_once(
    number: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """On NFS, only a file that is open for writing can be locked, or none."""

    def refuse(_file: int, _operation: int) -> None:
        raise OSError(number, "cannot be locked")

    monkeypatch.setattr(fcntl, "flock", refuse)
    _log_missing_lock.cache_clear()
    entered = 0
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            with machine_lock():
                entered += 1
    assert (entered, len(caplog.messages)) == (2, 1)
    assert "without a lock" in caplog.text
