"""Values that each process must make for itself, such as clients with connections."""

import os
import threading
import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class ForkLocal(Generic[T]):
    """A value that is made once per process, at its first use.

    Call it for the value. A forked child makes its own: with its parent's boto3 client it would
    write to the parent's connections. One thread makes it, since threads may share a client but
    not its creation (boto3's guide, "Multithreading or multiprocessing with clients").
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: list[T] = []
        _instances.add(self)

    def __call__(self) -> T:
        """The value of this process, made at the first call."""
        made = self._made
        if not made:
            with self._lock:
                if not made:
                    made.append(self._make())
        return made[0]

    def made(self) -> tuple[T, ...]:
        """Return the value in a tuple, or an empty tuple if it has not been made."""
        return tuple(self._made)

    def forget(self) -> None:
        """Drop the value, and the lock: the thread that holds it may not exist in this process."""
        self._lock = threading.Lock()
        self._made = []


_instances: weakref.WeakSet["ForkLocal[Any]"] = weakref.WeakSet()


def _forget_all() -> None:
    for value in _instances:
        value.forget()


os.register_at_fork(after_in_child=_forget_all)
