"""The clock's own connection: strict about answers, and never one behind."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest

from moziweb.cache.errors import StoreUnreachableError
from moziweb.cache.stores.circuit_breaker import CircuitBreaker
from moziweb.cache.stores.memcached_client import MemcachedClient
from moziweb.cache.stores.memcached_clock_socket import ClockSocket, ClockSocketError
from tests.services.memcached import MemcachedServer

PATIENCE = 5.0


@contextmanager
def answering(*pieces: bytes, path: Path | None = None) -> Iterator[str]:
    """A server that reads one question and answers it with these packets, then hangs up."""
    with socket.socket(socket.AF_UNIX) if path else socket.socket() as listener:
        listener.bind(str(path) if path else ("127.0.0.1", 0))
        listener.listen()

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
                connection.recv(100)
                for piece in pieces:
                    connection.sendall(piece)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield str(path) if path else f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            thread.join(PATIENCE)


def test_an_answer_in_pieces() -> None:
    with answering(b"VALUE a 0 ", b"2\r\n12\r\n", b"END\r\n") as server:
        line = ClockSocket(server, PATIENCE, PATIENCE)
        assert line.get(b"a") == b"12"
        line.close()


def test_an_address_without_a_port() -> None:
    with pytest.raises(ClockSocketError):
        ClockSocket("[::1]", PATIENCE, PATIENCE)


def test_a_value_over_a_socket_in_a_folder(tmp_path: Path) -> None:
    with answering(b"VALUE a 0 2\r\n12\r\nEND\r\n", path=tmp_path / "socket") as server:
        line = ClockSocket(server, PATIENCE, PATIENCE)
        assert line.get(b"a") == b"12"
        line.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"VALUE a 0 2\r\n12\r\n",
        b"VALUE b 0 2\r\n12\r\nEND\r\n",
        b"VALUE a 0 3\r\n12\r\nEND\r\n",
        b"VALUE a 0 2\r\n12\r\nEND\r\nEND\r\n",
        b"VALUE a 0\r\n12\r\nEND\r\n",
        b"END\r\nEND\r\n",
        b"SERVER_ERROR busy\r\nEND\r\n",
        b"VALUE a 0 9000\r\n" + b"x" * 9000 + b"\r\nEND\r\n",
    ],
)
def test_what_is_not_the_whole_answer_ends_the_line(answer: bytes) -> None:
    with answering(answer) as server:
        line = ClockSocket(server, PATIENCE, PATIENCE)
        with pytest.raises(ClockSocketError):
            line.get(b"a")
        with pytest.raises(ClockSocketError):
            line.get(b"a")


def test_a_value_that_is_not_plain_bytes_is_none() -> None:
    with answering(b"VALUE a 1 2\r\n12\r\nEND\r\n") as server:
        line = ClockSocket(server, PATIENCE, PATIENCE)
        assert line.get(b"a") is None
        line.close()


class TestOnAServer:
    """Through the client, as the stamps use it."""

    @pytest.fixture
    def own_server(self) -> Iterator[MemcachedServer]:
        """One to kill and to freeze."""
        with MemcachedServer() as server:
            yield server

    def test_it_reads_what_is_there(self, memcached_server: MemcachedServer, prefix: str) -> None:
        client = MemcachedClient([memcached_server.address])
        assert client.get_short(prefix + "a") is None
        client.set(prefix + "a", b"12\r\nEND\r\n")
        assert client.get_short(prefix + "a") == b"12\r\nEND\r\n"
        client.set(prefix + "a", b"13")
        assert client.get_short(prefix + "a") == b"13"

    def test_a_late_answer_is_nobodys(self, own_server: MemcachedServer) -> None:
        client = MemcachedClient(
            [own_server.address],
            breaker=CircuitBreaker(rest=0),
            behaviors_extra={"_poll_timeout": 40, "connect_timeout": 40},
        )
        client.set("a", b"old")
        assert client.get_short("a") == b"old"
        with own_server.paused(), pytest.raises(StoreUnreachableError):
            client.get_short("a")
        MemcachedClient([own_server.address]).set("a", b"new")
        assert client.get_short("a") == b"new"

    def test_nor_is_one_that_a_signal_cut_off(self, own_server: MemcachedServer) -> None:
        class Interrupted(BaseException):
            pass

        def interrupt(signum: int, frame: FrameType | None) -> None:
            raise Interrupted

        client = MemcachedClient([own_server.address], behaviors_extra={"_poll_timeout": 5000})
        client.set("a", b"old")
        assert client.get_short("a") == b"old"
        before = signal.signal(signal.SIGALRM, interrupt)
        try:
            with own_server.paused():
                signal.setitimer(signal.ITIMER_REAL, 0.1)
                with pytest.raises(Interrupted):
                    client.get_short("a")
        finally:
            signal.signal(signal.SIGALRM, before)
        MemcachedClient([own_server.address]).set("a", b"new")
        assert client.get_short("a") == b"new"

    def test_a_restarted_server_is_found_again(self, own_server: MemcachedServer) -> None:
        client = MemcachedClient([own_server.address])
        client.set("a", b"1")
        assert client.get_short("a") == b"1"
        own_server.kill()
        for _ in range(2):
            with pytest.raises(StoreUnreachableError):
                client.get_short("a")
        own_server.start()
        assert client.get_short("a") is None
        MemcachedClient([own_server.address]).set("a", b"2")
        assert client.get_short("a") == b"2"

    def test_a_child_has_a_line_of_its_own(self, own_server: MemcachedServer) -> None:
        client = MemcachedClient([own_server.address])
        client.set("a", b"1")
        assert client.get_short("a") == b"1"
        child = os.fork()
        if child == 0:
            mine = client._local.line[1]
            own = client.get_short("a") == b"1" and client._local.line[1] is not mine
            os._exit(0 if own else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert client.get_short("a") == b"1"
