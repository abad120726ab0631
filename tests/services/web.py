"""The site as operators run it: ``pserve`` with an ini file."""

import http.client
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from .ports import HOST, accepts, free_port
from .process import Service

SERVER = """
[server:main]
use = egg:moziweb#waitress
host = 127.0.0.1
port = {port}
threads = {threads}
"""


def ask(
    port: int,
    path: str,
    *,
    timeout: float = 30.0,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of one HTTP request to ``port``."""
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout)
    try:
        connection.request(method, path, headers={"Content-Length": "0", **(headers or {})})
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()
    finally:
        connection.close()


class WebServer(Service):
    """A process of the site on ``127.0.0.1:port``, with the given ini keys.

    ``factory`` is the application: ``egg:moziweb`` or ``call:module:function``. A restarted server
    keeps its port and its keys.
    """

    name = "web"

    def __init__(
        self, settings: Mapping[str, str], factory: str = "egg:moziweb", threads: int = 8
    ) -> None:
        super().__init__()
        self.port = free_port()
        self.settings = settings
        self.factory = factory
        self.threads = threads

    @property
    def url(self) -> str:
        """Without a trailing slash."""
        return f"http://{HOST}:{self.port}"

    def prepare(self) -> None:
        """Write the ini file."""
        keys = "".join(f"{name} = {value}\n" for name, value in self.settings.items())
        server = SERVER.format(port=self.port, threads=self.threads)
        self._ini.write_text(f"[app:main]\nuse = {self.factory}\n{keys}{server}")

    def command(self) -> Sequence[str]:
        """pserve of the environment of the tests."""
        return [sys.executable, "-W", "ignore", "-m", "pyramid.scripts.pserve", str(self._ini)]

    def environment(self) -> Mapping[str, str]:
        """Makes ``call:tests.…`` importable."""
        return {"PYTHONPATH": str(Path(__file__).parents[2])}

    def is_ready(self) -> bool:
        """Whether it listens."""
        return accepts(self.port)

    def get(
        self, path: str, *, timeout: float = 30.0, method: str = "GET"
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of one request on a new connection."""
        return ask(self.port, path, timeout=timeout, method=method)

    @property
    def _ini(self) -> Path:
        return self.home / "site.ini"
