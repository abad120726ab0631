"""``make run`` in a copy of the tree: serves the demo, keeps its data, ends with its children.

It uses the environment of the tests and installs nothing: ``make test`` has installed the same.
"""

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.services.ports import HOST, accepts, free_port
from tests.services.process import is_group_running, read_until, run

from .running import BIN, PATIENCE, ask, started

ROOT = Path(__file__).parents[2]
FILES = (
    "Makefile",
    "development.ini",
    "setup.py",
    "pyproject.toml",
    "requirements.lock",
    "requirements-run.lock",
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the files of ``make run``, with a complete environment."""
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path / name)
    environment = tmp_path / ".venv"
    (environment / "made").mkdir(parents=True)
    (environment / "bin").mkdir()
    (tmp_path / "var").mkdir()
    for program in ("moziweb", "pserve"):
        (environment / "bin" / program).symlink_to(Path(BIN) / program)
    (environment / "bin" / "python").symlink_to(sys.executable)
    for mark in ("venv", "run"):
        (environment / "made" / mark).touch()
    return tmp_path


def make_run(tree: Path, port: object) -> AbstractContextManager[subprocess.Popen[str]]:
    return started(["make", "run"], tree, {"PORT": str(port)})


def loaded(output: str) -> dict[str, int]:
    """The summary of ``demo load``."""
    (line,) = [line for line in output.splitlines() if line.startswith("{")]
    summary: dict[str, int] = json.loads(line)
    return summary


def failed_start(tree: Path, port: object) -> str:
    """The output of a start that fails."""
    with make_run(tree, port) as process:
        assert process.stdout
        output = process.stdout.read()
        assert process.wait(PATIENCE) != 0
    return output


def complaint(output: str) -> str:
    """The error line of a start that failed."""
    assert "Traceback" not in output
    found = [line for line in output.splitlines() if line.startswith("moziweb:")]
    assert len(found) == 1, output
    return found[0]


def test_it_serves_the_demo_and_keeps_its_data(tree: Path) -> None:
    port = free_port()
    with make_run(tree, port) as process:
        output = read_until(process, "moziweb is at")
        assert f"moziweb is at http://{HOST}:{port}/" in output
        assert loaded(output)["added"] == 796
        status, _, page = ask(f"http://{HOST}:{port}/")
        assert status == 200
        assert page.count(b'class="movie"') > 20

        with contextlib.closing(sqlite3.connect(tree / "var" / "moziweb.sqlite")) as database:
            database.execute("UPDATE movie SET title = 'Ezt írtam át' WHERE id = 1")
            database.commit()
        output = failed_start(tree, port)
        assert "The schema is at" in output
        assert loaded(output)["added"] == 0
        busy = "is already in use; stop the other server or set another port with PORT=…"
        assert complaint(output) == f"moziweb: {HOST}:{port} {busy}"
        _, _, page = ask(f"http://{HOST}:{port}/api/movie/1")
        assert json.loads(page)["title"] == "Ezt írtam át"

        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
        assert not is_group_running(process.pid), "its children ended with it"
    assert not accepts(port)


def would_install(tree: Path, target: str) -> bool:
    """Whether a target would install the package (``make --dry-run``)."""
    return "--editable" in run(["make", "--dry-run", target], cwd=tree, check=True).stdout


def test_new_translation_installs_again(tree: Path) -> None:
    catalogue = tree / "moziweb" / "locale" / "hu" / "LC_MESSAGES" / "moziweb.po"
    catalogue.parent.mkdir(parents=True)
    catalogue.touch()
    mark = tree / ".venv" / "made" / "run"
    mark.touch()
    assert not would_install(tree, "run")
    later = mark.stat().st_mtime + 1
    os.utime(catalogue, (later, later))
    assert would_install(tree, "run")


def test_bench_runs_all_and_fails_if_one_failed(tree: Path) -> None:
    shutil.copy(ROOT / "requirements-s3.lock", tree)
    shutil.copytree(ROOT / "scripts", tree / "scripts")
    (tree / ".s3venv").mkdir()
    (tree / "benchmarks").mkdir()
    (tree / "benchmarks" / "good.py").write_text("print('measured')")
    (tree / "benchmarks" / "bad.py").write_text("raise SystemExit(1)")
    # Installed programs, so that the package manager is not called.
    (tree / "bin").mkdir()
    for program in ("wrk", "chromium", "chromium-headless-shell", "memcached", "promtool"):
        (tree / "bin" / program).symlink_to("/bin/true")
    for mark in (tree / ".venv" / "made" / "test", tree / ".s3venv" / "made"):
        mark.touch()

    def bench(*names: str) -> subprocess.CompletedProcess[str]:
        return run(
            ["make", "--no-print-directory", "bench", f"BENCHMARKS={' '.join(names)}"],
            cwd=tree,
            env={**os.environ, "PATH": f"{tree / 'bin'}:{os.environ['PATH']}"},
        )

    failing = bench("bad", "good")
    assert failing.returncode != 0
    assert "measured" in failing.stdout
    assert failing.stderr.startswith("Failed: bad\n")
    passing = bench("good")
    assert passing.returncode == 0, passing.stderr
    assert passing.stdout == "== good\nmeasured\n"


def test_invalid_port_is_one_line(tree: Path) -> None:
    line = complaint(failed_start(tree, 80000))
    setting = "site.base_url = http://127.0.0.1:${PORT:-6543}"
    assert line.startswith(f"moziweb: {setting}: expected a URL")
    assert line.endswith("(PORT from the environment)")
