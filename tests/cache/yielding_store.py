"""A store that returns to the scheduler of ``world.py`` before each operation."""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum, auto

from moziweb.cache.protocol.store import AtomicStore

LOG = "log:"


class RecordFault(StrEnum):
    """What happens to a record of the invalidation log."""

    NONE = auto()
    LOST = auto()
    """Its writer ends before it is written."""
    EVICTED = auto()
    """The store loses it later."""
    DELAYED = auto()
    """It is written later, as a store does that has not answered in time."""


@dataclass
class RecordFaults:
    """Random faults of the records; ``seen`` counts them.

    Each operation on the store takes ``seconds``, so that missing records are given up, but no
    lease ends.
    """

    chance: random.Random
    seconds: float = 0.005
    seen: Counter[RecordFault] = field(default_factory=Counter)
    operations: int = 0
    due: list[tuple[int, Callable[[], None]]] = field(default_factory=list)

    def next(self) -> RecordFault:
        """Return what happens to the next record."""
        fault: RecordFault = self.chance.choice((RecordFault.NONE, *RecordFault))
        self.seen[fault] += 1
        return fault

    def later(self, act: Callable[[], None]) -> None:
        """Call ``act`` after some operations."""
        self.due.append((self.operations + self.chance.randrange(1, 60), act))

    def count_operation(self) -> None:
        """Do what is due before an operation."""
        self.operations += 1
        ready = [act for at, act in self.due if at <= self.operations]
        self.due = [(at, act) for at, act in self.due if at > self.operations]
        for act in ready:
            act()


class YieldingStore:
    """``store``, with a pause before each operation, and with faults of the log's records."""

    def __init__(
        self,
        store: AtomicStore,
        pause: Callable[[str], None],
        faults: RecordFaults | None = None,
    ) -> None:
        self._store = store
        self._pause_before = pause
        self._faults = faults
        self._names: set[str] = set()
        self.keeps_log = True
        """Whether it keeps records of the invalidation log; a former version writes none."""

    def _pause(self, operation: str) -> None:
        self._pause_before(operation)
        if self._faults is not None:
            self._faults.count_operation()

    def get(self, name: str) -> bytes | None:
        self._pause("get")
        return self._store.get(name)

    def get_multi(self, names: Iterable[str]) -> dict[str, bytes]:
        self._pause("get_multi")
        return self._store.get_multi(names)

    def gets(self, name: str) -> tuple[bytes, int] | None:
        self._pause("gets")
        return self._store.gets(name)

    def cas(self, name: str, value: bytes, token: int, ttl: float = 0) -> bool:
        self._pause("cas")
        return self._store.cas(name, value, token, ttl)

    def add(self, name: str, value: bytes, ttl: float = 0) -> bool:
        self._pause("add")
        self._names.add(name)
        return self._store.add(name, value, ttl)

    def set_multi(self, values: Mapping[str, bytes], ttl: float = 0) -> None:
        for name, value in values.items():
            if name.startswith(LOG) and not self.keeps_log:
                continue
            self._pause("set")
            self._names.add(name)
            self._set(name, value, ttl)

    def incr(self, name: str) -> int | None:
        self._pause("incr")
        return self._store.incr(name)

    def delete(self, name: str) -> None:
        self._pause("delete")
        self._store.delete(name)

    def evict(self, name: str) -> None:
        """Lose a value, as memcached may at any time."""
        self._store.delete(name)

    def names(self) -> list[str]:
        """The names that exist."""
        return sorted(self._store.get_multi(sorted(self._names)))

    def _set(self, name: str, value: bytes, ttl: float) -> None:
        faults = self._faults
        fault = RecordFault.NONE
        if faults is not None and name.startswith(LOG):
            fault = faults.next()
        if fault is RecordFault.LOST:
            return
        if faults is not None and fault is RecordFault.DELAYED:
            faults.later(lambda: self._store.set_multi({name: value}, ttl))
            return
        self._store.set_multi({name: value}, ttl)
        if faults is not None and fault is RecordFault.EVICTED:
            faults.later(lambda: self._store.delete(name))
