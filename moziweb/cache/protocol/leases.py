"""Leases: one renderer per key, across processes, and no key locked for ever.

dogpile's own memcached lock is not enough for pages: its time-out is for ever unless set, its first
wait is at least 0.4 s (20 readers of a 250 ms creator: median 0.62 s), and whoever comes late
releases the lock of its next owner. A lease has a token, a life, short polls and a deadline:

* ``add`` of a token takes it; the life ends it when its owner has died;
* only the owner's token releases it, by compare-and-swap to a word (memcached has no
  compare-and-delete) that the next one swaps for a token of its own;
* a store that does not answer grants every lease: rendering twice beats not answering.

A lease saves work. No correctness rests on it.
"""

import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ..errors import StoreError
from .store import AtomicStore

_FREE: Final = b"free"
_UNGUARDED: Final = b"unguarded"


@dataclass(frozen=True, slots=True)
class LeaseOptions:
    """How leases are held and waited for, in seconds.

    ``life`` is for how long a lease holds without its owner's release: above the longest render.
    ``wait`` is the deadline of those who wait, ``poll`` the time between two looks.
    """

    ttl: float = 10.0
    wait: float = 5.0
    poll: float = 0.01


class Leases:
    """The leases of one region, kept in ``cells``, which must reach as far as its entries do."""

    def __init__(
        self,
        cells: AtomicStore,
        terms: LeaseOptions,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.options = terms
        self._store = cells
        self._sleep = sleep
        self._clock = clock

    def try_acquire(self, key: str) -> bytes | None:
        """Try to take the lease on ``key`` once: a token for ``release``, or None if it is held."""
        token = secrets.token_hex(8).encode()
        name = _name(key)
        try:
            if self._store.add(name, token, self.options.ttl):
                return token
            held = self._store.gets(name)
            if held is None or held[0] != _FREE:
                return None
            return token if self._store.cas(name, token, held[1], self.options.ttl) else None
        except StoreError:
            return _UNGUARDED

    def release(self, key: str, token: bytes) -> None:
        """Give the lease back, if it is still the one that ``token`` was taken with."""
        if token == _UNGUARDED:
            return
        name = _name(key)
        try:
            held = self._store.gets(name)
            if held is not None and held[0] == token:
                self._store.cas(name, _FREE, held[1], self.options.ttl)
        except StoreError:
            return  # Its life ends it.

    def is_locked(self, key: str) -> bool:
        """Whether someone holds the lease on ``key``."""
        try:
            value = self._store.get(_name(key))
        except StoreError:
            return False
        return value is not None and value != _FREE

    def wait(self, key: str, seconds: float | None = None) -> bytes | None:
        """Take the lease, waiting for it until the deadline; None when that passes.

        The deadline is that of ``terms`` unless ``seconds`` are given.
        """
        deadline = self._clock() + (self.options.wait if seconds is None else seconds)
        while (token := self.try_acquire(key)) is None and self._clock() < deadline:
            self.pause()
        return token

    def pause(self) -> None:
        """One poll's rest, a little uneven so that waiters do not march in step."""
        self._sleep(self.options.poll * random.uniform(0.5, 1.5))  # noqa: S311 - not a secret

    def deadline(self) -> float:
        """When a wait that begins now ends, on the clock that ``expired`` reads."""
        return self._clock() + self.options.wait

    def expired(self, deadline: float) -> bool:
        """Whether a deadline has passed."""
        return self._clock() >= deadline


def _name(key: str) -> str:
    return f"{key}_lock"
