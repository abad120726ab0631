"""What the tests use of greenlet 3."""

from collections.abc import Callable

class greenlet:
    dead: bool
    def __init__(self, run: Callable[[], None], parent: greenlet | None = None) -> None: ...
    def switch(self) -> object: ...

def getcurrent() -> greenlet: ...
