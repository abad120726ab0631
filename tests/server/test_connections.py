"""What one client may hold of the server: threads, connections, time of the loop."""

import errno
import importlib.util
import random
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from itertools import pairwise, product
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest
import waitress.parser
from waitress.adjustments import Adjustments
from waitress.rfc7230 import HEADER_FIELD_RE
from waitress.server import create_server

from moziweb.request import BODY_TOO_LARGE
from moziweb.server.connections import BYTES_PER_SECOND, ConnectionLimits, LimitedChannel
from moziweb.server.parser import (
    MAX_CHUNK_LINE,
    MAX_DISCARDED,
    LimitedParser,
    use_linear_patterns,
)
from moziweb.timings import ARRIVED
from tests.server.echo import BIG, EchoApp, serving
from tests.services.ports import HOST
from tests.services.raw_http import Client, connected, running
from tests.threads import wait_until

GET = b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n"
SHORT = {"cleanup_interval": "1"}
TIMEOUTS = {"server.request_timeout": 1.0, "server.write_timeout": 1.0}


@pytest.fixture
def app() -> EchoApp:
    return EchoApp()


@pytest.fixture
def port(app: EchoApp) -> Iterator[int]:
    with serving(app) as port:
        yield port


def answers(client: Client, count: int) -> list[tuple[int, bytes]]:
    found = [client.answer() for _ in range(count)]
    return [(status, body) for status, _, body in found]


# Clients that do not read


def test_clients_that_read_nothing_hold_no_thread() -> None:
    app = EchoApp(**TIMEOUTS)
    with serving(app, **SHORT) as port, ExitStack() as opened:
        silent = [opened.enter_context(connected(port, buffer=4_096)) for _ in range(9)]
        for client in silent:
            client.send(b"GET /big HTTP/1.1\r\n\r\n" * 400)
        with connected(port) as client:
            for number in range(20):
                client.send(GET % b"%d" % number)
                assert client.answer()[2] == b"GET /%d 0" % number
        served = sum(environ["PATH_INFO"] == "/big" for environ in app.environs)
        assert served < 9 * 50, "the kernel takes at most 4 MB for each"
        wait_until(lambda: not app.server.active_channels)  # write_timeout has passed


def test_pipelined_requests_are_answered_in_order(app: EchoApp, port: int) -> None:
    with connected(port) as client:
        requests = b"".join(GET % b"%d" % number for number in range(400))
        client.send(requests[:-10])
        assert answers(client, 399) == [(200, b"GET /%d 0" % number) for number in range(399)]
        client.send(requests[-10:])
        assert answers(client, 1) == [(200, b"GET /399 0")]


def test_one_request_of_a_connection_is_parsed_at_a_time(app: EchoApp, port: int) -> None:
    with connected(port) as client:
        client.send(GET % b"wait" + (GET % b"next") * 300)
        assert app.held.wait(10)
        with connected(port) as other:
            other.send(GET % b"other")
            other.answer()
        assert [environ["PATH_INFO"] for environ in app.environs] == ["/wait", "/other"]
        app.free.set()
        assert len(answers(client, 301)) == 301


def test_big_responses_to_pipelined_requests_are_complete(app: EchoApp, port: int) -> None:
    with connected(port, buffer=4_096) as client:
        client.send(b"GET /big HTTP/1.1\r\n\r\n" * 40)
        for _ in range(40):
            assert len(client.answer()[2]) == BIG


def test_urgent_data_does_not_keep_the_loop_busy(
    app: EchoApp, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    with connected(port) as client:
        client.connection.send(b"x", socket.MSG_OOB)
        assert client.is_closed()
    assert "unhandled" not in caplog.text


# Idle and slow connections


def test_idle_connections_are_closed_for_new_ones(
    app: EchoApp, caplog: pytest.LogCaptureFixture
) -> None:
    options = {"connection_limit": "20", "threads": "2", **SHORT}
    with serving(app, **options) as port, ExitStack() as opened:
        busy = opened.enter_context(connected(port))
        busy.send(GET % b"wait")
        assert app.held.wait(10)
        slow = opened.enter_context(connected(port))
        slow.send(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n1")
        idle = [opened.enter_context(connected(port)) for _ in range(60)]
        began = time.monotonic()
        for number in range(30):
            with connected(port) as client:
                client.send(GET % b"%d" % number)
                assert client.answer()[0] == 200
        assert time.monotonic() - began < 30  # channel_timeout is 120
        assert slow.is_closed()
        assert all(client.is_closed() for client in idle[:40])
        app.free.set()
        assert busy.answer()[2] == b"GET /wait 0"
        wait_until(lambda: "waiting connections for new ones" in caplog.text)
    assert re.search(
        r"closed \d+ waiting connections for new ones: connection_limit = 20 ", caplog.text
    )
    assert "no longer accepting" not in caplog.text


UPLOAD = b"POST /%d HTTP/1.1\r\nContent-Length: 100000\r\n\r\n"


def begin_upload(app: EchoApp, client: Client, name: int, size: int) -> None:
    """Send the headers and the first ``size`` bytes of the body; wait until the server has them."""
    client.send(UPLOAD % name + bytes(size))
    wait_until(lambda: size in sizes_of_bodies(app))


def sizes_of_bodies(app: EchoApp) -> list[int]:
    """How much has arrived of each request of the server that is not complete."""
    requests = [channel.request for channel in list(app.server.active_channels.values())]
    return [request.body_bytes_received for request in requests if request is not None]


@pytest.mark.parametrize("sent", [b"", b"G", b"GET / HTTP/1.1\r\n", UPLOAD % 1 + b"1"])
def test_upload_is_kept_when_clients_that_send_little_are_closed(app: EchoApp, sent: bytes) -> None:
    with (
        serving(app, connection_limit="20", **SHORT) as port,
        ExitStack() as opened,
        connected(port) as upload,
    ):
        begin_upload(app, upload, 0, 50_000)
        others = []
        for _ in range(60):
            others.append(opened.enter_context(connected(port)))
            others[-1].send(sent)
        assert all(client.is_closed() for client in others[:40])
        upload.send(bytes(50_000))
        assert upload.answer()[2] == b"POST /0 100000"


def test_slowest_uploads_are_closed_first(app: EchoApp) -> None:
    sizes = [BYTES_PER_SECOND * (1 + number * 5 % 13) for number in range(13)]  # in no order
    newest = [60_000, 60_001, 60_002]
    with serving(app, connection_limit="15", **SHORT) as port, ExitStack() as opened:
        for number, size in enumerate([*sizes, *newest]):
            begin_upload(app, opened.enter_context(connected(port)), number, size)
            for channel in list(app.server.active_channels.values()):
                channel._began = 9_000  # however long this test takes
        kept = sorted(sizes_of_bodies(app))
        assert 10 < len(kept) < 15
        assert kept == [*sorted(sizes), *newest][-len(kept) :]


def test_descriptor_that_select_cannot_watch_does_not_end_the_loop(
    app: EchoApp, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connected(port) as kept:
        kept.send(GET % b"1")
        kept.answer()
        monkeypatch.setattr("moziweb.server.connections.FD_SETSIZE", 1)
        with connected(port) as client:
            assert client.is_closed()
        kept.send(GET % b"2")
        assert kept.answer()[0] == 200


SLOW = {
    "request line": b"GET /" + b"a" * 200,
    "headers": b"GET / HTTP/1.1\r\nCookie: " + b"a" * 200,
    "body": b"POST / HTTP/1.1\r\nContent-Length: 999\r\n\r\n" + b"a" * 200,
    "chunks": b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 40,
}


def seconds_until_refused(client: Client, data: bytes) -> float:
    """Send a byte at a time until the server has closed the connection."""
    began = time.monotonic()
    for byte in data:
        try:
            client.send(bytes([byte]))
        except ConnectionError:
            break
        time.sleep(0.05)
    return time.monotonic() - began


@pytest.mark.parametrize("request_", SLOW.values(), ids=SLOW)
def test_request_that_arrives_a_byte_at_a_time_is_ended(request_: bytes) -> None:
    app = EchoApp(**TIMEOUTS)
    with serving(app, **SHORT) as port, connected(port) as kept, connected(port) as client:
        kept.send(GET % b"kept")
        kept.answer()
        took = seconds_until_refused(client, request_)
        assert 0.9 < took < 9
        kept.send(GET % b"kept")  # an idle connection is not a slow request
        assert kept.answer()[0] == 200
    assert len(app.environs) == 2


def overdue(now: float, **state: Any) -> bool:
    known = {"last_activity": 0.0, "total_outbufs_len": 0, "requests": [], "request": None}
    known["_unparsed"] = b""
    adj = SimpleNamespace(channel_timeout=120)
    channel = SimpleNamespace(**{**known, "limits": ConnectionLimits(30, 40), "adj": adj, **state})
    channel.waiting_since = lambda: LimitedChannel.waiting_since(cast(Any, channel))
    return LimitedChannel.is_overdue(cast(Any, channel), now)


def test_time_limits() -> None:
    assert not overdue(119)
    assert overdue(121)
    assert not overdue(9999, requests=[1])
    assert not overdue(39, requests=[1], total_outbufs_len=1)
    assert overdue(41, requests=[1], total_outbufs_len=1)
    assert not overdue(39, _unparsed=b"GET")
    assert overdue(41, _unparsed=b"GET")
    assert not overdue(9999, requests=[1], _unparsed=b"GET")
    partial = SimpleNamespace(header_bytes_received=96, body_bytes_received=0)
    assert not overdue(9030, request=partial, _began=9000, last_activity=9029)
    assert overdue(9031, request=partial, _began=9000, last_activity=9029)
    partial.body_bytes_received = 1_000_000  # 244 seconds more
    assert not overdue(9270, request=partial, _began=9000, last_activity=9269)
    assert overdue(9280, request=partial, _began=9000, last_activity=9279)


# Expect: 100-continue


def test_expectation_without_a_body_is_ignored(app: EchoApp, port: int) -> None:
    with connected(port) as client:
        client.send(b"GET /first HTTP/1.1\r\nExpect: 100-continue\r\n\r\n" + GET % b"second")
        assert answers(client, 2) == [(200, b"GET /first 0"), (200, b"GET /second 0")]
        client.send(b"POST /0 HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n")
        assert answers(client, 1) == [(200, b"POST /0 0")]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (b"Content-Length: 20000001", 413),
        (b"Content-Length: two", 400),
        (b"Content-Length: " + b"1" * 5000, 400),
        (b"Transfer-Encoding: gzip", 501),
        (b"X: " + b"x" * 20_000, 431),
    ],
)
def test_expectation_of_a_refused_request_gets_the_refusal(
    app: EchoApp, fields: bytes, status: int
) -> None:
    with serving(app, max_request_body_size="20000000") as port, connected(port) as client:
        client.send(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\n" + fields + b"\r\n\r\n")
        found, headers, _ = client.answer()
        assert (found, headers["connection"]) == (status, "close")
        assert client.is_closed()
    assert app.environs == []


def form_of(
    length: int,
    content_type: bytes = b"multipart/form-data; boundary=x",
    line: bytes = b"POST /manager/form",
) -> bytes:
    """The head of a form of a client with a cookie."""
    fields = b"Content-Type: " + content_type + b"\r\nContent-Length: %d" % length
    return line + b" HTTP/1.1\r\nHost: a\r\nCookie: a=b\r\n" + fields + b"\r\n\r\n"


@pytest.mark.parametrize("path", [b"/manager/form", b"/en/manager/form?a=b"])
def test_too_large_form_is_read_and_answered_by_the_application(app: EchoApp, path: bytes) -> None:
    """A browser shows a response only after it has sent the form."""
    with serving(app, max_request_body_size="1000") as port, connected(port) as client:
        client.send(form_of(50_000, line=b"POST " + path) + b"x" * 49_999)
        assert app.environs == []
        client.send(b"x" + GET % b"next")
        assert answers(client, 2) == [(200, b"POST " + path + b" 0"), (200, b"GET /next 0")]
    first, second = app.environs
    assert (first[BODY_TOO_LARGE], first["CONTENT_LENGTH"]) == (1000, "0")
    assert BODY_TOO_LARGE not in second


@pytest.mark.parametrize(
    "request_",
    [
        form_of(MAX_DISCARDED + 1),
        form_of(50_000, b"application/x-www-form-urlencoded"),
        form_of(50_000).replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"),
        form_of(50_000).replace(b"Cookie: a=b\r\n", b""),
        form_of(50_000, line=b"POST /"),
        form_of(50_000, line=b"POST /en/managers/"),
        form_of(50_000, line=b"POST /search?q=/manager/"),
        form_of(50_000, line=b"PUT /manager/form"),
    ],
    ids=["larger", "no files", "expects", "no cookie", "home", "public", "query", "method"],
)
def test_other_too_large_bodies_are_refused_before_they_are_read(
    app: EchoApp, request_: bytes
) -> None:
    with serving(app, max_request_body_size="1000") as port, connected(port) as client:
        client.send(request_)
        found, headers, _ = client.answer()
        assert (found, headers["connection"]) == (413, "close")
        assert client.is_closed()
    assert app.environs == []


def begin_too_large_form(app: EchoApp, client: Client, size: int) -> None:
    """Send the first ``size`` bytes of a form that is not kept."""
    client.send(form_of(9_000_000) + bytes(size))
    wait_until(lambda: size in sizes_of_bodies(app))


def test_form_that_is_not_kept_is_ended_if_it_stops() -> None:
    """However fast it was; single bytes after that do not extend its time."""
    app = EchoApp(**{"server.request_timeout": 1.5})
    with (
        serving(app, max_request_body_size="1000", **SHORT) as port,
        connected(port) as steady,
        connected(port) as stopped,
    ):
        steady.send(form_of(12 * 20_000))
        begin_too_large_form(app, stopped, 4_000_000)
        for _ in range(12):  # for 3 s, more than the limit
            steady.send(bytes(20_000))
            with suppress(ConnectionError):
                stopped.send(b"x")
            time.sleep(0.25)
        assert steady.answer()[2] == b"POST /manager/form 0"
        assert stopped.is_closed()
    assert len(app.environs) == 1


def test_form_that_is_not_kept_and_stops_is_closed_for_new_connections(app: EchoApp) -> None:
    options = {"connection_limit": "15", "max_request_body_size": "1000", **SHORT}
    with serving(app, **options) as port, ExitStack() as opened:
        stopped = opened.enter_context(connected(port))
        begin_too_large_form(app, stopped, 4_000_000)
        idle = [opened.enter_context(connected(port)) for _ in range(15)]
        assert stopped.is_closed()
        idle[-1].send(GET % b"last")
        assert idle[-1].answer()[0] == 200


BODIES = {
    "length": (b"Content-Length: 5", b"abcde"),
    "chunked": (b"Transfer-Encoding: chunked", b"2\r\nab\r\n3;x=y\r\ncde\r\n0\r\n\r\n"),
}


@pytest.mark.parametrize(("fields", "body"), BODIES.values(), ids=BODIES)
def test_expectation_of_a_body_is_met(app: EchoApp, port: int, fields: bytes, body: bytes) -> None:
    request = b"POST /p HTTP/1.1\r\nExpect: 100-continue\r\n" + fields + b"\r\n\r\n"
    with connected(port) as client:
        client.send(GET % b"before" + request)
        assert answers(client, 2) == [(200, b"GET /before 0"), (100, b"")]
        client.send(body[:3])
        client.send(body[3:] + GET % b"after")
        assert answers(client, 2) == [(200, b"POST /p 5"), (200, b"GET /after 0")]
        client.send(request + body + request + body)
        expected = [(100, b""), (200, b"POST /p 5")] * 2
        assert answers(client, 4) == expected


# Against unmodified waitress

PIECES = (
    GET % b"a",
    b"GET /big HTTP/1.1\r\n\r\n",
    b"HEAD /b HTTP/1.1\r\n\r\n",
    b"GET /c HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"POST /d HTTP/1.1\r\nContent-Length: 12\r\n\r\nGET / HTTP/1",
    b"POST /e HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nGET /\r\n0\r\nA: b\r\n\r\n",
    b"POST /f HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    b"POST /g HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    b"\r\n\r\n",
)
ENDS = (
    b"GET /last HTTP/1.1\r\nConnection: close\r\n\r\n" + GET % b"ignored",
    b"GET /last HTTP/1.0\r\n\r\n" + GET % b"ignored",
    b"GET /last\r\n\r\n",
    b"GET / HTTP/1.1\r\nno colon\r\n\r\n" + GET % b"ignored",
    b"GET /\r HTTP/1.1\r\n\r\n" + GET % b"ignored",
    b"get / HTTP/1.1\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 1, 2\r\n\r\n" + GET % b"ignored",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n" + GET % b"ignored",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: a, chunked\r\n\r\n0\r\n\r\n" + GET % b"ignored",
)


def everything_sent_by(port: int, pieces: list[bytes]) -> bytes:
    """What the server sends until it closes the connection, without what changes or is ours."""
    with connected(port) as client:
        with suppress(ConnectionError):
            for piece in pieces:
                client.send(piece)
        with suppress(ConnectionError):
            while data := client.connection.recv(65_536):
                client.seen += data
    return re.sub(
        rb"(Date|Cache-Control|[A-Z][A-Za-z-]*-Policy|X-(Content|Request)-[A-Za-z-]*): [^\r]*\r\n",
        b"",
        client.seen,
    )


def test_responses_are_those_of_waitress(app: EchoApp, port: int) -> None:
    chance, sockets = random.Random(1), dict[int, Any]()
    plain: Any = create_server(app, map=sockets, host=HOST, port=0, threads=2)
    with running(plain, sockets):
        for _ in range(150):
            data, end = b"".join(chance.choices(PIECES, k=chance.randrange(8))), chance.choice(ENDS)
            # The end is not cut: after a close, the kernel discards responses if more arrives.
            cuts = sorted(chance.randrange(len(data) + 1) for _ in range(chance.randrange(4)))
            sizes = pairwise([0, *cuts, len(data) + len(end)])
            pieces = [(data + end)[first:last] for first, last in sizes]
            expected = everything_sent_by(int(plain.effective_port), pieces)
            assert everything_sent_by(port, pieces) == expected, pieces


# Header work


def headers_of(size: int) -> dict[str, bytes]:
    """Requests of this many bytes that take long to parse."""
    start = b"GET / HTTP/1.1\r\nHost: a\r\n"
    return {
        "repeated": start + b"a:\r\n" * (size // 4),
        "different": start + b"".join(b"%x:\r\n" % number for number in range(size // 6)),
        "spaces": start + b"a:" + b" " * size + b"b\r\n",
        "tabs and a zero": start + b"a:" + b"\t" * size + b"\0\r\n",
        "folded": start + b"a:" + b"\r\n " * (size // 3) + b"b\r\n",
        "folds": start + b"a: b" + b"\r\n b" * (size // 4) + b"\r\n",
        "words and a zero": start + b"a:" + b"b " * (size // 2) + b"\0\r\n",
        "target": b"GET http://" + b"1" * size + b" x HTTP/1.1\r\n",
        "target with colons": b"GET " + b"a://1" * (size // 5) + b" x HTTP/1.1\r\n",
        "method": b"G" * size + b"\r\n",
        "semicolons": start + b"Content-Type: text/html" + b";" * size + b"\r\n",
    }


@pytest.mark.parametrize("name", headers_of(0))
def test_costly_headers_do_not_hold_the_loop(name: str) -> None:
    use_linear_patterns()
    parser = LimitedParser(Adjustments(max_request_header_size=16_384))
    request = headers_of(15_900)[name] + b"\r\n"
    began = time.thread_time()
    parser.received(request)
    assert time.thread_time() - began < 0.1
    assert parser.completed


def test_headers_above_16_kb_are_refused(app: EchoApp, port: int) -> None:
    with connected(port) as client:
        client.send(b"GET / HTTP/1.1\r\nCookie: " + b"a" * 16_000 + b"\r\n\r\n")
        assert client.answer()[0] == 200
        client.send(b"GET / HTTP/1.1\r\nCookie: " + b"a" * 17_000 + b"\r\n\r\n")
        status, headers, _ = client.answer()
        assert (status, headers["x-content-type-options"]) == (431, "nosniff")
        assert "default-src 'none'" in headers["content-security-policy"]


@pytest.mark.parametrize("part", [b"1;a=" + b"b" * 100_000, b"0\r\nx: " + b"b" * 100_000])
def test_unlimited_part_of_a_chunked_body_is_refused(app: EchoApp, port: int, part: bytes) -> None:
    assert len(part) > MAX_CHUNK_LINE
    with connected(port) as client:
        client.send(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        client.send(part[:6_000])
        assert client.answer()[0] == 400
    assert app.environs == []


def original_parser() -> ModuleType:
    """waitress's parser as it was imported."""
    spec = importlib.util.find_spec("waitress.parser")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def strings(alphabet: list[bytes], longest: int) -> Iterator[bytes]:
    for length in range(longest + 1):
        for parts in product(alphabet, repeat=length):
            yield b"".join(parts)


def test_linear_patterns_match_the_same_strings() -> None:
    use_linear_patterns()
    original, replaced = original_parser(), cast(Any, waitress.parser)
    field: Any = HEADER_FIELD_RE
    assert original.first_line_re is not replaced.first_line_re
    assert field is not replaced.HEADER_FIELD_RE
    for line in strings([b"a", b":", b" ", b"\t", b"\0", b"\xe9", b"-"], 6):
        found, expected = replaced.HEADER_FIELD_RE.match(line), field.match(line)
        assert (found and found.groupdict()) == (expected and expected.groupdict())
    for line in strings([b"A", b"/", b"://", b" ", b"1", b" HTTP/1.1", b"?", b"HTTP/", b"\xe9"], 5):
        found, expected = (each.first_line_re.fullmatch(line) for each in (replaced, original))
        assert (found and found.groupdict()) == (expected and expected.groupdict())


# Targets


@pytest.mark.parametrize(
    ("target", "seen"),
    [
        ("/search?q=űr".encode(), b"/search?q=%C5%B1r"),
        ("/film/1-űr?x=%C5%B1".encode(), b"/film/1-%C5%B1r?x=%C5%B1"),
        (b"/search?q=\xfbr", b"/search?q=%FBr"),
        ("http://a/ű".encode(), b"http://a/%C5%B1"),
        (b"http://[::1]/", b"http://[::1]/"),
        (b"/%zz", b"/%zz"),
    ],
)
def test_raw_bytes_in_a_target_are_escaped(
    app: EchoApp, port: int, target: bytes, seen: bytes
) -> None:
    with connected(port) as client:
        client.send(b"GET " + target + b" HTTP/1.1\r\n\r\n")
        assert client.answer()[2] == b"GET " + seen + b" 0"
    query = seen.partition(b"?")[2].decode()
    assert app.environs[0]["QUERY_STRING"] == query


MALFORMED = {
    "IPv6": b"GET http://[::1/ HTTP/1.1\r\n",
    "IPv6 without a path": b"GET http://[ HTTP/1.1\r\n",
    "IPv6 address": b"GET http://[x]/ HTTP/1.1\r\n",
    "length": b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 5_000 + b"\r\n",
    "chunked in HTTP/1.0": (
        b"POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n"
    ),
    "chunked in HTTP/1.2": b"POST / HTTP/1.2\r\nTransfer-Encoding: chunked\r\n",
    "method": "GÉT / HTTP/1.1\r\n".encode(),
    "version": "GET / HTTP/1.1ű\r\n".encode(),
}


@pytest.mark.parametrize("request_", MALFORMED.values(), ids=MALFORMED)
def test_malformed_request_is_answered_once(
    app: EchoApp, port: int, request_: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with connected(port) as client:
        client.send(request_ + b"\r\n" + GET % b"next")
        status, headers, _ = client.answer()
        assert (status, headers["x-content-type-options"]) == (400, "nosniff")
        assert client.is_closed()
    assert app.environs == []
    assert "Traceback" not in caplog.text
    assert "uncaptured" not in caplog.text


# Request queueing


def test_application_learns_when_the_request_had_arrived(app: EchoApp) -> None:
    """Not when its first bytes had: a slow client is not waiting for us."""
    with serving(app, threads="1") as port, connected(port) as client, connected(port) as other:
        client.send(GET % b"wait")
        assert app.held.wait(10)
        began = time.time()
        other.send(b"GET /slow HTTP/1.1\r\n")
        time.sleep(0.2)
        other.send(b"Host: a\r\n\r\n")
        time.sleep(0.2)
        freed = time.time()
        app.free.set()
        other.answer()
        client.answer()
    arrived = app.environs[1][ARRIVED]
    assert began + 0.2 <= arrived <= freed


def test_server_pauses_if_no_descriptor_is_free_and_no_connection_waits(
    app: EchoApp, port: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    assert app.server.readable()
    with monkeypatch.context() as patched:
        patched.setattr(app.server, "accept", refuse)
        for _ in range(1_000):
            app.server.handle_accept()
        assert not app.server.readable()
    (line,) = (each for each in caplog.records if each.name == "moziweb.logs.outage")
    assert line.getMessage().startswith("the listening socket is unavailable: [Errno 24]")
    with connected(port) as client:
        client.send(b"GET /last HTTP/1.0\r\n\r\n")
        assert client.answer()[0] == 200, "after the pause"
