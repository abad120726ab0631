"""``pserve`` with our runner: what it says, and how it begins and ends."""

import errno
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from configparser import ConfigParser
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from pyramid.registry import Registry

from moziweb import server
from moziweb.posters.decoder import MEBIBYTE, DecoderPool, ResourceLimits
from moziweb.settings.keys import SETTINGS
from tests.served import main
from tests.services.ports import HOST, accepts, free_port

INI = """\
[app:main]
paste.app_factory = tests.served:main

[server:main]
use = egg:moziweb#waitress
host = 127.0.0.1
port = ${PORT:-6543}
threads = 2
"""

PATIENCE = 30.0


@pytest.fixture
def ini(tmp_path: Path) -> Path:
    path = tmp_path / "site.ini"
    path.write_text(INI)
    return path


@contextmanager
def pserve(ini: Path, port: int, *options: str) -> Iterator[subprocess.Popen[str]]:
    """pserve in a process group of its own, so that a failing test leaves nothing behind."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pyramid.scripts.pserve", str(ini), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, "PORT": str(port), "PYTHONWARNINGS": "ignore"},
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout:
            process.stdout.close()


def lines_until(process: subprocess.Popen[str], wanted: str) -> list[str]:
    """What the process says, up to the line that holds ``wanted``."""
    assert process.stdout
    said: list[str] = []
    for line in process.stdout:
        said.append(line.rstrip())
        if wanted in line:
            return said
    raise AssertionError(f"it never said {wanted!r}, but: {said}")


def test_it_says_where_it_is_and_serves(ini: Path) -> None:
    port = free_port()
    with pserve(ini, port) as process:
        said = lines_until(process, "moziweb is at")[-1]
        assert said == f"moziweb is at http://127.0.0.1:{port}/"
        with urllib.request.urlopen(said.removeprefix("moziweb is at ")) as response:
            assert response.read() == b"hello"


def test_the_loop_goes_before_the_threads(ini: Path) -> None:
    with pserve(ini, free_port()) as process:
        lines_until(process, "moziweb is at")
        threads = [int(path.name) for path in Path(f"/proc/{process.pid}/task").iterdir()]
        ranks = {thread: os.getpriority(os.PRIO_PROCESS, thread) for thread in threads}
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    assert ranks.pop(process.pid) == ours
    assert len(ranks) >= 2, "the ini gives two threads"
    assert set(ranks.values()) == {min(19, ours + 5)}


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_in_order(ini: Path, signum: signal.Signals) -> None:
    port = free_port()
    with pserve(ini, port) as process:
        lines_until(process, "moziweb is at")
        process.send_signal(signum)
        assert process.stdout
        assert "Traceback" not in process.stdout.read()
        assert process.wait(PATIENCE) == 0
    assert not accepts(port)


def test_under_the_reloader_it_ends_with_its_children(ini: Path) -> None:
    port = free_port()
    with pserve(ini, port, "--reload") as process:
        lines_until(process, "moziweb is at")
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)
    assert not accepts(port)


def test_under_the_reloader_it_begins_again_when_the_file_changes(ini: Path) -> None:
    port = free_port()
    with pserve(ini, port, "--reload") as process:
        lines_until(process, "moziweb is at")
        time.sleep(1.1)  # the reloader compares modification times
        ini.write_text(INI.replace("threads = 2", "threads = 3"))
        assert f":{port}/" in lines_until(process, "moziweb is at")[-1]


def test_a_busy_port_is_one_line(ini: Path) -> None:
    with socket.create_server((HOST, 0)) as other:
        port = other.getsockname()[1]
        with pserve(ini, port) as process:
            assert process.stdout
            said = process.stdout.read().splitlines()
    assert process.returncode == 1
    (line,) = [line for line in said if line.startswith("moziweb:")]
    assert line.startswith(f"moziweb: 127.0.0.1:{port} is in use already")
    assert "Traceback" not in "".join(said)


@pytest.mark.parametrize(
    ("code", "told"),
    [(errno.EACCES, "from this account"), (errno.EADDRNOTAVAIL, "no address of this machine")],
)
def test_an_address_that_is_not_to_be_had_is_one_line(
    monkeypatch: pytest.MonkeyPatch, code: int, told: str
) -> None:
    """Root may use any port, so the refusal is made up."""

    def refuse(*_arguments: object, **_options: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(server, "create_server", refuse)
    with pytest.raises(server.ServerError, match=f"^127.0.0.1:80 .*{told}"):
        server.bind(main({}), {"host": "127.0.0.1", "port": "80"})


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"port": "${NOT_SET_ANYWHERE}"}, "NOT_SET_ANYWHERE is not set"),
        ({"thraeds": "4"}, "thraeds"),
        ({"port": "many"}, "^port = many: expected a whole number from 0 to 65535$"),
        ({"listen": "nowhere at all"}, "server:main"),
    ],
)
def test_a_wrong_option_is_one_line(settings: dict[str, str], told: str) -> None:
    with pytest.raises(server.ServerError, match=told) as caught:
        server.bind(main({}), settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("port", ["80000", "65536", "abc", "-1", "8080.0", "٨٠", "http"])
def test_a_port_that_is_none_is_named_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, port: str
) -> None:
    monkeypatch.setenv("PORT", port)
    with pytest.raises(server.ServerError) as caught:
        server.bind(main({}), {"host": HOST, "port": "${PORT:-8080}"})
    expected = "expected a whole number from 0 to 65535"
    assert str(caught.value) == f"port = ${{PORT:-8080}} ({port}): {expected}"


def test_a_port_of_nothing_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "")
    free = free_port()
    bound = server.bind(main({}), {"host": HOST, "port": f"${{PORT:-{free}}}", "threads": "1"})
    try:
        assert server.address(bound) == f"http://127.0.0.1:{free}/"
    finally:
        bound.close()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"host": "127.0.0.1", "port": "0"}, r"http://127\.0\.0\.1:\d+/"),
        ({"host": "0.0.0.0", "port": "0"}, r"http://127\.0\.0\.1:\d+/"),
        ({"listen": "127.0.0.1:0 127.0.0.1:0"}, r"http://127\.0\.0\.1:\d+/"),
    ],
)
def test_the_address_is_one_that_a_browser_can_open(options: dict[str, str], told: str) -> None:
    bound = server.bind(main({}), {**options, "threads": "1"})
    try:
        assert re.fullmatch(told, server.address(bound))
    finally:
        bound.close()


@pytest.mark.parametrize(("chosen", "at_work"), [(None, 1), (2, 2)])
def test_a_core_is_left_to_pages_unless_the_ini_says_how_many(
    chosen: int | None, at_work: int
) -> None:
    class App:
        registry = Registry()

        def __call__(self, *_: object) -> None:
            raise NotImplementedError

    workshop = DecoderPool(2, MEBIBYTE, ResourceLimits())
    App.registry.settings = {"posters.decoder.children": chosen}
    App.registry["poster_workshop"] = workshop
    server._leave_a_core_to_pages(App())
    with ExitStack() as held:
        for _ in range(at_work):
            assert not workshop.is_full
            held.enter_context(workshop._place(pytest.fail))
        assert workshop.is_full


class RecordingGate:
    threads = 0

    def serve_with(self, threads: int) -> None:
        self.threads = threads


def test_posters_never_have_every_thread() -> None:
    class App:
        registry = Registry()

        def __call__(self, *_: object) -> None:
            raise NotImplementedError

    App.registry.settings = {"posters.inline_slots": 4}
    with pytest.raises(server.ServerError, match="leave no thread for pages"):
        server.bind(App(), {"listen": f"{HOST}:0", "threads": "5"})
    App.registry["poster_gate"] = gate = RecordingGate()
    bound = server.bind(App(), {"listen": f"{HOST}:0", "threads": "6"})
    bound.close()
    assert gate.threads == 6
    with pytest.raises(server.ServerError, match="threads = 4"):  # waitress's own default
        server.bind(App(), {"listen": f"{HOST}:0"})


@pytest.mark.parametrize("name", ["development.ini", "production.ini"])
def test_a_body_that_nobody_needs_is_refused_before_it_is_read_whole(name: str) -> None:
    """The largest upload fits with room for its form; waitress's own limit is a gigabyte."""
    ini = ConfigParser(interpolation=None)
    ini.read(Path(server.__file__).parents[1] / name)
    options = {**ini["server:main"], "host": HOST, "port": "0"}
    del options["use"]
    bound = server.bind(main({}), options)
    try:
        largest = bound.adj.max_request_body_size
    finally:
        bound.close()
    (source_mb,) = (one.default for one in SETTINGS if one.name == "posters.max_source_mb")
    assert source_mb * 1_000_000 + 1_000_000 < largest <= 25_000_000
