"""One value per process, made by one thread."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from moziweb.storage.fork_local import ForkLocal


def test_threads_share_one_value() -> None:
    barrier = threading.Barrier(8)

    def make() -> object:
        time.sleep(0.05)  # a client takes longer
        return object()

    value = ForkLocal(make)

    def use(_: int) -> object:
        barrier.wait()
        return value()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(use, range(8))) == set(value.made())


def test_value_is_made_at_its_first_use() -> None:
    value = ForkLocal(object)
    assert value.made() == ()
    made = value()
    assert value.made() == (made,)


def test_failed_creation_is_tried_again() -> None:
    attempts = iter([ValueError, int])
    value = ForkLocal(lambda: next(attempts)("1"))
    try:
        value()
    except ValueError:
        assert value() == 1


def test_forked_child_makes_its_own_value_while_the_parent_makes_one() -> None:
    held = threading.Event()
    release = threading.Event()
    values = iter(["parent's", "child's"])

    def make() -> str:
        if not held.is_set():
            held.set()
            release.wait()
        return next(values)

    value = ForkLocal(make)
    maker = threading.Thread(target=value)
    maker.start()
    held.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(30)  # here no thread would release the parent's lock
        os._exit(0 if value() else 1)
    _, status = os.waitpid(child, 0)
    release.set()
    maker.join()
    assert status == 0
    assert value() == "parent's"


def test_forked_child_does_not_use_the_parents_value() -> None:
    value = ForkLocal(os.getpid)
    assert value() == os.getpid()
    child = os.fork()
    if child == 0:
        os._exit(0 if value() == os.getpid() else 1)
    assert os.waitpid(child, 0)[1] == 0
