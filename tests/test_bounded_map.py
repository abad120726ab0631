"""Work in threads, a bounded number at a time."""

import threading
from collections.abc import Iterator

import pytest

from moziweb.bounded_map import bounded_map


def test_every_item_gives_a_result() -> None:
    results = list(bounded_map(lambda item: item * 2, range(20), 3, threading.Event()))
    assert sorted(results) == [item * 2 for item in range(20)]


def test_items_are_taken_only_as_threads_become_free() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    results = bounded_map(lambda item: item, items(), 2, threading.Event())
    next(results)
    assert len(taken) <= 4, "two that were running and two that replaced them"
    results.close()  # type: ignore[attr-defined]


def test_at_most_jobs_run_at_once() -> None:
    lock, running, most = threading.Lock(), [0], [0]
    all_busy = threading.Barrier(3)

    def work(item: int) -> int:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        if item < 3:
            all_busy.wait(30)
        with lock:
            running[0] -= 1
        return item

    assert len(list(bounded_map(work, range(12), 3, threading.Event()))) == 12
    assert most == [3]


def test_stop_finishes_running_work_and_starts_none() -> None:
    stop = threading.Event()

    def work(item: int) -> int:
        stop.set()
        return item

    assert len(list(bounded_map(work, range(100), 2, stop))) <= 2


def test_exception_of_the_work_is_raised() -> None:
    def work(item: int) -> int:
        raise LookupError(item)

    with pytest.raises(LookupError, match="7"):
        list(bounded_map(work, [7], 2, threading.Event()))


class Pause:
    """Paused until ``wait`` is called, when nothing may run."""

    def __init__(self) -> None:
        self.paused = False
        self.running = 0
        self.waits: list[int] = []

    def is_paused(self) -> bool:
        return self.paused

    def wait(self) -> None:
        self.waits.append(self.running)
        self.paused = False


def test_pause_waits_until_running_work_is_finished() -> None:
    pause = Pause()

    def work(item: int) -> int:
        pause.running += 1
        pause.paused = pause.paused or item == 3
        pause.running -= 1
        return item

    results = list(bounded_map(work, range(10), 1, threading.Event(), pause))
    assert sorted(results) == list(range(10))
    assert pause.waits == [0]


def test_stop_during_a_pause_ends_the_map() -> None:
    stop, pause = threading.Event(), Pause()
    pause.paused = True
    stop.set()
    assert list(bounded_map(str, range(10), 1, stop, pause)) == []
    assert pause.waits == []
