"""What a platform like Heroku reads, and the steps of its buildpack."""

import json
import os
import re
import shutil
from pathlib import Path

from packaging.requirements import Requirement

from tests.services.process import run

from .environment import locked, make_environment

ROOT = Path(__file__).parents[2]


def test_python_version_has_a_wheel_of_every_requirement() -> None:
    """pylibmc has wheels up to CPython 3.11; a platform has no headers to build it."""
    assert (ROOT / ".python-version").read_text() == "3.11\n"


def test_variables_of_the_application_are_those_of_the_ini_file() -> None:
    variables: dict[str, dict[str, object]] = json.loads((ROOT / "app.json").read_text())["env"]
    ini = (ROOT / "production.ini").read_text()
    used = dict(re.findall(r"\$\{(\w+)(:-)?", ini))
    elsewhere = {"SASL_PATH", "WORKER_JOBS"}  # of libsasl2, and of the Procfile
    assert set(variables) - elsewhere <= set(used)
    needed = {name for name, default in used.items() if not default}
    by_platform = {"DATABASE_URL", "PORT"}
    assert needed - by_platform <= {
        name for name, each in variables.items() if each.get("required", True)
    }


def test_processes_of_the_formation_are_in_the_procfile() -> None:
    formation = json.loads((ROOT / "app.json").read_text())["formation"]
    lines = (ROOT / "Procfile").read_text().splitlines()
    processes = {line.partition(":")[0] for line in lines}
    assert processes == {*formation, "release"}


def test_steps_of_a_buildpack_install_the_site(tmp_path: Path) -> None:
    """In a clean environment: requirements.txt, then bin/post_compile in a copy of the code."""
    code, environment = tmp_path / "code", tmp_path / "python"
    listed = run(["git", "ls-files", "-z"], cwd=ROOT, check=True).stdout.split("\0")
    for name in listed:
        if name and not name.startswith(("tests/", "docs/")) and (ROOT / name).is_file():
            (code / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, code / name)
    # `make test` has installed the locked versions; installing them again takes half a minute.
    packages = make_environment(environment, (*locked("requirements.txt"), Requirement("pip")))
    environ = {"PATH": f"{environment / 'bin'}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    done = run(["bin/post_compile"], cwd=code, env=environ, limit=300)
    assert (done.returncode, done.stderr) == (0, "")
    done = run(["moziweb", "--help"], cwd=tmp_path, env=environ)
    assert done.returncode == 0, done.stderr
    assert list(packages.glob("moziweb/locale/hu/LC_MESSAGES/*.mo"))
    # The drawn posters of the demo need their typefaces; production has neither.
    assert not list(packages.glob("fontpkg*"))
    assert list(packages.glob("pylibmc/*.py"))
