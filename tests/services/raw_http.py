"""HTTP over a socket, byte by byte, and waitress in a thread of this process."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from waitress.channel import HTTPChannel

from .ports import HOST

PATIENCE = 10.0
WHOLE = re.compile(rb"HTTP/1\.[01] (\d+)[^\r]*\r\n((?:[^\r]+\r\n)*)\r\n")


@dataclass
class Client:
    """A raw HTTP client."""

    connection: socket.socket
    seen: bytes = b""

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        while (head := WHOLE.match(self.seen)) is None:
            self.more()
        lines = head[2].decode("latin-1").splitlines()
        headers = {name.lower(): value for name, value in (each.split(": ", 1) for each in lines)}
        size = int(headers.get("content-length", "0")) if head[1] not in (b"100", b"304") else 0
        while len(self.seen) < head.end() + size:
            self.more()
        body, self.seen = (
            self.seen[head.end() : head.end() + size],
            self.seen[head.end() + size :],
        )
        return int(head[1]), headers, body

    def is_closed(self) -> bool:
        """Whether the server closes the connection without another byte."""
        try:
            return self.seen == b"" and self.connection.recv(1) == b""
        except ConnectionResetError:
            return True

    def more(self) -> None:
        """Wait for the next bytes."""
        data = self.connection.recv(65_536)
        assert data, "the server closed the connection"
        self.seen += data


@contextmanager
def connected(port: int, buffer: int = 0) -> Iterator[Client]:
    """A connection; ``buffer`` limits the bytes that the kernel receives for it."""
    with socket.socket() as connection:
        if buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        connection.settimeout(PATIENCE)
        connection.connect((HOST, port))
        yield Client(connection)


@contextmanager
def running(server: Any, sockets: dict[int, Any]) -> Iterator[None]:
    """Run a server of waitress with its map of sockets in a thread; then close everything."""
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield
    finally:
        entries = list(sockets.values())
        server.trigger.pull_trigger(sockets.clear)  # the loop ends when it has no sockets
        thread.join(PATIENCE)
        server.task_dispatcher.shutdown()
        for each in entries:
            if isinstance(each, HTTPChannel):
                each.handle_close()  # closes its buffers, too
            else:
                each.close()
