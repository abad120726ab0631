"""Values that each process has to make for itself, once."""

import os
import threading
import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class PerProcess(Generic[T]):
    """A value made at its first use in a process, by one thread, and forgotten by forked children.

    Calling it answers the value. A child that kept its parent's boto3 client would write on the
    parent's connections; and while clients may be shared by threads, making one may not
    (boto3's guide, "Multithreading or multiprocessing with clients").
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: list[T] = []
        _everywhere.add(self)

    def __call__(self) -> T:
        made = self._made
        if not made:
            with self._lock:
                if not made:
                    made.append(self._make())
        return made[0]

    def made(self) -> tuple[T, ...]:
        """The value if it has been made, else nothing."""
        return tuple(self._made)

    def forget(self) -> None:
        """Start afresh. The lock too: a thread that held it may not exist in this process."""
        self._lock = threading.Lock()
        self._made = []


_everywhere: weakref.WeakSet["PerProcess[Any]"] = weakref.WeakSet()


def _forget_all() -> None:
    for value in _everywhere:
        value.forget()


os.register_at_fork(after_in_child=_forget_all)
