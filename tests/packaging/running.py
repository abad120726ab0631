"""Processes of the site, started as an operator starts them, and requests to them."""

import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from tests.services.process import child

BIN: str = str(Path(sys.executable).parent)

PATIENCE = 60.0
"""Seconds that one step may take. A busy machine needs many."""


def started(
    command: Sequence[str], folder: Path, environ: Mapping[str, str]
) -> AbstractContextManager[subprocess.Popen[str]]:
    """A running command; its output is in ``stdout``."""
    environ = {**os.environ, "PYTHONWARNINGS": "ignore", **environ}
    return child(command, cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Returns redirects to the caller."""

    def redirect_request(self, *_arguments: object) -> None:
        return None


def ask(url: str) -> tuple[int, Mapping[str, str], bytes]:
    """Status, headers and body; redirects are not followed."""
    try:
        with urllib.request.build_opener(_NoRedirects).open(url, timeout=PATIENCE) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()
