"""The memcached client, over pylibmc (libmemcached in C). No other module imports pylibmc.

Properties of pylibmc 1.6.3 that this module works around, each seen in a run against a real server:

* A client shared by threads aborts the process. So every thread and every forked child has its own
  clone; two processes on one socket would read each other's answers.
* Keys are not validated by default: a space desynchronises the connection, so that one key returns
  another's value, and CRLF injects commands. ``verify_keys`` is on and cannot be turned off; but
  ``set`` and ``add`` then only return False for such a key, so writes check their keys here.
* An empty value reads as None. It counts as missing; no caller writes one.
* With a frozen server ``get`` waits five seconds, then returns None as for a miss. Only
  ``_poll_timeout`` shortens that, and only the elapsed time distinguishes it from a miss. Writes
  that time out do raise.
* A read on a connection that was just cut may return a miss at once. So callers must not rely on a
  miss; they confirm it with a write, which raises.
* After a server has healed, each client meets its own cut connection, and then does not use the
  server for one to two seconds. So a call that may be repeated is, once, on a new client.
* It unpickles values that carry the flag for it: code execution by anyone who can write to the
  port. Here only plain bytes (flags 0) are read; other values count as missing.
* A relative expiry over 30 days is read as a date in 1970: stored, and gone at once.
* SASL needs the binary protocol, in which keys have a length: ``verify_keys`` is refused there. The
  wheel of pylibmc finds the mechanism PLAIN only in the folder that the variable SASL_PATH names.
* ``set_multi`` reports failed keys only in its return value; after a value that is too big it skips
  the rest. ``no_block``, ``buffer_requests`` and ``noreply`` would acknowledge writes that never
  happened, and ``remove_failed`` without ``dead_timeout`` never takes a server back.
"""

import math
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import pylibmc

from moziweb.logs.outage import outage_of

from ..errors import (
    ConfigurationError,
    KeyRefusedError,
    StoreError,
    StoreUnreachableError,
    ValueTooBigError,
)
from .circuit_breaker import Breaker, CircuitBreaker, ProbedCircuitBreaker

T = TypeVar("T")

RELATIVE_LIMIT: Final = 30 * 24 * 3600
"""Seconds; memcached reads a larger expiry as Unix time."""

MAX_KEY: Final = 250
"""Bytes."""

RECONNECT_SECONDS: Final = 0.1
"""How long a thread keeps a new client before it replaces it; one server of a ring may be down."""

DEFAULT_BEHAVIORS: Final[Mapping[str, int | str]] = {
    "ketama": 1,
    "tcp_nodelay": 1,
    "connect_timeout": 200,
    "_poll_timeout": 200,
    "retry_timeout": 1,
}
"""Time-outs in milliseconds, ``retry_timeout`` in seconds; the ini file may set each."""

REQUIRED_BEHAVIORS: Final[Mapping[str, int]] = {"verify_keys": 1, "cas": 1}

FORBIDDEN_BEHAVIORS: Final = frozenset(
    {"no_block", "buffer_requests", "_noreply", "remove_failed", "auto_eject"}
)
"""Behaviours that lose acknowledged writes or never take a server back (see above)."""

_NOT_BYTES: Final = object()
_DISCONNECTED: Final = (pylibmc.ConnectionError, pylibmc.ServerDown, pylibmc.ServerDead)
_CUT: Final = (*_DISCONNECTED, pylibmc.Failure)
"""How a call on a connection that was cut fails; ``get_multi`` raises the general error."""

_CIRCUIT_OPEN: Final = "memcached timed out a moment ago; the circuit breaker is open"
_TIMED_OUT: Final = "no answer from memcached within its time-out"


_SASL_FAILURE: Final = "FAILED TO SEND AUTHENTICATION"
_SASL_HINT: Final = (
    "; set SASL_PATH to the folder of libplain.so (Debian: /usr/lib/*/sasl2 of libsasl2-modules)"
)


class _BytesClient(pylibmc.Client):
    """A client that reads plain bytes only."""

    def deserialize(self, value: bytes, flags: int) -> object:
        """Return plain bytes; ``_NOT_BYTES`` for a pickle, a number or a text."""
        return value if flags == 0 else _NOT_BYTES


def expiry(ttl: float, now: float) -> int:
    """Return memcached's expiry for a life of ``ttl`` seconds from Unix time ``now``; 0 is none."""
    seconds = math.ceil(ttl)
    return int(now) + seconds if seconds > RELATIVE_LIMIT else seconds


@dataclass(frozen=True, slots=True)
class Credentials:
    """User and password for SASL; without a user there is no authentication."""

    username: str = ""
    password: str = field(default="", repr=False)

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of pylibmc's client."""
        if not self.username:
            return {}
        return {"binary": True, "username": self.username, "password": self.password}


def behaviors(extra: Mapping[str, int | str], *, binary: bool = False) -> dict[str, int | str]:
    """Return the behaviours of a client: the defaults, ``extra``, and the required ones.

    ``binary`` is for the binary protocol. Raises ``ConfigurationError`` for a forbidden behaviour.
    """
    refused = FORBIDDEN_BEHAVIORS.intersection(extra)
    if refused:
        names = ", ".join(sorted(refused))
        raise ConfigurationError(f"memcached behaviour {names}: loses writes; remove it")
    chosen: dict[str, int | str] = {**DEFAULT_BEHAVIORS, **extra, **REQUIRED_BEHAVIORS}
    if binary:
        del chosen["verify_keys"]
    timeout = chosen["_poll_timeout"]
    if not isinstance(timeout, int) or timeout <= 0:
        raise ConfigurationError("memcached behaviour _poll_timeout: expected milliseconds above 0")
    return chosen


class MemcachedClient:
    """A ring of memcached servers, usable from any thread.

    Methods raise ``StoreUnreachableError`` if a server does not answer in time, ``KeyRefusedError``
    for a key that cannot be sent, ``ValueTooBigError`` for a value over the limit.
    """

    def __init__(
        self,
        servers: Sequence[str],
        *,
        behaviors_extra: Mapping[str, int | str] | None = None,
        credentials: Credentials | None = None,
        prefix: str = "",
        breaker: Breaker | None = None,
        probed: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        """``servers`` are ``host:port`` texts; ``now`` is Unix time, for long expiries.

        ``prefix`` is put before every key, so that two sites can share a server. ``probed`` is for
        a single server: after a failure a thread probes it, and all threads connect again. Without
        it, a call waits for a server that hangs once a second, and libmemcached does not use a
        server for one to two seconds after a failure.
        """
        self._login = (credentials or Credentials()).arguments()
        chosen = behaviors(behaviors_extra or {}, binary=bool(self._login))
        self._servers = tuple(servers)
        self._behaviors = chosen
        self._prefix = prefix
        self._slow = 0.9 * float(chosen["_poll_timeout"]) / 1000
        try:
            self._master = self._new_client(servers)
        except (pylibmc.Error, ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(f"memcached {', '.join(servers)}: {error}") from error
        self._local = threading.local()
        self._probed = probed
        self._connection_set = 0
        default = ProbedCircuitBreaker(self._answers) if probed else CircuitBreaker()
        self._breaker: Breaker = breaker or default
        self._now = now
        self._outage = outage_of(f"memcached {', '.join(servers)}")

    def start_probe_thread(self) -> None:
        """Start the thread that probes a ``probed`` server, so that no call has to start it."""
        if isinstance(self._breaker, ProbedCircuitBreaker):
            self._breaker.start()

    def get(self, key: str) -> bytes | None:
        """Return the value, or None if there is none or it is not plain bytes."""
        name = self._prefix + key
        value = self._call(
            lambda client: client.get(name), lambda found: found is None, repeatable=True
        )
        return value if isinstance(value, bytes) else None

    def get_multi(self, keys: Iterable[str]) -> dict[str, bytes]:
        """Return the values of those ``keys`` that exist, in one round trip per server."""
        wanted = [self._prefix + key for key in keys]
        if not wanted:
            return {}
        found = self._call(
            lambda client: client.get_multi(wanted),
            lambda found: len(found) < len(wanted),
            repeatable=True,
        )
        skip = len(self._prefix)
        return {key[skip:]: value for key, value in found.items() if isinstance(value, bytes)}

    def gets(self, key: str) -> tuple[bytes, int] | None:
        """Return the value and its compare-and-swap token, or None.

        A value that is not plain bytes is returned as empty, so that it can be replaced.
        """
        # pylibmc 1.6.3 frees its bytes of a text key before it sends them, without the interpreter
        # lock: another thread may overwrite them, and one key returns another's value. These bytes
        # are kept until the call returns.
        wire = (self._prefix + key).encode()
        value, token = self._call(
            lambda client: client.gets(wire), lambda found: found[0] is None, repeatable=True
        )
        if value is None:
            return None
        return (value if isinstance(value, bytes) else b""), token

    def set(self, key: str, value: bytes, ttl: float = 0) -> None:
        """Store ``value`` for ``ttl`` seconds; 0 keeps it until it is evicted."""
        name = self._checked(key)
        until = expiry(ttl, self._now())
        if not self._write(lambda client: client.set(name, value, until)):
            raise StoreError(f"not stored: {key}")

    def set_multi(self, values: Mapping[str, bytes], ttl: float = 0) -> None:
        """Store all; raise ``StoreError`` unless every one was acknowledged."""
        if not values:
            return
        by_name = {self._checked(key): value for key, value in values.items()}
        until = expiry(ttl, self._now())
        failed = self._write(lambda client: client.set_multi(by_name, until))
        if failed:
            raise StoreError(f"not stored: {len(failed)} of {len(values)} values")

    def add(self, key: str, value: bytes, ttl: float = 0) -> bool:
        """Store if there is no value; return whether it was stored."""
        name = self._checked(key)
        until = expiry(ttl, self._now())
        return self._call(lambda client: client.add(name, value, until))

    def cas(self, key: str, value: bytes, token: int, ttl: float = 0) -> bool:
        """Store if unchanged since ``gets`` returned ``token``; return whether it was stored."""
        name, until = self._prefix + key, expiry(ttl, self._now())
        try:
            return self._call(lambda client: client.cas(name, value, token, until))
        except _MissingError:
            return False

    def incr(self, key: str) -> int | None:
        """Add one to a decimal number and return the sum; None if there is no value."""
        try:
            return self._call(lambda client: client.incr(self._prefix + key))
        except _MissingError:
            return None

    def delete(self, key: str) -> None:
        """Delete the value, if there is one."""
        self._write(lambda client: client.delete(self._prefix + key))

    def check(self) -> None:
        """Raise ``StoreUnreachableError`` unless each server answers a new client now."""
        for server in self._servers:
            try:
                self._new_client([server]).delete(f"{self._prefix}probe")
            except pylibmc.Error as error:
                raise StoreUnreachableError(f"{server}: {_translated(error)}") from error

    def statistics(self) -> dict[str, dict[str, str]]:
        """Return each server's counters, by address; empty for one that does not answer.

        Each is asked by its own client: a client of a ring returns nothing if one server is down.
        """
        return {server: self._statistics(server) for server in self._servers}

    def _statistics(self, server: str) -> dict[str, str]:
        try:
            ((_, counters),) = self._new_client([server]).get_stats()
        except pylibmc.Error:
            return {}
        return {_text(name): _text(value) for name, value in counters.items()}

    def _write(self, action: Callable[[pylibmc.Client], T]) -> T:
        """Run a write of entries, which may be repeated: its result does not depend on the value.

        On a server of stamps it may not: it could overwrite what another process wrote in between.
        """
        return self._call(action, repeatable=not self._probed)

    def _call(
        self,
        action: Callable[[pylibmc.Client], T],
        is_miss: Callable[[T], bool] = lambda found: False,
        *,
        repeatable: bool = False,
    ) -> T:
        """Run ``action`` on this thread's client. A slow miss counts as a time-out.

        A ``repeatable`` one is run once more, on a new client, if the connection was cut.
        """
        if not self._breaker.allow_request():
            self._outage.failed(_CIRCUIT_OPEN)
            raise StoreUnreachableError(_CIRCUIT_OPEN)
        began = time.monotonic()
        try:
            try:
                found = action(self._client())
            except _CUT:
                if not repeatable or self._is_slow(began) or not self._replace_client():
                    raise
                found = action(self._client())
        except (pylibmc.Error, ValueError) as error:
            if self._is_slow(began) or (self._probed and isinstance(error, _DISCONNECTED)):
                self._trip()
            translated = _translated(error)
            if isinstance(translated, StoreUnreachableError):
                self._outage.failed(translated)
            raise translated from error
        if is_miss(found) and self._is_slow(began):
            self._trip()
            self._outage.failed(_TIMED_OUT)
            raise StoreUnreachableError(_TIMED_OUT)
        self._breaker.reset()
        if self._outage.is_active:
            self._outage.worked()
        return found

    def _is_slow(self, began: float) -> bool:
        return time.monotonic() - began >= self._slow

    def _trip(self) -> None:
        if self._probed:
            self._connection_set += 1
        self._breaker.trip()

    def _answers(self) -> bool:
        """Whether the server answers a new client.

        By a write: a read of a server that is down may return a miss at once.
        """
        try:
            self._master.clone().delete(f"{self._prefix}probe")
        except pylibmc.Error:
            return False
        return True

    def _checked(self, key: str) -> str:
        """Return the key with the prefix; raise ``KeyRefusedError`` if it cannot be sent."""
        name = self._prefix + key
        if not is_plain_key(name):
            raise KeyRefusedError(f"not a key for memcached: {name[:80]!r}")
        return name

    def _new_client(self, servers: Sequence[str]) -> _BytesClient:
        return _BytesClient(list(servers), behaviors=self._behaviors, **self._login)

    def _client(self) -> pylibmc.Client:
        local, wanted = self._local, (os.getpid(), self._connection_set)
        if getattr(local, "connected_in", None) != wanted:
            local.client = self._master.clone()
            local.connected_in = wanted
            local.connected_at = time.monotonic()
        client: pylibmc.Client = local.client
        return client

    def _replace_client(self) -> bool:
        """Have this thread connect again; return whether it may, because its client is not new."""
        if time.monotonic() - self._local.connected_at < RECONNECT_SECONDS:
            return False
        self._local.connected_in = None
        return True


class _MissingError(StoreError):
    """The key does not exist: how the driver reports it for ``incr`` and ``cas``."""


def _text(value: bytes | str) -> str:
    return value.decode("ascii", "replace") if isinstance(value, bytes) else value


def is_plain_key(key: str) -> bool:
    """Return whether memcached's text protocol can carry a key."""
    return 0 < len(key) <= MAX_KEY and key.isascii() and key.isprintable() and " " not in key


def _translated(error: Exception) -> StoreError:
    """Map an exception of the driver to a ``StoreError``."""
    if isinstance(error, pylibmc.NotFound):
        return _MissingError(str(error))
    if isinstance(error, pylibmc.TooBig):
        return ValueTooBigError("over memcached's limit for one value")
    if isinstance(error, pylibmc.BadKeyProvided | ValueError):
        return KeyRefusedError(str(error))
    hint = _SASL_HINT if _SASL_FAILURE in str(error) else ""
    return StoreUnreachableError(f"{type(error).__name__}: {error}{hint}")
