"""A line: one socket to one memcached that asks for one short value at a time.

The clock is read at every request, and that read is most of what a hit costs. libmemcached polls
around each of its calls; here the kernel itself keeps the time-out (``SO_RCVTIMEO``), so a read is
one ``send`` and one ``recv``. To one thread that saves a fifth to a half of the processor time;
where many threads compete for the interpreter it saves nothing: it is for the server's loop.

It is strict, for a wrong clock would serve a stale page: whatever is not the whole answer to the
very question ends the line. So does a time-out, or the late answer would be taken for the next.
"""

import socket
import struct
from typing import Final

from ..errors import StoreError

PORT: Final = "11211"
"""memcached's, where none is given."""

_MOST: Final = 1024
"""Bytes of an answer; a longer one is no short value."""

_END: Final = b"END\r\n"
_AFTER: Final = b"\r\n" + _END


class ClockSocketError(StoreError):
    """The line is of no more use: cut, or answered with something else."""


class ClockSocket:
    """A connection of one thread. After any exception it is closed and must not be used again."""

    def __init__(self, server: str, connect_timeout: float, timeout: float) -> None:
        """``server`` is ``host:port`` or the path of a socket; time-outs are in seconds.

        Raises ``TimeoutError`` where nothing answers, another ``OSError`` where it is refused.
        """
        self._socket = _connected(server, connect_timeout)
        self._socket.settimeout(None)
        limit = struct.pack("@ll", int(timeout), int(timeout % 1 * 1_000_000))
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            self._socket.setsockopt(socket.SOL_SOCKET, option, limit)

    def get(self, key: bytes) -> bytes | None:
        """The value at ``key``, None where there is none or one that is not plain bytes.

        Raises ``TimeoutError`` when the server hangs, ``ClockSocketError`` for everything else.
        """
        try:
            self._socket.send(b"get %b\r\n" % key)
            answer = more = self._socket.recv(_MOST)
            while more and not answer.endswith(_END) and len(answer) < _MOST:
                more = self._socket.recv(_MOST)
                answer += more
            return _value(answer, key)
        except BlockingIOError as error:  # how the kernel's time-out is told
            self.close()
            raise TimeoutError("memcached hangs") from error
        except OSError as error:
            self.close()
            raise ClockSocketError(str(error)) from error
        except ClockSocketError:
            self.close()
            raise

    def __del__(self) -> None:
        """A thread that ends leaves no connection behind."""
        if hasattr(self, "_socket"):
            self.close()

    def close(self) -> None:
        """End it."""
        self._socket.close()


def _connected(server: str, timeout: float) -> socket.socket:
    if server.startswith("/"):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(timeout)
        try:
            connection.connect(server)
        except OSError:
            connection.close()
            raise
        return connection
    host, colon, port = server.rpartition(":")
    if not colon:
        host, port = port, PORT
    if not port.isdigit():
        raise ClockSocketError(f"no port in {server}")
    connection = socket.create_connection((host.strip("[]"), int(port)), timeout)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _value(answer: bytes, key: bytes) -> bytes | None:
    """What an answer holds: ``VALUE key flags size``, the value, ``END``, each with its CRLF."""
    if answer == _END:
        return None
    head, _, rest = answer.partition(b"\r\n")
    words = head.split(b" ")
    if (
        len(words) != 4
        or words[:2] != [b"VALUE", key]
        or b"%d" % (len(rest) - len(_AFTER)) != words[3]
    ):
        raise ClockSocketError("memcached's answer is cut short, or to another question")
    return rest[: -len(_AFTER)] if words[2] == b"0" else None
