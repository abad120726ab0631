"""Leases: one render per key at a time, across processes.

dogpile's memcached lock is not enough for pages: it has no time-out unless one is set, its first
wait is at least 0.4 s (20 readers of a 250 ms creator: median 0.62 s), and a late owner releases
the lock of the next one. A lease has a token, a TTL, short polls and a deadline:

* ``add`` of a token takes the lease; the TTL ends it if its owner has died;
* only the owner's token releases it, by compare-and-swap to a marker (memcached has no
  compare-and-delete) that the next owner swaps for its own token;
* if the store does not answer, every lease is granted: rendering twice is better than an error.

Leases save work; correctness does not depend on them.
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
    """Times of leases, in seconds.

    ``ttl`` ends a lease that is not released: above the longest render. ``wait`` is how long others
    wait at most, ``poll`` the interval between two tries.
    """

    ttl: float = 10.0
    wait: float = 5.0
    poll: float = 0.01


@dataclass(slots=True)
class Leases:
    """The leases of one region. Processes that share its entries must share ``store``."""

    store: AtomicStore
    options: LeaseOptions
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def try_acquire(self, key: str) -> bytes | None:
        """Try once to take the lease on ``key``; return a token for ``release``, or None."""
        token = secrets.token_hex(8).encode()
        name = _name(key)
        try:
            if self.store.add(name, token, self.options.ttl):
                return token
            held = self.store.gets(name)
            if held is None or held[0] != _FREE:
                return None
            return token if self.store.cas(name, token, held[1], self.options.ttl) else None
        except StoreError:
            return _UNGUARDED

    def release(self, key: str, token: bytes) -> None:
        """Release the lease, if it is still the one of ``token``."""
        if token == _UNGUARDED:
            return
        name = _name(key)
        try:
            held = self.store.gets(name)
            if held is not None and held[0] == token:
                self.store.cas(name, _FREE, held[1], self.options.ttl)
        except StoreError:
            return  # its TTL ends it

    def is_locked(self, key: str) -> bool:
        """Return whether the lease on ``key`` is taken."""
        try:
            value = self.store.get(_name(key))
        except StoreError:
            return False
        return value is not None and value != _FREE

    def wait(self, key: str, seconds: float | None = None) -> bytes | None:
        """Take the lease, waiting up to ``seconds`` (default ``options.wait``), or return None."""
        deadline = self.clock() + (self.options.wait if seconds is None else seconds)
        while (token := self.try_acquire(key)) is None and self.clock() < deadline:
            self.pause()
        return token

    def pause(self) -> None:
        """Sleep for one poll interval, with jitter."""
        self.sleep(self.options.poll * random.uniform(0.5, 1.5))  # noqa: S311 - not a secret

    def deadline(self) -> float:
        """Return the end of a wait that begins now, for ``expired``."""
        return self.clock() + self.options.wait

    def expired(self, deadline: float) -> bool:
        """Return whether a deadline has passed."""
        return self.clock() >= deadline


def _name(key: str) -> str:
    return f"{key}_lock"
