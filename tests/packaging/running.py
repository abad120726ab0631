"""Processes that serve the site, as an operator starts them, and requests to them."""

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

BIN: str = str(Path(sys.executable).parent)

PATIENCE = 60.0
"""Seconds that anything here may take; a busy machine needs many."""


@contextmanager
def started(
    command: Sequence[str], folder: Path, environ: Mapping[str, str]
) -> Iterator[subprocess.Popen[str]]:
    """A process in a group of its own, of which nothing is left at the end."""
    process = subprocess.Popen(
        command, cwd=folder, env={**os.environ, "PYTHONWARNINGS": "ignore", **environ},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        if is_running(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)
        if process.stdout:
            process.stdout.close()


def is_running(group: int) -> bool:
    """Whether any process of a group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def said_until(process: subprocess.Popen[str], wanted: str) -> str:
    """What the process says, up to the line that holds ``wanted``."""
    assert process.stdout
    said = ""
    for line in process.stdout:
        said += line
        if wanted in line:
            return said
    raise AssertionError(f"it ended without saying {wanted!r}, but: {said}")


class _Stay(urllib.request.HTTPRedirectHandler):
    """Leaves redirects to who asks."""

    def redirect_request(self, *_arguments: object) -> None:
        return None


def ask(url: str) -> tuple[int, Mapping[str, str], bytes]:
    """Status, headers and body; redirects are not followed."""
    try:
        with urllib.request.build_opener(_Stay).open(url, timeout=PATIENCE) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()
