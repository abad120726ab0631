"""Maps a function over many items in threads, a bounded number at a time."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class PauseCondition(Protocol):
    """Pauses `bounded_map`: running work is finished, none is started."""

    def is_paused(self) -> bool:
        """Whether no work may be started now."""

    def wait(self) -> None:
        """Wait until work may be started; called when nothing is running."""


def bounded_map(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    jobs: int,
    stop: threading.Event,
    pause: PauseCondition | None = None,
) -> Iterator[Result]:
    """Yield the results of ``work`` on each item as they come, ``jobs`` items at a time.

    Items are taken as threads become free. Once ``stop`` is set, or during a ``pause``, none
    is started; those that are running are finished.
    """
    remaining = iter(items)
    with ThreadPoolExecutor(jobs) as pool:
        running: set[Future[Result]] = set()
        while True:
            is_paused = pause is not None and pause.is_paused()
            free = 0 if is_paused or stop.is_set() else jobs - len(running)
            running |= {pool.submit(work, item) for item in islice(remaining, free)}
            if running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
            elif pause is None or not is_paused or stop.is_set():
                return
            else:
                pause.wait()
