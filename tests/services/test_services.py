"""Helpers for servers and child processes."""

import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from .memcached import MemcachedServer
from .ports import accepts, free_port
from .postgres import PostgresServer
from .process import (
    Service,
    ServiceError,
    child,
    find_program,
    is_group_running,
    read_until,
    run,
)
from .s3 import S3Server

ROOT = Path(__file__).parents[2]


class Sleeper(Service):
    """A process that never becomes ready."""

    name = "sleeper"

    def __init__(self, *arguments: str) -> None:
        super().__init__()
        self.arguments = arguments

    def command(self) -> list[str]:
        return [sys.executable, "-S", "-c", *self.arguments]

    def is_ready(self) -> bool:
        return False


def test_memcached_is_stopped_and_started_on_its_port() -> None:
    with MemcachedServer() as server:
        first = server.pid
        server.stop()
        assert not accepts(server.port)
        server.start()
        assert server.pid != first
        assert server.statistics()["pid"] == str(server.pid)
    assert not server.alive
    assert not server.home.exists() or not any(server.home.iterdir())


def test_paused_memcached_continues(memcached_server: MemcachedServer) -> None:
    with memcached_server.paused(), pytest.raises(TimeoutError):
        memcached_server.ask("version")
    assert memcached_server.ask("version").startswith("VERSION")


def test_frozen_memcached_is_stopped() -> None:
    with MemcachedServer() as server:
        server.pause()
        server.stop()
        assert not server.alive


def test_killed_memcached_is_gone() -> None:
    with MemcachedServer() as server:
        server.kill()
        assert not accepts(server.port)
        with pytest.raises(ServiceError, match="does not run"):
            server.pause()


def test_postgres_copies_a_template(postgres_server: PostgresServer) -> None:
    def prepare(url: str) -> None:
        with postgres_server.connect(url.rpartition("/")[2]) as connection:
            connection.execute("CREATE TABLE films AS SELECT 'Macskafogó' AS title")

    template = postgres_server.make_template(prepare)
    with postgres_server.database(template) as url:
        name = url.rpartition("/")[2]
        with postgres_server.connect(name) as connection:
            assert connection.execute("SELECT title FROM films").fetchall() == [("Macskafogó",)]
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        postgres_server.connect(name)
    postgres_server.drop(template)


def test_a_reusable_database_is_empty_again(postgres_server: PostgresServer) -> None:
    def prepare(url: str) -> None:
        with postgres_server.connect(url.rpartition("/")[2]) as connection:
            connection.execute("CREATE TABLE films (id serial PRIMARY KEY, title text)")

    template = postgres_server.make_template(prepare)
    names = []
    for _ in range(2):
        with postgres_server.reusable(template) as url:
            names.append(url.rpartition("/")[2])
            connection = postgres_server.connect(names[-1])
            row = connection.execute("INSERT INTO films VALUES (DEFAULT, 'a') RETURNING id")
            assert row.fetchone() == (1,)
            assert connection.execute("SELECT count(*) FROM films").fetchone() == (1,)
        connection.close()  # the server has closed its end
    assert names[0] == names[1]
    with postgres_server.reusable(template), postgres_server.connect(names[0]) as connection:
        connection.execute("ALTER TABLE films ADD COLUMN year integer")
    with postgres_server.reusable(template) as url:
        assert url.rpartition("/")[2] != names[0], "its schema had changed"
    postgres_server.drop(template)


def test_postgres_keeps_its_data_over_a_kill() -> None:
    with PostgresServer() as server:
        name = server.create()
        server.kill()
        server.start()
        with server.connect(name) as connection:
            assert connection.info.dbname == name


def test_s3_keeps_its_objects_over_a_restart() -> None:
    with S3Server() as server, server.bucket(acls=True) as bucket:
        bucket.client.put_object(Bucket=bucket.name, Key="kept", Body=b"body", ACL="public-read")
        server.stop()
        server.start()
        assert bucket.client.get_object(Bucket=bucket.name, Key="kept")["Body"].read() == b"body"


def test_missing_s3_server_is_reported_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOZIWEB_S3_PYTHON", "/nonexistent/python")
    with pytest.raises(ServiceError, match=r"^no S3 server at .*: run `make test-services`$"):
        S3Server().__enter__()


def test_missing_program_is_reported_in_one_line() -> None:
    with pytest.raises(ServiceError, match=r"^no-such-server is not installed: run `make"):
        find_program("no-such-server")


def test_server_that_ends_while_starting_shows_its_log() -> None:
    with pytest.raises(ServiceError, match="no such luck"):
        Sleeper("raise SystemExit('no such luck')").__enter__()


def test_server_that_is_not_ready_in_time_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.services.process.READY_SECONDS", 0.0)
    server = Sleeper("import time; time.sleep(60)")
    with pytest.raises(ServiceError, match="not ready in time"):
        server.__enter__()
    assert not server.alive


IGNORING = """
import signal, subprocess, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
from tests.services.process import restore_default_signals
restore_default_signals()
print(subprocess.check_output([sys.executable, "-c", "import signal; print(signal.getsignal(2))"]))
"""


def test_children_of_a_background_job_get_default_signals() -> None:
    """A shell starts it with SIGINT ignored, and children inherit that."""
    printed = run([sys.executable, "-c", IGNORING], cwd=ROOT, check=True).stdout
    assert "default_int_handler" in printed


def test_a_child_that_hangs_is_killed() -> None:
    sleeping = [sys.executable, "-c", "import time; time.sleep(600)"]
    with child(sleeping, limit=0.5, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read() == ""
        assert process.wait() == -signal.SIGKILL
    with pytest.raises(subprocess.TimeoutExpired):
        run(sleeping, limit=0.5)


def test_no_process_of_a_child_is_left() -> None:
    with child(["sh", "-c", "sleep 600 & echo started"], stdout=subprocess.PIPE) as process:
        assert read_until(process, "started") == "started\n"
        assert is_group_running(process.pid)
    assert _becomes_true(lambda: not is_group_running(process.pid))


def test_ports_are_free() -> None:
    assert not accepts(free_port())


@pytest.mark.parametrize("service", ["memcached.MemcachedServer", "postgres.PostgresServer"])
def test_servers_die_with_a_killed_test_process(service: str) -> None:
    module, _, name = service.rpartition(".")
    script = textwrap.dedent(f"""
        import time
        from tests.services.{module} import {name}
        server = {name}()
        server.__enter__()
        print(server.pid, server.home, flush=True)
        time.sleep(60)
    """)
    command = [sys.executable, "-c", script]
    with child(command, cwd=ROOT, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid, home = parent.stdout.readline().split()
        parent.send_signal(signal.SIGKILL)
    assert _becomes_true(lambda: not Path("/proc", pid).exists())
    shutil.rmtree(home, ignore_errors=True)


def _becomes_true(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
