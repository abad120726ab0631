"""``moziweb completion``: the script completes commands and options."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from moziweb.cli.completion import SHELLS
from tests.services import process

from .conftest import Run, Site


@pytest.mark.parametrize("shell", SHELLS)
def test_script_of_each_shell_names_the_command(site: Site, run: Run, shell: str) -> None:
    ended = run("completion", shell)
    assert ended.returncode == 0
    assert "_MOZIWEB_COMPLETE" in ended.stdout
    assert "moziweb" in ended.stdout


def test_another_shell_is_refused(site: Site, run: Run) -> None:
    assert run("completion", "tcsh").returncode == 2


def test_bash_completes_a_command(site: Site, run: Run, tmp_path: Path) -> None:
    """As a shell does after the script was installed: ``moziweb import t<Tab>``."""
    bash = shutil.which("bash")
    assert bash
    command = tmp_path / "bin" / "moziweb"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m moziweb.cli "$@"\n')
    command.chmod(0o755)
    script = run("completion", "bash").stdout + (
        "\nCOMP_WORDS=(moziweb import t); COMP_CWORD=2\n"
        '_moziweb_completion moziweb t import; echo "${COMPREPLY[@]}"\n'
    )
    path = f"{command.parent}:{os.environ['PATH']}"
    ended = process.run([bash, "-c", script], env={**os.environ, "PATH": path})
    assert ended.stdout.split() == ["tmdb"]
