"""A value for each process, made by one thread."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from moziweb.storage.fork_local import PerProcess


def test_many_threads_get_one_value() -> None:
    meeting = threading.Barrier(8)

    def make() -> object:
        time.sleep(0.05)  # a client takes longer
        return object()

    value = PerProcess(make)

    def use(_: int) -> object:
        meeting.wait()
        return value()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(use, range(8))) == set(value.made())


def test_nothing_is_made_before_it_is_used() -> None:
    value = PerProcess(object)
    assert value.made() == ()
    made = value()
    assert value.made() == (made,)


def test_a_failed_attempt_is_made_again() -> None:
    attempts = iter([ValueError, int])
    value = PerProcess(lambda: next(attempts)("1"))
    try:
        value()
    except ValueError:
        assert value() == 1


def test_a_forked_child_makes_its_own_even_while_the_parent_makes_one() -> None:
    held = threading.Event()
    release = threading.Event()
    values = iter(["parent's", "child's"])

    def make() -> str:
        if not held.is_set():
            held.set()
            release.wait()
        return next(values)

    value = PerProcess(make)
    maker = threading.Thread(target=value)
    maker.start()
    held.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(30)  # nobody would ever free the parent's lock here
        os._exit(0 if value() else 1)
    _, status = os.waitpid(child, 0)
    release.set()
    maker.join()
    assert status == 0
    assert value() == "parent's"


def test_a_forked_child_forgets_what_the_parent_made() -> None:
    value = PerProcess(os.getpid)
    assert value() == os.getpid()
    child = os.fork()
    if child == 0:
        os._exit(0 if value() == os.getpid() else 1)
    assert os.waitpid(child, 0)[1] == 0
