"""Bytes are held, waited for in turn, and given back."""

import threading

import pytest

from moziweb.posters.decoder import MemoryBudget
from tests.posters.decoder.children import wait_until


def test_bytes_are_held_and_given_back() -> None:
    budget = MemoryBudget(100)
    with budget.hold(60), budget.hold(40):
        assert budget.free == 0
    assert budget.free == 100


def test_bytes_are_given_back_after_an_error() -> None:
    budget = MemoryBudget(100)
    with pytest.raises(ZeroDivisionError), budget.hold(60):
        raise ZeroDivisionError
    assert budget.free == 100


def test_what_weighs_more_than_all_is_let_in_alone() -> None:
    budget = MemoryBudget(100)
    with budget.hold(10_000):
        assert budget.free == 0
    assert budget.free == 100


class Holder(threading.Thread):
    """Holds some bytes until it is told to let go."""

    def __init__(self, budget: MemoryBudget, weight: int) -> None:
        super().__init__()
        self._budget, self._weight = budget, weight
        self.holds, self.let_go = threading.Event(), threading.Event()

    def run(self) -> None:
        with self._budget.hold(self._weight):
            self.holds.set()
            self.let_go.wait()


def test_a_large_picture_is_not_starved_by_small_ones() -> None:
    budget = MemoryBudget(100)
    first, large, small = Holder(budget, 50), Holder(budget, 90), Holder(budget, 10)
    first.start()
    assert first.holds.wait(5)
    large.start()
    wait_until(lambda: budget.queued == 1)
    small.start()
    wait_until(lambda: budget.queued == 2)
    assert not small.holds.is_set(), "it would fit, but it came later"
    first.let_go.set()
    assert large.holds.wait(5)
    assert small.holds.wait(5)
    for holder in (large, small):
        holder.let_go.set()
    for holder in (first, large, small):
        holder.join()
    assert budget.free == 100


def test_who_waits_can_do_something_and_give_up() -> None:
    budget, calls = MemoryBudget(100), iter((None, ZeroDivisionError()))

    def waiting() -> None:
        if error := next(calls):
            raise error

    with budget.hold(100):
        with pytest.raises(ZeroDivisionError), budget.hold(1, waiting):
            pass
        assert budget.queued == 0
    assert budget.free == 100
