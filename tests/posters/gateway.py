"""A proxy of a real S3 server that answers some requests with errors."""

import http.client
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import urlsplit

from tests.services.ports import HOST

Refusal = tuple[int, str]
"""A status and an S3 error code."""

BUSY: Refusal = (503, "SlowDown")
FULL: Refusal = (507, "XMinioStorageFull")


class Gateway:
    """Forwards requests to ``endpoint_url`` and records the paths of PUT and GET requests.

    ``refuse`` is called before each PUT with the number of earlier PUTs; it returns an error to
    send, or None.
    """

    def __init__(self, endpoint_url: str) -> None:
        self.refuse: Callable[[int], Refusal | None] = lambda _: None
        self.puts: list[str] = []
        self.gets: list[str] = []
        self._target = urlsplit(endpoint_url).netloc
        self._server = ThreadingHTTPServer((HOST, 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def endpoint_url(self) -> str:
        return f"http://{HOST}:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self) -> None:
                if self.headers.get("Expect"):
                    self.send_response_only(100)
                    self.end_headers()
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                refusal = gateway._record(self.command, self.path)
                if refusal:
                    self.reply(refusal[0], [], _error(refusal[1]))
                    return
                connection = http.client.HTTPConnection(gateway._target, timeout=30)
                headers = {name: value for name, value in self.headers.items() if name != "Expect"}
                with closing(connection), suppress(ConnectionError):  # a client that did not wait
                    connection.request(self.command, self.path, body, headers)
                    answer = connection.getresponse()
                    self.reply(answer.status, answer.getheaders(), answer.read())

            def reply(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
                self.send_response_only(status)
                for name, value in headers:
                    if name.lower() not in {"transfer-encoding", "content-length", "connection"}:
                        self.send_header(name, value)
                if self.command == "HEAD":
                    length = {name.lower(): value for name, value in headers}
                    self.send_header("Content-Length", length.get("content-length", "0"))
                else:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = forward  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Do not log."""

        return Handler

    def _record(self, method: str, path: str) -> Refusal | None:
        if method == "GET":
            self.gets.append(urlsplit(path).path)
        if method != "PUT":
            return None
        refusal = self.refuse(len(self.puts))
        self.puts.append(urlsplit(path).path)
        return refusal


def _error(code: str) -> bytes:
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>".encode()
