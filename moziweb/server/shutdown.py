"""Shutdown of the server on SIGTERM without losing a request.

1. Draining (``server.drain_seconds``): requests are accepted and answered as before, but
   ``/__lbheartbeat__`` is 503, and each response closes its connection. The load balancer chooses
   other processes.
2. Closing (at most ``server.shutdown_timeout``): connections that the kernel has accepted are
   taken over, then the server stops listening. It ends when the requests are answered.

SIGINT skips the first phase, and so does a second signal. The next signal ends the server at once.
"""

import logging
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, MutableMapping
from enum import Enum, auto
from types import FrameType
from typing import Any, Final

from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer
from waitress.wasyncore import dispatcher

QUIET_SECONDS: Final = 1.0
"""How long a connection without a request stays open while the server closes. Its client may have
sent a request, or be about to."""

_KEY: Final = -2
"""Key of the shutdown in the loop's map of sockets, whose keys are numbers from 0."""

_log: Final = logging.getLogger(__name__)


class _Phase(Enum):
    SERVING = auto()
    DRAINING = auto()
    CLOSING = auto()


class GracefulShutdown:
    """The shutdown of the servers of one loop.

    It is in the loop's map of sockets but has none: the loop calls ``readable`` before it waits for
    the next events.
    """

    accepting = False

    def __init__(
        self,
        drain_seconds: float,
        timeout: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._drain_seconds = drain_seconds
        self._timeout = timeout
        self._clock = clock
        self._phase = _Phase.SERVING
        self._phase_began = 0.0
        self._requested: int | None = None
        self._wake: Callable[[], None] = lambda: None
        self._sockets: MutableMapping[int, Any] = {}
        self._listening: list[BaseWSGIServer] = []
        self._dispatchers: set[Any] = set()

    @property
    def is_stopping(self) -> bool:
        """Whether the end was requested."""
        return self._requested is not None

    def install(self, sockets: MutableMapping[int, Any]) -> None:
        """Put this into the map of ``waitress.create_server``, before the loop runs.

        As its first entry: a server that it closes is not given to ``select()`` any more.
        """
        self._listening = [each for each in sockets.values() if isinstance(each, BaseWSGIServer)]
        self._dispatchers = {server.task_dispatcher for server in self._listening}
        self._wake = self._listening[0].pull_trigger
        entries = dict(sockets)
        sockets.clear()
        sockets[_KEY] = self
        sockets.update(entries)
        self._sockets = sockets

    def handle_signals(self) -> None:
        """Shut down on SIGTERM and SIGINT; only possible in the main thread.

        Under ``pserve --reload`` the reloader passes SIGTERM on to the process that serves.
        """
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._handle)
            signal.signal(signal.SIGINT, self._handle)

    def request(self, signum: int = signal.SIGTERM) -> None:
        """Begin the shutdown; SIGINT ends the draining. For any thread, and signal handlers."""
        self._requested = signum
        self._wake()

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        if self._phase is _Phase.CLOSING:
            sys.exit(0)  # waitress finishes the running requests for 5 s at most
        self.request(signal.SIGINT if self.is_stopping else signum)

    def readable(self) -> bool:
        """Do the next step; raises ``SystemExit``, which ends the loop, when all is done."""
        if self._phase is _Phase.SERVING and self.is_stopping:
            drains = self._requested == signal.SIGTERM and self._drain_seconds > 0
            self._enter(_Phase.DRAINING if drains else _Phase.CLOSING)
        if self._phase is _Phase.DRAINING and (
            self._requested == signal.SIGINT or self._elapsed() >= self._drain_seconds
        ):
            self._enter(_Phase.CLOSING)
        if self._phase is _Phase.CLOSING:
            self._close()
        return False

    def writable(self) -> bool:
        """Never."""
        return False

    def close(self) -> None:
        """Called when the loop ends."""

    def _enter(self, phase: _Phase) -> None:
        self._phase, self._phase_began = phase, self._clock()

    def _elapsed(self) -> float:
        return self._clock() - self._phase_began

    def _close(self) -> None:
        self._stop_listening()
        channels = [each for each in self._sockets.values() if isinstance(each, HTTPChannel)]
        if self._elapsed() >= QUIET_SECONDS:
            quiet_since = time.time() - QUIET_SECONDS
            for channel in channels:
                if channel.last_activity < quiet_since and _is_idle(channel):
                    channel.will_close = True  # the loop closes it in this iteration
        if not (self._listening or channels or self._has_tasks()):
            sys.exit(0)
        if self._elapsed() >= self._timeout:
            self._give_up(channels)

    def _stop_listening(self) -> None:
        """Close the servers without a waiting connection; the loop accepts one per iteration."""
        for server in list(self._listening):
            if self._elapsed() >= QUIET_SECONDS or not _has_data(server.socket):
                self._listening.remove(server)
                dispatcher.close(server)  # the server's own closes the trigger of the threads, too

    def _has_tasks(self) -> bool:
        """Whether a thread works, perhaps for a client that has closed its connection."""
        return any(threads.queue or threads.active_count > 0 for threads in self._dispatchers)

    def _give_up(self, channels: list[HTTPChannel]) -> None:
        _log.warning(
            "%d connections still have a request or a response after server.shutdown_timeout = "
            "%g s; the server ends",
            len(channels),
            self._timeout,
        )
        for threads in self._dispatchers:
            threads.shutdown(timeout=0)
            # Else waitress would wait for them for another 5 s, or start others in their place.
            with threads.lock:
                threads.threads.clear()
                threads.stop_count = 0
        sys.exit(0)


def _is_idle(channel: Any) -> bool:
    """Whether a connection has no request, and none has arrived at the socket."""
    return not (
        channel.requests
        or channel.request
        or channel.total_outbufs_len
        or channel.has_unparsed
        or _has_data(channel.socket)
    )


def _has_data(readable: socket.socket | None) -> bool:
    """Whether data, a connection or the end of the stream waits at a socket."""
    if readable is None:  # closed
        return False
    poll = select.poll()
    poll.register(readable, select.POLLIN)
    return bool(poll.poll(0))
