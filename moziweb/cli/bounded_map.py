"""A few of many things at a time, without queueing all of them first."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

from .signals import StopFlag

Thing = TypeVar("Thing")
Result = TypeVar("Result")


def bounded_map(
    work: Callable[[Thing], Result], things: Iterable[Thing], jobs: int, stop: StopFlag
) -> Iterator[Result]:
    """The results of ``work`` on each thing, as they come; ``jobs`` at a time.

    Things are taken as threads become free. Once ``stop`` is set no more is begun.
    """
    remaining = iter(things)
    with ThreadPoolExecutor(jobs) as pool:
        running: set[Future[Result]] = set()
        while True:
            free = 0 if stop.is_set() else jobs - len(running)
            running |= {pool.submit(work, thing) for thing in islice(remaining, free)}
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for each in done:
                yield each.result()
