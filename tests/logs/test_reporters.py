"""Reporters of errors, as their servers get the reports."""

import gzip
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import brotli
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from moziweb.logs import reporters
from moziweb.settings import SettingsError
from tests.services.process import run

FAILING = """
import logging
from structlog.contextvars import bind_contextvars
from moziweb.logs.reporters import start_reporters, traced

assert start_reporters({settings!r})
assert start_reporters({settings!r}), "a second time"
log = logging.getLogger("moziweb.site")
# Written so that these lines, which a reporter may send, do not contain the values.
bind_contextvars(request_id="abc", route="week", user="".join(("edi", "tor")))

def app(environ, start_response):
    password = "".join(("sword", "fish"))
    try:
        raise KeyError("no")
    except KeyError:
        log.exception("GET /week failed")
    log.warning("not an error")
    start_response("500 Internal Server Error", [])
    return [b""]

environ = {{"REQUEST_METHOD": "GET", "PATH_INFO": "/week", "HTTP_TRACEPARENT": {parent!r}}}
if {traces!r}:
    app = traced(app)
for _ in range({requests!r}):
    app(dict(environ), lambda status, headers: None)
"""
DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gzip": gzip.decompress,
    "br": brotli.decompress,
}
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


@dataclass
class Collector:
    """A server that keeps what is posted: paths and bodies."""

    port: int
    posted: list[tuple[str, bytes]] = field(default_factory=list)


@pytest.fixture
def collector() -> Iterator[Collector]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            coding = self.headers.get("Content-Encoding", "")
            found.posted.append((self.path, DECODERS[coding](body)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Collector(server.server_address[1])
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def fail(settings: dict[str, str], requests: int = 1) -> None:
    """Requests that fail, in a process with reporters."""
    traces = "opentelemetry.endpoint" in settings
    code = FAILING.format(settings=settings, parent=PARENT, traces=traces, requests=requests)
    done = run([sys.executable, "-W", "ignore", "-c", code])
    assert done.returncode == 0, done.stderr


def test_sentry_gets_the_error_with_the_request_and_no_values(collector: Collector) -> None:
    fail({"sentry.dsn": f"http://key@127.0.0.1:{collector.port}/7"}, requests=30)
    assert {path for path, _ in collector.posted} == {"/api/7/envelope/"}
    items = [json.loads(line) for _, body in collector.posted for line in body.splitlines()]
    events = [item for item in items if "exception" in item]
    assert 1 <= len(events) <= 10, "repeated errors are limited"
    event = events[0]
    assert event["logentry"]["message"] == "GET /week failed"
    assert event["tags"] == {"request_id": "abc", "route": "week"}
    assert event["exception"]["values"][-1]["type"] == "KeyError"
    assert event["release"].startswith("moziweb@")
    assert not any(b"swordfish" in body or b"editor" in body for _, body in collector.posted)
    frames = event["exception"]["values"][-1]["stacktrace"]["frames"]
    assert not any("vars" in frame for frame in frames)


def test_opentelemetry_gets_a_span_with_the_error(collector: Collector) -> None:
    fail({"opentelemetry.endpoint": f"http://127.0.0.1:{collector.port}"})
    ((path, body),) = collector.posted
    assert path == "/v1/traces"
    (resource,) = ExportTraceServiceRequest.FromString(body).resource_spans
    names = {each.key: each.value.string_value for each in resource.resource.attributes}
    assert names["service.name"] == "moziweb"
    (span,) = resource.scope_spans[0].spans
    assert (span.name, span.trace_id.hex()) == ("GET week", TRACE)
    attributes = {each.key: each.value for each in span.attributes}
    assert attributes["http.response.status_code"].int_value == 500
    assert attributes["moziweb.request_id"].string_value == "abc"
    (event,) = span.events
    assert event.name == "exception"
    assert span.status.code == span.status.STATUS_CODE_ERROR


def test_nothing_is_reported_without_a_key() -> None:
    assert not reporters.start_reporters({"sentry.dsn": None, "opentelemetry.endpoint": None})
    assert not reporters.start_reporters({})


@pytest.mark.parametrize(
    ("name", "module"),
    [("sentry.dsn", "sentry_sdk"), ("opentelemetry.endpoint", "opentelemetry")],
)
def test_missing_package_is_a_one_line_error(
    monkeypatch: pytest.MonkeyPatch, name: str, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SettingsError, match=rf'^{name}: .*pip install "moziweb\[') as caught:
        reporters.start_reporters({name: "http://127.0.0.1:1"})
    assert "\n" not in str(caught.value)
