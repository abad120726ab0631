"""One Debian machine: the units of systemd, the script of a release, nginx."""

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from configparser import ConfigParser
from contextlib import closing, contextmanager
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from moziweb.settings import SETTINGS
from tests.services.nginx import SERVER_NAME, NginxServer
from tests.services.ports import HOST, free_port
from tests.services.process import run
from tests.threads import wait_until

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "deploy" / "systemd"
NAMES = sorted(path.name for path in UNITS.glob("moziweb*.*"))


def program(path: Path, script: str = "") -> Path:
    """A program, written for the shell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """The root folder of a machine with the units and the programs that they start."""
    units = tmp_path / "etc" / "systemd" / "system"
    units.mkdir(parents=True)
    for name in NAMES:
        shutil.copy(UNITS / name, units / name.replace("@.", "@8081."))
    for name in ("pserve", "moziweb"):
        program(tmp_path / "srv/moziweb/current/.venv/bin" / name)
    for name in ("usr/bin/memcached", "bin/sh"):
        program(tmp_path / name)
    targets = "sysinit basic shutdown network network-online multi-user timers"
    for name in targets.split():
        (units / f"{name}.target").write_text("[Unit]\nDescription=Of Debian\n")
    return tmp_path


def analyze(machine: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return run(["systemd-analyze", f"--root={machine}", *arguments])


@pytest.mark.parametrize("name", NAMES)
def test_unit_is_valid(machine: Path, name: str) -> None:
    done = analyze(machine, "verify", "--man=no", name.replace("@.", "@8081."))
    assert (done.returncode, done.stderr) == (0, "")


def values(name: str) -> dict[str, str]:
    """The keys of a unit; the last value of each."""
    return dict(re.findall(r"^(\w+)=(.*)$", (UNITS / name).read_text(), re.MULTILINE))


def test_a_web_process_has_the_time_to_finish_its_requests() -> None:
    seconds = {one.name: one.default for one in SETTINGS}
    needed = seconds["server.drain_seconds"] + seconds["server.shutdown_timeout"] + 10
    assert int(values("moziweb-web@.service")["TimeoutStopSec"]) > needed
    assert values("moziweb-web@.service")["KillMode"] == "mixed", "decoders are not signalled"


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(".service")])
def test_processes_have_few_rights(name: str) -> None:
    assert values(name)["User"] in {"moziweb", "memcache"}
    assert values(name)["ProtectSystem"] == "strict"
    assert values(name)["NoNewPrivileges"] == "yes"


def test_units_and_guide_name_the_same_places() -> None:
    guide = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    both = "moziweb-web@8081 moziweb-web@8082"
    for named in ("/etc/moziweb/environment", "/srv/moziweb/", both, f"--metrics {METRICS}"):
        assert named in guide
    for path in re.findall(r"deploy/[\w./*-]+", guide):
        assert list(ROOT.glob(path.rstrip("."))), path
    used = set(re.findall(r"^(\w+)=", (UNITS / "environment").read_text(), re.MULTILINE))
    ini = (ROOT / "production.ini").read_text()
    assert used <= set(re.findall(r"\$\{(\w+)", ini))
    needed = set(re.findall(r"\$\{(\w+)\}", ini))
    assert needed <= used


METRICS = values("moziweb-worker.service")["ExecStart"].rpartition(" ")[2]
"""The address of the heartbeats of a worker."""

SYSTEMCTL = """
echo "systemctl $*" >> "$LOG"
if [ "$1" = list-units ]; then
  echo "moziweb-web@8081.service loaded active running"
  echo "moziweb-web@8082.service loaded active running"
  echo "moziweb-worker.service loaded active running"
fi
"""
RUNUSER = """
test "$1 $2 $3" = "--user moziweb --" || exit 9
shift 3
exec "$@"
"""


@pytest.fixture
def deploy(tmp_path: Path) -> "Deploy":
    return Deploy(tmp_path)


class Deploy:
    """``moziweb-deploy`` on a machine whose programs log what they are called with."""

    def __init__(self, folder: Path) -> None:
        self.home, self.log, self.bin = folder / "srv", folder / "log", folder / "bin"
        program(self.bin / "systemctl", SYSTEMCTL)
        program(self.bin / "runuser", RUNUSER)
        program(self.bin / "curl", 'for last; do :; done; echo "curl $last" >> "$LOG"')
        (folder / "environment").write_text("SITE_BASE_URL=https://moziweb.example\n")
        self.environ = {
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "LOG": str(self.log),
            "MOZIWEB_ENVIRONMENT": str(folder / "environment"),
        }

    def add_release(self, name: str, moziweb: str) -> Path:
        """Add an installed release, with the script that is its command."""
        folder = self.home / name
        program(folder / ".venv" / "bin" / "moziweb", moziweb)
        (folder / ".venv" / "installed").touch()
        return folder

    def run(self, release: Path) -> "subprocess.CompletedProcess[str]":
        self.log.write_text("")
        return run([UNITS / "moziweb-deploy", release], env=self.environ)


LOGGED = 'echo "$SITE_BASE_URL $*" >> "$LOG"'


def test_release_migrates_warms_and_restarts_one_process_after_another(deploy: Deploy) -> None:
    release = deploy.add_release("1.1", LOGGED)
    done = deploy.run(release)
    assert done.returncode == 0, done.stderr
    assert (deploy.home / "current").resolve() == release
    assert deploy.log.read_text().splitlines() == [
        "https://moziweb.example -c production.ini db upgrade",
        "https://moziweb.example -c production.ini cache warm",
        "systemctl list-units --plain --no-legend moziweb-web@* moziweb-worker.service",
        "systemctl restart moziweb-web@8081.service",
        "curl http://127.0.0.1:8081/__lbheartbeat__",
        "systemctl restart moziweb-web@8082.service",
        "curl http://127.0.0.1:8082/__lbheartbeat__",
        "systemctl restart moziweb-worker.service",
        f"curl http://{METRICS}/__lbheartbeat__",
    ]


def test_rollback_is_the_release_before(deploy: Deploy) -> None:
    before, after = deploy.add_release("1.0", LOGGED), deploy.add_release("1.1", LOGGED)
    for release in (after, before):
        assert deploy.run(release).returncode == 0
        assert (deploy.home / "current").resolve() == release


def test_failed_migration_changes_nothing(deploy: Deploy) -> None:
    before = deploy.add_release("1.0", LOGGED)
    assert deploy.run(before).returncode == 0
    done = deploy.run(deploy.add_release("1.1", '[ "$3" != db ]'))
    assert done.returncode == 1
    assert (deploy.home / "current").resolve() == before
    assert "restart" not in deploy.log.read_text()


def test_pages_that_are_not_warm_stop_no_release(deploy: Deploy) -> None:
    done = deploy.run(deploy.add_release("1.1", '[ "$3" != cache ]'))
    assert done.returncode == 0
    assert "rendered at their first request" in done.stderr


def restarts(deploy: Deploy) -> list[str]:
    """The units that were restarted, and the release of each."""
    return [line for line in deploy.log.read_text().splitlines() if line.startswith("restarted")]


def test_process_that_does_not_answer_brings_the_release_before_back(deploy: Deploy) -> None:
    before, after = deploy.add_release("1.0", LOGGED), deploy.add_release("1.1", LOGGED)
    current = f'$(basename "$(realpath {deploy.home / "current"})")'
    program(
        deploy.bin / "systemctl",
        SYSTEMCTL + f'if [ "$1" = restart ]; then echo "restarted $2 {current}" >> "$LOG"; fi',
    )
    assert deploy.run(before).returncode == 0
    for address, unit in ((METRICS, "moziweb-worker"), ("127.0.0.1:8081", "moziweb-web@8081")):
        fails = f'[ "$last" = http://{address}/__lbheartbeat__ ] && [ "{current}" = 1.1 ]'
        program(deploy.bin / "curl", f"for last; do :; done; if {fails}; then exit 22; fi")
        done = deploy.run(after)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.splitlines() == [
            f"{unit}.service does not answer on {after}: see journalctl --unit {unit}.service",
            f"{before} is running.",
        ]
        assert restarts(deploy)[-3:] == [
            "restarted moziweb-web@8081.service 1.0",
            "restarted moziweb-web@8082.service 1.0",
            "restarted moziweb-worker.service 1.0",
        ]
        assert (deploy.home / "current").resolve() == before
    assert restarts(deploy)[0] == "restarted moziweb-web@8081.service 1.1"
    assert len(restarts(deploy)) == 4, "the other one was not restarted on 1.1"


def test_return_restarts_also_the_processes_after_one_that_fails_again(deploy: Deploy) -> None:
    before, after = deploy.add_release("1.0", LOGGED), deploy.add_release("1.1", LOGGED)
    assert deploy.run(before).returncode == 0
    answered = f'for last; do :; done; [ "$last" = http://{METRICS}/__lbheartbeat__ ]'
    program(deploy.bin / "curl", answered)
    done = deploy.run(after)
    assert (done.returncode, done.stdout) == (1, "")
    assert "is running" not in done.stderr
    assert [line for line in deploy.log.read_text().splitlines() if " restart " in line] == [
        "systemctl restart moziweb-web@8081.service",
        "systemctl restart moziweb-web@8081.service",
        "systemctl restart moziweb-web@8082.service",
        "systemctl restart moziweb-worker.service",
    ]
    assert (deploy.home / "current").resolve() == before


def test_process_that_accepts_connections_and_never_answers_fails_the_release(
    deploy: Deploy,
) -> None:
    """``curl`` waits for it without an end, unless it has a limit of time."""
    program(deploy.bin / "curl", 'case "$*" in *"--max-time "*) exit 28; esac; exec sleep 300')
    done = deploy.run(deploy.add_release("1.1", LOGGED))
    assert (done.returncode, done.stdout) == (1, "")


def test_release_that_cannot_be_linked_restarts_nothing(deploy: Deploy) -> None:
    (deploy.home / "current").mkdir(parents=True)
    done = deploy.run(deploy.add_release("1.1", LOGGED))
    assert (done.returncode, done.stdout) == (1, "")
    assert "cannot overwrite directory" in done.stderr
    assert " restart " not in deploy.log.read_text()


def test_first_release_whose_process_does_not_answer_fails(deploy: Deploy) -> None:
    program(deploy.bin / "curl", "exit 22")
    done = deploy.run(release := deploy.add_release("1.1", LOGGED))
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert (deploy.home / "current").resolve() == release


def test_process_that_cannot_be_started_fails_the_release(deploy: Deploy) -> None:
    program(deploy.bin / "systemctl", SYSTEMCTL + '[ "$1" != restart ]')
    assert deploy.run(deploy.add_release("1.1", LOGGED)).returncode == 1


def test_site_without_a_worker_starts_none(deploy: Deploy) -> None:
    program(deploy.bin / "systemctl", SYSTEMCTL.replace("moziweb-worker.service", ""))
    assert deploy.run(deploy.add_release("1.1", LOGGED)).returncode == 0
    assert "restart moziweb-worker" not in deploy.log.read_text()


class Echo(BaseHTTPRequestHandler):
    """Answers with the headers of the request and the length of its body."""

    protocol_version = "HTTP/1.1"
    began: ClassVar[list[str]] = []
    """The paths of all requests, also of those whose body has not arrived."""

    def do_GET(self) -> None:
        self.began.append(self.path)
        length = int(self.headers.get("Content-Length", 0))
        got = len(self.rfile.read(length))
        body = json.dumps({**self.headers, "got": got}).encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("xkey", "t" * 8000)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_arguments: object) -> None:
        """Write no log."""


def has_begun(path: str) -> bool:
    return path in Echo.began


@contextmanager
def echo() -> Iterator[int]:
    """The port of a server of ``Echo``."""
    server = ThreadingHTTPServer((HOST, 0), Echo)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=[0.05])
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def ask(
    nginx: NginxServer, method: str = "GET", body: bytes = b"", path: str = "/"
) -> dict[str, Any]:
    """What a process got of a request through nginx."""
    with closing(socket.create_connection((HOST, nginx.port), timeout=30)) as plain:
        connection = http.client.HTTPSConnection(SERVER_NAME)
        connection.sock = nginx.context().wrap_socket(plain, server_hostname=SERVER_NAME)
        connection.request(method, path, body, {"X-Forwarded-For": "192.0.2.1"})
        with connection.getresponse() as response:
            assert response.status == HTTPStatus.OK
            seen: dict[str, Any] = json.loads(response.read())
        connection.close()
    return seen


def test_nginx_passes_what_the_site_reads() -> None:
    ini = ConfigParser(interpolation=None)
    ini.read(ROOT / "production.ini")
    largest = int(ini["server:main"]["max_request_body_size"])
    with echo() as first, echo() as second, NginxServer(first, second) as nginx:
        seen = ask(nginx)
        assert seen["Host"] == SERVER_NAME
        assert seen["X-Forwarded-Proto"] == "https"
        assert seen["X-Forwarded-For"] == f"192.0.2.1, {HOST}"
        assert re.fullmatch(r"[0-9a-f]{32}", seen["X-Request-ID"])
        assert abs(float(seen["X-Request-Start"].removeprefix("t=")) - time.time()) < 60
        assert ask(nginx, "POST", bytes(largest))["got"] == largest


@contextmanager
def begun(nginx: NginxServer, path: str, length: int) -> Iterator[http.client.HTTPSConnection]:
    """A connection that has sent the head of a request with a body of this length."""
    with closing(socket.create_connection((HOST, nginx.port), timeout=30)) as plain:
        connection = http.client.HTTPSConnection(SERVER_NAME)
        connection.sock = nginx.context().wrap_socket(plain, server_hostname=SERVER_NAME)
        connection.putrequest("POST", path)
        connection.putheader("Content-Length", str(length))
        connection.endheaders()
        yield connection
        connection.close()


def test_large_bodies_reach_the_manager_only_and_are_not_buffered() -> None:
    length = 20 * 2**20 + 1
    with echo() as first, echo() as second, NginxServer(first, second) as nginx:
        for path in ("/", "/en/search", "/manager", "/en/manager/set-password"):
            with begun(nginx, path, length) as connection, connection.getresponse() as response:
                assert response.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE, path
        for path in ("/manager/imports?begun", "/en/manager/imports?begun"):
            with begun(nginx, path, length) as connection:
                wait_until(partial(has_begun, path))
                connection.send(bytes(length))
                with connection.getresponse() as response:
                    seen = json.loads(response.read())
                assert (seen["got"], seen["Host"]) == (length, SERVER_NAME)
                assert seen["X-Forwarded-For"] == HOST
                assert "X-Request-Start" not in seen, "the upload is not queueing"
        assert "X-Request-Start" in ask(nginx, path="/manager/")


def test_links_that_set_a_password_are_not_logged() -> None:
    with echo() as first, echo() as second, NginxServer(first, second) as nginx:
        for prefix in ("", "/en"):
            seen = ask(nginx, path=f"{prefix}/manager/set-password?link=secret")
            assert seen["X-Forwarded-For"] == f"192.0.2.1, {HOST}"
        ask(nginx, path="/manager/sign-in?link=other")
        log = nginx.home / "access.log"
        deadline = time.monotonic() + 10
        while "other" not in log.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert "secret" not in log.read_text()


def test_nginx_uses_the_process_that_runs() -> None:
    with echo() as first, NginxServer(first, free_port()) as nginx:
        assert all(ask(nginx) for _ in range(4))
