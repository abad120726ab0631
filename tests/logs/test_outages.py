"""The log of real servers during outages: its number of lines does not grow with the failures."""

import io
import json
import logging
import os
import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from moziweb import main
from moziweb.db import retry
from moziweb.logs.handler import BURST, LogHandler
from tests.conftest import raw_settings
from tests.server.echo import EchoApp, serving
from tests.server.pserve import INI
from tests.services.ports import free_port
from tests.services.postgres import PostgresServer
from tests.services.process import child, read_until
from tests.services.proxy import FlakyProxy
from tests.services.raw_http import connected
from tests.services.web import WebServer, ask
from tests.threads import wait_until

LOGGING = """
[loggers]
keys = root
[handlers]
keys = console
[formatters]
keys = json
[logger_root]
level = INFO
handlers = console
[handler_console]
class = moziweb.logs.handler.LogHandler
args = (sys.stdout,)
formatter = json
[formatter_json]
class = moziweb.logs.formatters.JsonFormatter
"""


IMPATIENT = "call:tests.logs.test_outages:impatient"


def impatient(global_config: dict[str, str], **settings: str) -> Any:
    """The site; its requests wait only for a moment until the database is back."""
    retry.OUTAGE_SECONDS = 0.2  # type: ignore[misc]
    return main(global_config, **settings)


class LoggingServer(WebServer):
    """The site with the log of production."""

    def prepare(self) -> None:
        super().prepare()
        with self._ini.open("a") as ini:
            ini.write(LOGGING)

    def lines(self) -> list[dict[str, Any]]:
        """The log so far."""
        found = self.log.read_text().splitlines()
        return [json.loads(line) for line in found if line.startswith("{")]


def test_outage_of_postgresql_is_two_lines(
    postgres_server: PostgresServer, migrated_postgres: str, tmp_path: Path
) -> None:
    with postgres_server.reusable(migrated_postgres) as url, ExitStack() as opened:
        proxy = opened.enter_context(FlakyProxy(postgres_server.port))
        settings = raw_settings(url.replace(str(postgres_server.port), str(proxy.port)), tmp_path)
        web = opened.enter_context(LoggingServer(settings, IMPATIENT))
        assert web.get("/undated")[0] == 200
        proxy.fail()
        with ThreadPoolExecutor(8) as visitors:
            statuses = list(visitors.map(lambda _: web.get("/undated")[0], range(200)))
        assert set(statuses) == {503}
        proxy.cut = 0
        wait_until(lambda: web.get("/undated")[0] == 200)
        wait_until(lambda: "is back" in web.log.read_text())
        lines = [line for line in web.lines() if line["level"] != "info"]
    begin, end = (line for line in lines if "database" in line["event"])
    assert begin["event"].startswith("the database is unavailable: ")
    assert begin["level"] == "error"
    assert "exception" not in begin
    assert end["event"].startswith("the database is back after ")
    assert end["failures"] >= 200
    assert len(lines) <= 2 + 2 * BURST, "those of slow and of queued requests are limited"


def test_connections_beyond_the_file_descriptors_are_a_few_lines(tmp_path: Path) -> None:
    """Of waitress alone: 120 connections at ``ulimit -n 64`` wrote a gigabyte in a minute."""
    ini, port, limit = tmp_path / "site.ini", free_port(), 64
    ini.write_text(INI + LOGGING)
    command = [sys.executable, "-W", "ignore", "-m", "pyramid.scripts.pserve", str(ini)]
    options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with (
        child(command, limit=60, env={**os.environ, "PORT": str(port)}, **options) as process,
        ExitStack() as opened,
    ):
        read_until(process, "moziweb is at")
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (limit, limit))
        before = cpu_seconds(process.pid)
        for _ in range(2 * limit):
            opened.enter_context(connected(port))
        assert ask(port, "/")[2] == b"hello", "a waiting connection is closed for a new one"
        time.sleep(1)
        assert cpu_seconds(process.pid) - before < 0.9, "the loop does not try all the time"
        process.terminate()
        assert process.stdout
        lines = process.stdout.read().splitlines()
    events = [json.loads(line)["event"] for line in lines if line.startswith("{")]
    assert events[0].startswith("the listening socket is unavailable: [Errno 24] Too many open")
    assert len(lines) <= 5, lines


def cpu_seconds(pid: int) -> float:
    """The processor time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


@pytest.fixture
def root_log(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the handler of the ini files writes, whatever other tests did to the logger."""
    queue_log = logging.getLogger("waitress.queue")
    monkeypatch.setattr(queue_log, "disabled", False)
    monkeypatch.setattr(queue_log, "propagate", True)
    monkeypatch.setattr(logging.root.manager, "disable", logging.NOTSET)
    level = queue_log.level
    queue_log.setLevel(logging.WARNING)
    stream, root = io.StringIO(), logging.getLogger()
    handler = LogHandler(stream)
    root.addHandler(handler)
    yield stream
    root.removeHandler(handler)
    queue_log.setLevel(level)
    handler.close()


def test_queue_of_waitress_is_ten_lines(root_log: io.StringIO) -> None:
    app = EchoApp()
    queued = 60
    with serving(app) as port, ExitStack() as opened:
        for _ in range(queued):
            opened.enter_context(connected(port)).send(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_until(lambda: len(app.server.task_dispatcher.queue) == queued - 2)
        app.free.set()
    lines = root_log.getvalue().splitlines()
    assert sum(line.startswith("Task queue depth is ") for line in lines) == BURST
