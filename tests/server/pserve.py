"""pserve as a child process, over the application of ``hello``."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Timer

INI = """\
[app:main]
paste.app_factory = tests.server.hello:main

[server:main]
use = egg:moziweb#waitress
host = 127.0.0.1
port = ${PORT:-6543}
threads = 2
"""

PATIENCE = 60.0
"""Seconds after which a child is killed, so that no read from it blocks for longer."""


@contextmanager
def pserve(ini: Path, port: int, *options: str) -> Iterator[subprocess.Popen[str]]:
    """pserve in its own process group, which is killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pyramid.scripts.pserve", str(ini), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=_default_signals,
        env={**os.environ, "PORT": str(port), "PYTHONWARNINGS": "ignore"},
    )
    watchdog = Timer(PATIENCE, _kill_group, [process.pid])
    watchdog.start()
    try:
        yield process
    finally:
        watchdog.cancel()
        _kill_group(process.pid)
        process.wait()
        if process.stdout:
            process.stdout.close()


def lines_until(process: subprocess.Popen[str], wanted: str) -> list[str]:
    """The lines that the process prints, up to the first one that contains ``wanted``."""
    assert process.stdout
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line.rstrip())
        if wanted in line:
            return lines
    raise AssertionError(f"pserve never printed {wanted!r}: {lines}")


def _default_signals() -> None:
    """A shell starts ``command &`` with SIGINT ignored, and children inherit that."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_DFL)


def _kill_group(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
