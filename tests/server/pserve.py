"""pserve as a child process, over the application of ``hello``."""

import os
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

from tests.services.process import child, restore_default_signals

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
"""Seconds after which the child is killed."""


def pserve(ini: Path, port: int, *options: str) -> AbstractContextManager[subprocess.Popen[str]]:
    """A running pserve; its output is in ``stdout``."""
    restore_default_signals()
    return child(
        [sys.executable, "-m", "pyramid.scripts.pserve", str(ini), *options],
        limit=PATIENCE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PORT": str(port), "PYTHONWARNINGS": "ignore"},
    )
