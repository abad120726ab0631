"""Hits from waitress's loop, over real sockets, with every thread busy."""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from waitress.channel import HTTPChannel
from waitress.server import create_server

from moziweb.cache import CacheEvents
from moziweb.cache.http import waitress_channel
from moziweb.cache.http.fast_path import FastPathMiddleware
from moziweb.cache.http.waitress_channel import install
from tests.cache.http.test_fast_path import SECURITY, Inner, Site, open_site
from tests.services.raw_http import PATIENCE, Client, connected, running

PAUSE = 0.05


@dataclass
class Busy(Inner):
    """An application whose only thread can be blocked."""

    free: threading.Event = field(default_factory=threading.Event)
    held: threading.Event = field(default_factory=threading.Event)
    takes: float = 0.0

    def __post_init__(self) -> None:
        super().__init__()
        self.free.set()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.held.set()
        assert self.free.wait(PATIENCE)
        time.sleep(self.takes)
        self.requests.append(environ["REQUEST_METHOD"] + " " + environ["PATH_INFO"])
        start_response("200 OK", [("Content-Length", "5")])
        return [b"inner"]


@dataclass
class Served:
    """A site behind waitress, one thread."""

    site: Site
    inner: Busy
    port: int

    def connected(self) -> AbstractContextManager[Client]:
        return connected(self.port)

    def ask(self, request: bytes) -> tuple[int, dict[str, str], bytes]:
        with self.connected() as client:
            client.send(request)
            return client.answer()


@contextmanager
def serving(site: Site, observer: CacheEvents | None = None, **options: Any) -> Iterator[Served]:
    inner = Busy()
    observer = observer or CacheEvents()
    fast = FastPathMiddleware(inner, site.urls, headers=SECURITY, observer=observer)
    sockets: dict[int, Any] = {}
    options = {"host": "127.0.0.1", "port": 0, "threads": 1, **options}
    server: Any = create_server(fast, map=sockets, **options)
    install(sockets, fast)
    with running(server, sockets):
        try:
            yield Served(site, inner, int(server.effective_port))
        finally:
            inner.free.set()


class PausingList(list[Any]):
    """A channel's requests. A thread that has removed one pauses, while the loop reads."""

    def __init__(self, wake_loop: Callable[[], object]) -> None:
        self.wake_loop = wake_loop

    def pop(self, *index: Any) -> Any:
        removed = super().pop(*index)
        self.wake_loop()
        time.sleep(PAUSE)
        return removed


@pytest.fixture
def served() -> Iterator[Served]:
    """The page at ``/`` is in memory."""
    site = open_site()
    site.store("/", b"page")
    site.ask()
    with serving(site) as served:
        yield served


GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def test_query_of_a_page_with_parameters_is_left_to_the_threads() -> None:
    site = open_site()
    location = site.store("/", b"page")
    site.urls.remember("/", replace(location, has_params=True))
    site.ask()
    with serving(site) as served:
        for url, body in ((b"/", b"page"), (b"/?", b"page"), (b"/?genre=1", b"inner")):
            assert served.ask(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % url)[2] == body
        assert served.inner.requests == ["GET /"]


@contextmanager
def every_thread_busy(served: Served) -> Iterator[Client]:
    served.inner.free.clear()
    with served.connected() as client:
        client.send(b"GET /elsewhere HTTP/1.1\r\nHost: a\r\n\r\n")
        assert served.inner.held.wait(PATIENCE)
        yield client
        served.inner.free.set()
        assert client.answer()[2] == b"inner"


def test_hit_does_not_wait_for_a_thread(served: Served) -> None:
    with every_thread_busy(served), served.connected() as client:
        for _ in range(3):  # on one connection
            client.send(GET)
            status, headers, body = client.answer()
            assert (status, headers["x-cache"], body) == (200, "l1", b"page")
    assert served.inner.requests == ["GET /elsewhere"]


def test_headers_are_those_of_the_threads(served: Served) -> None:
    changing = {"server-timing", "date", "x-request-id"}

    def headers_of(request: bytes) -> dict[str, str]:
        return {k: v for k, v in served.ask(request)[1].items() if k not in changing}

    from_threads = headers_of(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert from_threads.pop("connection") == "close"
    with every_thread_busy(served):
        assert headers_of(GET) == from_threads
    assert from_threads["x-content-type-options"] == "nosniff"
    assert from_threads["server"] == "waitress"


def test_page_that_the_client_has_is_not_modified(served: Served) -> None:
    with every_thread_busy(served):
        status, headers, body = served.ask(GET[:-2] + b'If-None-Match: "e"\r\n\r\n')
    assert (status, headers["etag"], body) == (304, '"e"', b"")


def test_many_requests_in_one_iteration(served: Served) -> None:
    with every_thread_busy(served):
        clients = [served.connected() for _ in range(20)]
        opened = [each.__enter__() for each in clients]
        for client in opened:
            client.send(GET)
        assert [client.answer()[2] for client in opened] == [b"page"] * 20
        for each in clients:
            each.__exit__(None, None, None)


def test_stale_page_is_answered_by_a_thread(served: Served) -> None:
    served.site.cache.stamps.publish(["page:index"])
    assert served.ask(GET)[2] == b"inner"
    assert served.inner.requests == ["GET /"]


ELSEWHERE: dict[str, bytes] = {
    "HEAD": b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
    "closing": b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
    "old": b"GET / HTTP/1.0\r\n\r\n",
    "a body": b"GET / HTTP/1.1\r\nContent-Length: 2\r\n\r\nab",
    "expecting": b"GET / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n",
    "escaped": b"GET /%2f HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("request_", ELSEWHERE.values(), ids=ELSEWHERE)
def test_unusual_request_is_answered_by_a_thread(
    served: Served, request_: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered: list[int] = []
    monkeypatch.setattr(waitress_channel._Channel, "answer", lambda *_: answered.append(1))
    with served.connected() as client:
        client.send(request_)
        while b"\r\n\r\n" not in client.seen:
            client.more()
    assert client.seen.startswith(b"HTTP/1.")
    assert answered == []


def test_split_and_pipelined_requests(served: Served) -> None:
    with served.connected() as client:
        client.send(GET[:9])
        client.send(GET[9:])
        assert client.answer()[2] == b"page"
        client.send(GET + GET + GET)
        assert [client.answer()[2] for _ in range(3)] == [b"page"] * 3


@pytest.mark.parametrize("stale", [True, False], ids=["stale", "hit"])
def test_request_at_the_end_of_a_task_gets_one_response(
    monkeypatch: pytest.MonkeyPatch, stale: bool
) -> None:
    """The loop reads it while a thread that has answered looks for the next request."""
    set_up, find = HTTPChannel.__init__, FastPathMiddleware.in_memory

    def set_up_with_pauses(channel: HTTPChannel, *arguments: Any, **options: Any) -> None:
        set_up(channel, *arguments, **options)
        channel.requests = PausingList(channel.server.pull_trigger)

    def find_slowly(*arguments: Any) -> Any:
        time.sleep(0 if stale else 2 * PAUSE)
        return find(*arguments)

    monkeypatch.setattr(HTTPChannel, "__init__", set_up_with_pauses)
    monkeypatch.setattr(FastPathMiddleware, "in_memory", find_slowly)
    monkeypatch.setattr(waitress_channel, "SLOW_SECONDS", PATIENCE)
    site = open_site()
    site.store("/", b"page")
    site.ask()
    if stale:
        site.cache.stamps.publish(["page:index"])
    with serving(site, threads=3) as served, served.connected() as client:
        served.inner.takes = 2 * PAUSE
        for number in range(3):
            client.send(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number)
            assert client.answer()[2] == b"inner"
            client.send(GET)
            assert client.answer()[2] == (b"inner" if stale else b"page")
        client.send(GET[:-2] + b"Connection: close\r\n\r\n")
        assert client.answer()[1]["connection"] == "close"
    answered = [f"GET /{number}" for number in range(3)]
    index = ["GET /"] * stale
    assert served.inner.requests == [each for path in answered for each in (path, *index)] + index


def test_invalid_http_is_rejected(served: Served) -> None:
    with served.connected() as client:
        client.send(b"GET / HTTP/1.1\r\nno header\r\n\r\n")
        assert client.answer()[0] == 400


def test_slow_client_gets_the_whole_page() -> None:
    site = open_site(
        max_bytes="20000000", l1_bytes="40000000", **{"arguments.max_bytes": "40000000"}
    )
    page = bytes(range(256)) * 40_000  # more than the kernel buffers at once
    site.store("/", page)
    site.ask()
    with serving(site) as served, every_thread_busy(served), served.connected() as client:
        client.send(GET)
        with served.connected() as other:  # does not wait for it
            other.send(b"GET / HTTP/1.1\r\nIf-None-Match: *\r\n\r\n")
            assert other.answer()[0] == 304
        assert client.answer()[2] == page
        client.send(GET)
        assert client.answer()[2] == page


def test_client_may_close_before_the_response(served: Served) -> None:
    for _ in range(5):
        with served.connected() as client:
            client.send(GET)
    assert served.ask(GET)[2] == b"page"


def test_reset_before_the_response_does_not_end_the_loop(served: Served) -> None:
    for _ in range(5):
        with served.connected() as client:
            client.connection.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
            client.send(GET)
        assert served.ask(GET)[2] == b"page"


def test_threads_answer_after_a_slow_read_of_the_clock(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waitress_channel, "SLOW_SECONDS", -1.0)
    assert served.ask(GET)[2] == b"page"
    answered: list[int] = []
    monkeypatch.setattr(waitress_channel._Channel, "answer", lambda *_: answered.append(1))
    assert served.ask(GET)[2] == b"page"
    assert answered == []


def test_exception_does_not_end_the_loop(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("on purpose")

    monkeypatch.setattr(FastPathMiddleware, "in_memory", fail)
    assert served.ask(GET)[2] == b"page"
    assert "on purpose" in caplog.text


def test_application_under_a_prefix_is_not_answered_in_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answered: list[int] = []
    monkeypatch.setattr(waitress_channel._Channel, "answer", lambda *_: answered.append(1))
    site = open_site()
    site.store("/", b"page")
    site.ask()
    with serving(site, url_prefix="/calendar") as served:
        assert served.ask(b"GET /calendar/ HTTP/1.1\r\n\r\n")[2] == b"page"
        assert served.ask(GET)[2] == b"page"
    assert answered == []


class Answers(CacheEvents):
    """Records what the fast path answered."""

    def __init__(self) -> None:
        self.all: list[tuple[str, str, float]] = []

    def answered(self, route: str, status: str, seconds: float, queued: float) -> None:
        self.all.append((route, status, round(queued)))


@pytest.mark.parametrize(("trusted", "queued"), [(None, 0), ("*", 60), ("127.0.0.1", 60)])
def test_hit_is_reported_with_its_route_and_queueing(trusted: str | None, queued: float) -> None:
    site, answers = open_site(), Answers()
    location = site.store("/", b"page")
    site.urls.remember("/", replace(location, route="index"))
    site.ask()
    options = {"trusted_proxy": trusted, "trusted_proxy_headers": "x-forwarded-for"}
    with serving(site, answers, **(options if trusted else {})) as served:
        start = f"X-Request-Start: t={time.time() - 60}\r\n".encode()
        assert served.ask(b"GET / HTTP/1.1\r\nHost: a\r\n" + start + b"\r\n")[1]["x-cache"] == "l1"
    assert answers.all == [("index", "200", queued)]
