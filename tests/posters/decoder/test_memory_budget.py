"""Bytes are reserved in turn and released."""

import threading

import pytest

from moziweb.posters.decoder import MemoryBudget
from tests.threads import wait_until


def test_bytes_are_reserved_and_released() -> None:
    budget = MemoryBudget(100)
    with budget.reserve(60), budget.reserve(40):
        assert budget.free == 0
    assert budget.free == 100


def test_bytes_are_released_after_an_error() -> None:
    budget = MemoryBudget(100)
    with pytest.raises(ZeroDivisionError), budget.reserve(60):
        raise ZeroDivisionError
    assert budget.free == 100


def test_size_above_the_total_reserves_everything() -> None:
    budget = MemoryBudget(100)
    with budget.reserve(10_000):
        assert budget.free == 0
    assert budget.free == 100


class Holder(threading.Thread):
    """Reserves bytes until ``release`` is set."""

    def __init__(self, budget: MemoryBudget, size: int) -> None:
        super().__init__()
        self._budget, self._size = budget, size
        self.holds, self.release = threading.Event(), threading.Event()

    def run(self) -> None:
        with self._budget.reserve(self._size):
            self.holds.set()
            self.release.wait()


def test_large_image_is_not_starved_by_small_ones() -> None:
    budget = MemoryBudget(100)
    first, large, small = Holder(budget, 50), Holder(budget, 90), Holder(budget, 10)
    first.start()
    assert first.holds.wait(5)
    large.start()
    wait_until(lambda: budget.queued == 1)
    small.start()
    wait_until(lambda: budget.queued == 2)
    assert not small.holds.is_set(), "it would fit, but it came later"
    first.release.set()
    assert large.holds.wait(5)
    assert small.holds.wait(5)
    for holder in (large, small):
        holder.release.set()
    for holder in (first, large, small):
        holder.join()
    assert budget.free == 100


def test_exception_in_on_wait_ends_the_wait() -> None:
    budget, calls = MemoryBudget(100), iter((None, ZeroDivisionError()))

    def on_wait() -> None:
        if error := next(calls):
            raise error

    with budget.reserve(100):
        with pytest.raises(ZeroDivisionError), budget.reserve(1, on_wait):
            pass
        assert budget.queued == 0
    assert budget.free == 100
