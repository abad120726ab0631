"""``pserve`` with the site's server runner: start, errors and shutdown."""

import errno
import os
import re
import signal
import socket
import threading
import time
import urllib.request
from configparser import ConfigParser
from pathlib import Path
from typing import cast

import pytest
from pyramid.registry import Registry
from waitress.adjustments import Adjustments
from webtest import TestApp

import moziweb
from moziweb import server
from moziweb.cache.http.fast_path import FastPathMiddleware
from moziweb.cli.context import CommandContext
from moziweb.posters.generation.admission import AdmissionControl
from moziweb.services import Services, services_of, set_services
from moziweb.settings.keys import SETTINGS
from moziweb.storage.disk import DiskStorage
from moziweb.storage.s3 import S3Storage
from tests.cli.conftest import close_context
from tests.conftest import close_services
from tests.server.hello import main
from tests.server.pserve import INI, PATIENCE, pserve
from tests.services.memcached import MemcachedServer
from tests.services.ports import HOST, accepts, free_port
from tests.services.process import is_group_running, read_until
from tests.services.s3 import REGION
from tests.site.cached import CACHED
from tests.threads import join_threads


@pytest.fixture
def ini(tmp_path: Path) -> Path:
    path = tmp_path / "site.ini"
    path.write_text(INI)
    return path


def test_server_prints_its_url_and_serves(ini: Path) -> None:
    port = free_port()
    with pserve(ini, port) as process:
        line = read_until(process, "moziweb is at").splitlines()[-1]
        assert line == f"moziweb is at http://127.0.0.1:{port}/"
        url = line.removeprefix("moziweb is at ")
        with urllib.request.urlopen(url, timeout=PATIENCE) as response:
            assert response.read() == b"hello"


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_signal_shuts_the_server_down(ini: Path, signum: signal.Signals) -> None:
    port = free_port()
    with pserve(ini, port) as process:
        read_until(process, "moziweb is at")
        process.send_signal(signum)
        assert process.stdout
        assert "Traceback" not in process.stdout.read()
        assert process.wait(PATIENCE) == 0
    assert not accepts(port)


def test_signals_reach_the_server_where_the_tests_ignore_them(ini: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        test_signal_shuts_the_server_down(ini, signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_reloader_ends_with_its_children(ini: Path) -> None:
    port = free_port()
    with pserve(ini, port, "--reload") as process:
        read_until(process, "moziweb is at")
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
        assert not is_group_running(process.pid)
    assert not accepts(port)


def test_reloader_restarts_the_server_when_the_ini_file_changes(ini: Path) -> None:
    port = free_port()
    with pserve(ini, port, "--reload") as process:
        read_until(process, "moziweb is at")
        time.sleep(1.1)  # the reloader compares modification times
        ini.write_text(INI.replace("threads = 2", "threads = 3"))
        assert f":{port}/" in read_until(process, "moziweb is at").splitlines()[-1]


def test_busy_port_is_a_one_line_error(ini: Path) -> None:
    with socket.create_server((HOST, 0)) as other:
        port = other.getsockname()[1]
        with pserve(ini, port) as process:
            assert process.stdout
            lines = process.stdout.read().splitlines()
            assert process.wait(PATIENCE) == 1
    (line,) = [line for line in lines if line.startswith("moziweb:")]
    assert line.startswith(f"moziweb: 127.0.0.1:{port} is already in use")
    assert "Traceback" not in "".join(lines)


@pytest.mark.parametrize(
    ("code", "message"),
    [(errno.EACCES, "for this account"), (errno.EADDRNOTAVAIL, "not an address of this machine")],
)
def test_unavailable_address_is_a_one_line_error(
    monkeypatch: pytest.MonkeyPatch, code: int, message: str
) -> None:
    """The error is simulated, because root may use any port."""

    def refuse(*_arguments: object, **_options: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(server, "create_server", refuse)
    with pytest.raises(server.ServerError, match=f"^127.0.0.1:80 .*{message}"):
        server.bind(main({}), {"host": "127.0.0.1", "port": "80"})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"port": "${NOT_SET_ANYWHERE}"}, "NOT_SET_ANYWHERE is not set"),
        ({"thraeds": "4"}, "thraeds"),
        ({"port": "many"}, "^port = many: expected a whole number from 0 to 65535$"),
        ({"threads": "many"}, "^threads = many: expected a whole number from 1 to 1000$"),
        ({"threads": "0"}, "^threads = 0: expected a whole number from 1 to 1000$"),
        ({"backlog": "1e3"}, "^backlog = 1e3: expected a whole number from 0 to 2147483647$"),
        ({"listen": "nowhere at all"}, "server:main"),
    ],
)
def test_wrong_option_is_a_one_line_error(settings: dict[str, str], message: str) -> None:
    with pytest.raises(server.ServerError, match=message) as caught:
        server.bind(main({}), settings)
    assert "\n" not in str(caught.value)


def test_all_numbers_of_waitress_are_checked() -> None:
    numbers = {name for name, parse in vars(Adjustments)["_params"] if parse is int}
    assert server._WHOLE_NUMBERS.keys() == numbers


@pytest.mark.parametrize("port", ["80000", "65536", "abc", "-1", "8080.0", "٨٠", "http"])
def test_error_for_a_wrong_port_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, port: str
) -> None:
    monkeypatch.setenv("PORT", port)
    with pytest.raises(server.ServerError) as caught:
        server.bind(main({}), {"host": HOST, "port": "${PORT:-8080}"})
    expected = "expected a whole number from 0 to 65535"
    assert str(caught.value) == f"port = ${{PORT:-8080}} ({port}): {expected}"


def test_empty_port_variable_means_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "")
    free = free_port()
    bound = server.bind(main({}), {"host": HOST, "port": f"${{PORT:-{free}}}", "threads": "1"})
    try:
        assert server.address(bound) == f"http://127.0.0.1:{free}/"
    finally:
        bound.close()


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ({"host": "127.0.0.1", "port": "0"}, r"http://127\.0\.0\.1:\d+/"),
        ({"host": "0.0.0.0", "port": "0"}, r"http://127\.0\.0\.1:\d+/"),
        ({"listen": "127.0.0.1:0 127.0.0.1:0"}, r"http://127\.0\.0\.1:\d+/"),
    ],
)
def test_printed_url_opens_in_a_browser(options: dict[str, str], url: str) -> None:
    bound = server.bind(main({}), {**options, "threads": "1"})
    try:
        assert re.fullmatch(url, server.address(bound))
    finally:
        bound.close()


class RecordingAdmission:
    threads = 0

    def set_thread_count(self, threads: int) -> None:
        self.threads = threads


def test_posters_cannot_occupy_every_thread(tmp_path: Path) -> None:
    class App:
        registry = Registry()

        def __call__(self, *_: object) -> None:
            raise NotImplementedError

    base = {"site.base_url": "https://moziweb.test", "site.hsts": False}
    App.registry.settings = {"posters.inline_slots": 4, **base}
    with pytest.raises(
        server.ServerError, match="inline_slots = 4 needs at least 6 waitress threads"
    ):
        server.bind(App(), {"listen": f"{HOST}:0", "threads": "5"})
    admission, storage = RecordingAdmission(), DiskStorage(tmp_path, "https://posters.example")
    services = Services(poster_admission=cast(AdmissionControl, admission), storage=storage)
    set_services(App.registry, services)
    bound = server.bind(App(), {"listen": f"{HOST}:0", "threads": "6"})
    bound.close()
    assert admission.threads == 6
    with pytest.raises(server.ServerError, match="threads = 4"):  # waitress's own default
        server.bind(App(), {"listen": f"{HOST}:0"})


def test_outage_noticed_in_the_loop_starts_no_thread(
    settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that the loop starts would also have the loop's priority."""
    with MemcachedServer() as memcached:
        cached = {**settings, **CACHED, "cache.stamps.url": f"memcached://{memcached.address}"}
        app = moziweb.main({}, **cached)
        pages = services_of(app.registry).page_cache
        assert pages is not None
        assert isinstance(app, FastPathMiddleware)
        server._start_threads(app)
        try:
            assert "cache-probe" in {each.name for each in threading.enumerate()}
            join_threads("storage-check")
            client = TestApp(app)
            for _ in range(2):
                client.get("/undated")
            started: list[threading.Thread] = []
            monkeypatch.setattr(threading.Thread, "start", started.append)
            request = {"PATH_INFO": "/undated"}
            assert app.in_memory([request])[0] is not None
            memcached.kill()
            for _ in range(3):
                assert app.in_memory([request]) == [None]
            assert started == []
        finally:
            pages.relay.stop()
            close_services(app.registry)


def test_only_a_web_process_limits_the_calls_of_its_storage(
    settings: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clients of a worker and of commands do not wait."""
    of_storage = {
        "storage.backend": "s3",
        "storage.s3.bucket": "posters",
        "storage.s3.region": REGION,
        "storage.s3.endpoint_url": f"http://{HOST}:{free_port()}",
    }
    given = {**settings, **of_storage}
    del given["storage.disk.path"]
    app = moziweb.main({}, **given)
    storage = services_of(app.registry).storage
    assert isinstance(storage, S3Storage)
    limits = [storage._call_limit]
    server._start_threads(app)
    try:
        limits.append(storage._call_limit)
        join_threads("storage-check")
    finally:
        close_services(app.registry)
    ini = tmp_path / "site.ini"
    lines = (f"{key} = {value}\n" for key, value in given.items())
    ini.write_text(f"[app:main]\nuse = egg:moziweb\n{''.join(lines)}")
    monkeypatch.setattr(CommandContext, "_set_up_logging", lambda self: None)
    command = CommandContext(str(ini))
    storage = command.services.storage
    assert isinstance(storage, S3Storage)
    limits.append(storage._call_limit)
    assert limits == [None, 5.0, None]
    close_context(command)


LIMITS = {
    "connection_limit": 400,
    "channel_timeout": 120,
    "cleanup_interval": 5,
    "max_request_header_size": 16_384,
    "inbuf_overflow": 65_536,
}
TIMES = {"server.request_timeout": 30.0, "server.write_timeout": 30.0}


def test_clients_are_limited_without_an_ini_key() -> None:
    bound = server.bind(main({}), {"listen": f"{HOST}:0", "threads": "1"})
    bound.close()
    assert {name: getattr(bound.adj, name) for name in LIMITS} == LIMITS
    assert {each.name: each.default for each in SETTINGS if each.name in TIMES} == TIMES


@pytest.mark.parametrize("name", ["development.ini", "production.ini"])
def test_ini_file_and_document_say_the_limits(name: str) -> None:
    root = Path(server.__file__).parents[2]
    document = (root / "docs" / "deployment.md").read_text()
    ini = ConfigParser(interpolation=None)
    ini.read(root / name)
    for key in ("connection_limit", "channel_timeout", "max_request_header_size"):
        assert int(ini["server:main"][key]) == LIMITS[key]
        assert f"| `{key}` | {LIMITS[key]:,}" in document
    for key, value in TIMES.items():
        assert float(ini["app:main"][key]) == value
        assert f"| `{key}` | {value:g} s |" in document


@pytest.mark.parametrize("name", ["development.ini", "production.ini"])
def test_body_limit_of_the_ini_file_fits_the_largest_upload(name: str) -> None:
    """The largest upload and its form fit; waitress's own limit is a gigabyte."""
    ini = ConfigParser(interpolation=None)
    ini.read(Path(server.__file__).parents[2] / name)
    options = {**ini["server:main"], "host": HOST, "port": "0"}
    del options["use"]
    bound = server.bind(main({}), options)
    try:
        largest = bound.adj.max_request_body_size
    finally:
        bound.close()
    (source_mb,) = (one.default for one in SETTINGS if one.name == "posters.max_source_mb")
    assert source_mb * 1_000_000 + 1_000_000 < largest <= 25_000_000
