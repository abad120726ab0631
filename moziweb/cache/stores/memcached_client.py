"""memcached, spoken to in one place.

pylibmc (libmemcached in C) is the fastest client there is for CPython, and a sharp one. What this
module knows about it, each point found in a run against a real server, pylibmc 1.6.3:

* A client shared by threads aborts the process: every thread has a clone of its own, and so has
  every forked child, or two processes would read each other's answers from one socket.
* Keys are not validated by default: a space desynchronises the connection, so that one key returns
  another's value, and CRLF injects commands. ``verify_keys`` is on and cannot be turned off; but
  ``set`` and ``add`` then only answer False for such a key, so writes check theirs here.
* An empty value reads as None: here it counts as missing, and nobody writes one.
* A frozen server makes ``get`` wait five seconds, then return None as if the key was missing. Only
  ``_poll_timeout`` shortens that, and only the clock on the wall tells it from a miss. Writes that
  time out do raise.
* A read on a connection that was just cut may answer as if nothing was there, at once. So a missing
  value is never taken for a fact: whoever builds on it confirms it with a write, which raises.
* It unpickles whatever carries the flag for it, which is code execution for whoever can write to
  the port. Here only plain bytes (flags 0) are read; anything else is as good as missing.
* A relative time over 30 days is taken for a date in 1970: stored, and gone at once.
* ``set_multi`` returns the keys that failed, and says so in no other way; after a value that is too
  big it skips the rest. ``no_block``, ``buffer_requests`` and ``noreply`` would acknowledge writes
  that never happened, and ``remove_failed`` without ``dead_timeout`` never takes a server back.
"""

import math
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Self, TypeVar

import pylibmc

from ..errors import (
    ConfigurationError,
    KeyRefusedError,
    StoreError,
    StoreUnreachableError,
    ValueTooBigError,
)
from .circuit_breaker import CircuitBreaker

T = TypeVar("T")

RELATIVE_LIMIT: Final = 30 * 24 * 3600
"""Seconds; above it memcached reads an expiry as a moment in Unix time."""

MAX_KEY: Final = 250
"""Bytes."""

DEFAULT_BEHAVIORS: Final[Mapping[str, int | str]] = {
    "ketama": 1,
    "tcp_nodelay": 1,
    "connect_timeout": 200,
    "_poll_timeout": 200,
    "retry_timeout": 1,
}
"""Time-outs in milliseconds, ``retry_timeout`` in seconds; each may be set from the ini file."""

REQUIRED_BEHAVIORS: Final[Mapping[str, int]] = {"verify_keys": 1, "cas": 1}

FORBIDDEN_BEHAVIORS: Final = frozenset(
    {"no_block", "buffer_requests", "_noreply", "remove_failed", "auto_eject"}
)
"""Behaviours that lose acknowledged writes or never heal (see the module's text)."""

_POISON: Final = object()

_CIRCUIT_OPEN: Final = "memcached hung a moment ago and is left alone"
_TIMED_OUT: Final = "no answer from memcached within its time-out"


class _BytesClient(pylibmc.Client):
    """A client that reads plain bytes only."""

    def deserialize(self, value: bytes, flags: int) -> object:
        """Plain bytes as they are; a pickle, a number or a text of another client as poison."""
        return value if flags == 0 else _POISON


def expiry(ttl: float, now: float) -> int:
    """What memcached is told for "gone in ``ttl`` seconds", at Unix time ``now``; 0 is never."""
    seconds = math.ceil(ttl)
    return int(now) + seconds if seconds > RELATIVE_LIMIT else seconds


def behaviors(extra: Mapping[str, int | str]) -> dict[str, int | str]:
    """The behaviours of a client: our defaults, then ``extra``, then what is not negotiable."""
    refused = FORBIDDEN_BEHAVIORS.intersection(extra)
    if refused:
        names = ", ".join(sorted(refused))
        raise ConfigurationError(f"memcached behaviour {names}: loses writes, so it stays unset")
    chosen: dict[str, int | str] = {**DEFAULT_BEHAVIORS, **extra, **REQUIRED_BEHAVIORS}
    timeout = chosen["_poll_timeout"]
    if not isinstance(timeout, int) or timeout <= 0:
        raise ConfigurationError("memcached behaviour _poll_timeout: expected milliseconds above 0")
    return chosen


class MemcachedClient:
    """Bytes in a ring of memcached servers, from any thread; drivers' errors stay inside.

    Every method raises ``StoreUnreachableError`` when a server it needs does not answer in time,
    ``KeyRefusedError`` for a key that cannot be sent, ``ValueTooBigError`` for a value too long.
    """

    def __init__(
        self,
        servers: Sequence[str],
        *,
        behaviors_extra: Mapping[str, int | str] | None = None,
        breaker: CircuitBreaker | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """``servers`` are ``host:port`` texts; ``now`` is Unix time, for long expiries."""
        chosen = behaviors(behaviors_extra or {})
        self._servers = tuple(servers)
        self._behaviors = chosen
        self._slow = 0.9 * float(chosen["_poll_timeout"]) / 1000
        try:
            self._master = _BytesClient(list(servers), behaviors=chosen)
        except (pylibmc.Error, ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(f"memcached {', '.join(servers)}: {error}") from error
        self._local = threading.local()
        self._breaker = breaker or CircuitBreaker()
        self._now = now

    @classmethod
    def from_url(cls, url: str) -> Self:
        """From ``memcached://host:port``."""
        return cls([url.removeprefix("memcached://").rstrip("/")])

    def get(self, key: str) -> bytes | None:
        """The value, or None when there is none (or one that is not plain bytes)."""
        value = self._call(lambda client: client.get(key), lambda found: found is None)
        return value if isinstance(value, bytes) else None

    def get_multi(self, keys: Iterable[str]) -> dict[str, bytes]:
        """What is there of ``keys``, in one round trip per server."""
        wanted = list(keys)
        if not wanted:
            return {}
        found = self._call(
            lambda client: client.get_multi(wanted), lambda found: len(found) < len(wanted)
        )
        return {key: value for key, value in found.items() if isinstance(value, bytes)}

    def gets(self, key: str) -> tuple[bytes, int] | None:
        """The value and its compare-and-swap token, or None. A poisoned value reads as empty."""
        # pylibmc 1.6.3 drops its own bytes of a text key before it asks, without the interpreter
        # lock: another thread may write over them, and one key answers for another. Bytes that
        # are held here stay what they are.
        wire = key.encode()
        value, token = self._call(lambda client: client.gets(wire), lambda found: found[0] is None)
        if value is None:
            return None
        return (value if isinstance(value, bytes) else b""), token

    def set(self, key: str, value: bytes, ttl: float = 0) -> None:
        """Store ``value`` for ``ttl`` seconds, 0 for as long as there is room."""
        _check_key(key)
        until = expiry(ttl, self._now())
        if not self._call(lambda client: client.set(key, value, until)):
            raise StoreError(f"not stored: {key}")

    def set_multi(self, values: Mapping[str, bytes], ttl: float = 0) -> None:
        """Store all of ``values``; ``StoreError`` unless every one was acknowledged."""
        if not values:
            return
        for key in values:
            _check_key(key)
        until = expiry(ttl, self._now())
        failed = self._call(lambda client: client.set_multi(values, until))
        if failed:
            raise StoreError(f"not stored: {len(failed)} of {len(values)} values")

    def add(self, key: str, value: bytes, ttl: float = 0) -> bool:
        """Store where nothing is stored; whether it was."""
        _check_key(key)
        until = expiry(ttl, self._now())
        return self._call(lambda client: client.add(key, value, until))

    def cas(self, key: str, value: bytes, token: int, ttl: float = 0) -> bool:
        """Store if the value is still the one that ``gets`` returned ``token`` with."""
        until = expiry(ttl, self._now())
        try:
            return self._call(lambda client: client.cas(key, value, token, until))
        except _MissingError:
            return False

    def incr(self, key: str) -> int | None:
        """Add one to a decimal number and return it; None when there is none."""
        try:
            return self._call(lambda client: client.incr(key))
        except _MissingError:
            return None

    def delete(self, key: str) -> None:
        """Remove; a missing key is fine."""
        self._call(lambda client: client.delete(key))

    def statistics(self) -> dict[str, dict[str, str]]:
        """What each server tells of itself, by its address; one that is away tells nothing.

        Each is asked by a client of its own: a client of a ring tells nothing at all when one of
        its servers is away.
        """
        return {server: self._statistics(server) for server in self._servers}

    def _statistics(self, server: str) -> dict[str, str]:
        try:
            ((_, told),) = _BytesClient([server], behaviors=self._behaviors).get_stats()
        except pylibmc.Error:
            return {}
        return {_text(name): _text(value) for name, value in told.items()}

    def _call(
        self,
        action: Callable[[pylibmc.Client], T],
        lacking: Callable[[T], bool] = lambda found: False,
    ) -> T:
        """Run ``action`` on this thread's client. Where ``lacking``, a slow answer is none."""
        if not self._breaker.allow_request():
            raise StoreUnreachableError(_CIRCUIT_OPEN)
        began = time.monotonic()
        try:
            found = action(self._client())
        except (pylibmc.Error, ValueError) as error:
            self._note_failure(time.monotonic() - began)
            raise _translated(error) from error
        if lacking(found) and time.monotonic() - began >= self._slow:
            self._breaker.trip()
            raise StoreUnreachableError(_TIMED_OUT)
        self._breaker.reset()
        return found

    def _note_failure(self, elapsed: float) -> None:
        if elapsed >= self._slow:
            self._breaker.trip()

    def _client(self) -> pylibmc.Client:
        local = self._local
        if getattr(local, "pid", None) != os.getpid():
            local.client = self._master.clone()
            local.pid = os.getpid()
        client: pylibmc.Client = local.client
        return client


class _MissingError(StoreError):
    """The key is not there: the driver's way of answering ``incr`` and ``cas``."""


def _text(value: bytes | str) -> str:
    return value.decode("ascii", "replace") if isinstance(value, bytes) else value


def is_plain_key(key: str) -> bool:
    """Whether memcached's text protocol can carry a key."""
    return 0 < len(key) <= MAX_KEY and key.isascii() and key.isprintable() and " " not in key


def _check_key(key: str) -> None:
    if not is_plain_key(key):
        raise KeyRefusedError(f"not a key for memcached: {key[:80]!r}")


def _translated(error: Exception) -> StoreError:
    """The error of ours that says what a driver's error means."""
    if isinstance(error, pylibmc.NotFound):
        return _MissingError(str(error))
    if isinstance(error, pylibmc.TooBig):
        return ValueTooBigError("over memcached's limit for one value")
    if isinstance(error, pylibmc.BadKeyProvided | ValueError):
        return KeyRefusedError(str(error))
    return StoreUnreachableError(f"{type(error).__name__}: {error}")
