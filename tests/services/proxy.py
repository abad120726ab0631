"""A TCP proxy between a client and a server that fails on demand."""

import contextlib
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from .ports import HOST

_CHUNK = 65_536


class FlakyProxy:
    """Forwards connections to ``127.0.0.1:target`` and closes the first ``cut`` of them.

    ``connections`` counts all connections, ``requests`` holds all bytes from clients. A context
    manager.
    """

    def __init__(self, target: int, cut: int = 0) -> None:
        self.target = target
        self.cut = cut
        self.connections = 0
        self.requests = b""
        self._listener = socket.create_server((HOST, 0))
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        self._run(self._accept)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end([self._listener], self._threads[:1])
        self._end(self._open, self._threads[1:])

    def fail(self) -> None:
        """Close all connections, and each new one until ``cut`` is changed."""
        self.cut = 1_000_000_000
        for end in list(self._open):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _end(self, ends: list[socket.socket], threads: list[threading.Thread]) -> None:
        # Shutting a socket down wakes the thread that waits on it; closing it does not.
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()
        for end in ends:
            end.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                if self.connections <= self.cut:
                    client.close()
                else:
                    self._join(client)

    def _join(self, client: socket.socket) -> None:
        server = socket.create_connection((HOST, self.target))
        self._open += [client, server]
        self._run(self._listen_in, client, server)
        self._run(self._pump, server, client)

    def _run(self, work: Callable[..., None], *ends: socket.socket) -> None:
        thread = threading.Thread(target=work, args=ends, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _listen_in(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(_CHUNK):
                self.requests += data
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
