"""The shutdown of the server: no accepted request is lost."""

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from moziweb import server
from moziweb.server.shutdown import QUIET_SECONDS, GracefulShutdown
from tests.server.echo import EchoApp, serving
from tests.server.pserve import INI, pserve
from tests.services.ports import HOST, free_port
from tests.services.process import read_until
from tests.services.raw_http import PATIENCE, Client, connected
from tests.threads import wait_until

GET = b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"
HEARTBEAT = b"GET /__lbheartbeat__ HTTP/1.1\r\nHost: a\r\n\r\n"
FOREVER = 1_000.0


def has_ended(app: EchoApp) -> bool:
    """Whether the loop and the threads have ended."""
    return not app.server.task_dispatcher.threads


def ending_app(shutdown: GracefulShutdown) -> EchoApp:
    app = EchoApp()
    app.shutdown = shutdown
    return app


def stop(app: EchoApp, signum: int = signal.SIGTERM) -> None:
    assert app.shutdown
    app.shutdown.request(signum)


def refuses(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex((HOST, port)) != 0


@contextmanager
def clients(port: int, count: int) -> Iterator[list[Client]]:
    with ExitStack() as everything:
        yield [everything.enter_context(connected(port)) for _ in range(count)]


def test_requests_in_threads_and_in_their_queue_are_answered() -> None:
    app = ending_app(GracefulShutdown(0, PATIENCE))
    with serving(app) as port, clients(port, 24) as waiting:
        for client in waiting:
            client.send(GET)
        wait_until(lambda: len(app.server.task_dispatcher.queue) == 22)
        stop(app)
        wait_until(lambda: refuses(port))
        app.free.set()
        for client in waiting:
            status, _, body = client.answer()
            assert (status, body) == (200, b"GET /wait 0")
        wait_until(lambda: has_ended(app))


def test_connections_in_the_backlog_are_answered() -> None:
    app = ending_app(GracefulShutdown(0, PATIENCE))
    app.free.set()
    bound: Any = server.bind(app, {"listen": f"{HOST}:0", "threads": "2"}, app.shutdown)
    with clients(int(bound.effective_port), 24) as waiting:
        for client in waiting:
            client.send(GET)
        stop(app)
        bound.run()
        assert [client.answer()[0] for client in waiting] == [200] * 24
        assert all(client.is_closed() for client in waiting)
    bound.trigger.close()


@pytest.mark.parametrize("use_poll", ["false", "true"])
def test_servers_at_several_addresses_end_together(use_poll: str) -> None:
    app = ending_app(GracefulShutdown(0, FOREVER))
    ports = [free_port(), free_port()]
    listen = " ".join(f"{HOST}:{port}" for port in ports)
    bound: Any = server.bind(app, {"listen": listen, "asyncore_use_poll": use_poll}, app.shutdown)
    with connected(ports[0]) as first, connected(ports[1]) as second:
        for client in (first, second):
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        stop(app)
        bound.run()
        assert [client.answer()[0] for client in (first, second)] == [200, 200]
    assert all(refuses(port) for port in ports)


def test_request_that_arrives_during_the_shutdown_is_answered() -> None:
    app = ending_app(GracefulShutdown(0, PATIENCE))
    with serving(app) as port, connected(port) as client, connected(port) as late:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345")
        wait_until(lambda: any(each.request for each in app.server.active_channels.values()))
        stop(app)
        late.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert late.answer()[1]["connection"] == "close"
        wait_until(lambda: refuses(port))
        client.send(b"67890")
        status, headers, body = client.answer()
        assert (status, headers["connection"], body) == (200, "close", b"POST / 10")
        assert client.is_closed()
        wait_until(lambda: has_ended(app))


def test_large_response_is_sent_to_its_end() -> None:
    app = ending_app(GracefulShutdown(0, PATIENCE))
    with serving(app) as port, connected(port, buffer=4_096) as client:
        client.send(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_until(lambda: app.environs != [])
        stop(app)
        wait_until(lambda: refuses(port))
        assert len(client.answer()[2]) == 200_000
        wait_until(lambda: has_ended(app))


def test_pipelined_requests_before_the_shutdown_are_answered_in_order() -> None:
    app = ending_app(GracefulShutdown(0, PATIENCE))
    with serving(app) as port, connected(port) as client:
        client.send(GET + HEARTBEAT + GET)
        assert app.held.wait(PATIENCE)
        app.free.set()
        assert [client.answer()[2] for _ in range(3)] == [
            b"GET /wait 0", b'{"status": "ok"}', b"GET /wait 0",
        ]  # fmt: skip


def test_idle_connections_are_closed_and_the_server_ends() -> None:
    app = ending_app(GracefulShutdown(0, FOREVER))
    with serving(app) as port, connected(port) as client, connected(port) as silent:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.answer()[0] == 200
        stop(app)
        assert client.is_closed()
        assert silent.is_closed()
        wait_until(lambda: has_ended(app))


def test_server_ends_after_the_timeout_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    app = ending_app(GracefulShutdown(0, QUIET_SECONDS + 0.1))

    def warnings() -> list[str]:
        found = (each for each in caplog.records if each.name == "moziweb.server.shutdown")
        return [each.getMessage() for each in found]

    with serving(app) as port, connected(port) as client:
        client.send(GET)
        assert app.held.wait(PATIENCE)
        stop(app)
        wait_until(lambda: bool(warnings()))
        app.free.set()
        wait_until(lambda: has_ended(app))
    (line,) = warnings()
    assert line.startswith("1 connections still have a request")


def test_draining_server_accepts_and_answers_and_says_so() -> None:
    now = [0.0]
    app = ending_app(GracefulShutdown(5, FOREVER, clock=lambda: now[0]))
    app.free.set()
    with serving(app) as port:
        with connected(port) as balancer:
            balancer.send(HEARTBEAT)
            assert balancer.answer()[0] == 200
            stop(app)
            balancer.send(HEARTBEAT)
            status, headers, body = balancer.answer()
            assert (status, body) == (503, b'{"status": "stopping"}')
            assert headers["cache-control"] == "no-store"
            assert headers["connection"] == "close"
        with connected(port) as client:
            client.send(GET)
            status, headers, _ = client.answer()
            assert (status, headers["connection"]) == (200, "close")
        assert not has_ended(app)
        now[0] = 5.0
        wait_until(lambda: has_ended(app))
        assert refuses(port)


def test_ctrl_c_does_not_drain() -> None:
    app = ending_app(GracefulShutdown(FOREVER, FOREVER))
    with serving(app):
        stop(app, signal.SIGINT)
        wait_until(lambda: has_ended(app))


def test_second_signal_ends_the_draining(tmp_path: Path) -> None:
    ini, port = tmp_path / "site.ini", free_port()
    ini.write_text(INI.replace("hello:main", "hello:held"))
    with pserve(ini, port) as process:
        read_until(process, "moziweb is at")
        with connected(port) as client:
            client.send(GET)
            process.send_signal(signal.SIGTERM)
            wait_until(lambda: heartbeat_of(port) == 503)
            process.send_signal(signal.SIGTERM)
            wait_until(lambda: refuses(port))
            assert process.poll() is None  # the request of the client is not answered


def heartbeat_of(port: int) -> int:
    with connected(port) as balancer:
        balancer.send(HEARTBEAT)
        return balancer.answer()[0]


@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_heartbeat_needs_no_thread(method: str, version: str) -> None:
    app = EchoApp()
    with serving(app) as port, clients(port, 3) as held, connected(port) as balancer:
        for client in held:
            client.send(GET)
        wait_until(lambda: len(app.server.task_dispatcher.queue) == 1)
        for _ in range(2):
            balancer.send(
                f"{method} /__lbheartbeat__ HTTP/{version}\r\nHost: a\r\n"
                "Connection: keep-alive\r\n\r\n".encode()
            )
            balancer.seen += balancer.connection.recv(65_536)
            while method == "GET" and b"}" not in balancer.seen:
                balancer.more()
            head, _, body = balancer.seen.partition(b"\r\n\r\n")
            balancer.seen = b""
            assert head.startswith(f"HTTP/{version} 200 OK".encode())
            assert b"Content-Length: 16" in head
            assert b"X-Content-Type-Options: nosniff" in head
            assert body == (b'{"status": "ok"}' if method == "GET" else b"")


@pytest.mark.parametrize(
    "request_line",
    ["POST /__lbheartbeat__", "GET /__lbheartbeat__/x", "GET /__heartbeat__"],
)
def test_other_requests_reach_the_application(request_line: str) -> None:
    app = EchoApp()
    with serving(app) as port, connected(port) as client:
        client.send(f"{request_line} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        assert client.answer()[2].decode().startswith(request_line)


def test_signals_outside_of_the_main_thread_are_left_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=GracefulShutdown(0, 1).handle_signals)
    thread.start()
    thread.join(PATIENCE)
    assert signal.getsignal(signal.SIGTERM) is before
