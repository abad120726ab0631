"""Which Python ``make`` uses, and what building pylibmc for it needs."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.services.process import run

ROOT = Path(__file__).parents[2]
TOOLS = (
    "awk", "basename", "bash", "env", "grep", "id", "make", "mkdir", "mktemp", "rm", "sed", "seq",
    "sh", "sort", "test", "touch",
)  # fmt: skip

Done = subprocess.CompletedProcess[str]


class Machine:
    """A machine with these programs only, and with what its tests add."""

    def __init__(self, folder: Path) -> None:
        self.bin, self.home = folder / "bin", folder / "home"
        self.bin.mkdir()
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool) or "")

    def add(self, program: Path, script: str) -> None:
        """Add a program, written for the shell."""
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def add_python(self, name: str, version: str) -> None:
        """Add a Python that has everything that the site needs."""
        self.add(self.bin / name, f"echo {version} /{name}")

    def add_pyenv(self, version: str) -> None:
        program = self.home / ".pyenv" / "versions" / f"{version}.0" / "bin" / "python3"
        self.add(program, f"echo {version} /pyenv/{version}")

    def run(self, *command: str | Path, cwd: Path | None = None) -> Done:
        environ = {"PATH": str(self.bin), "HOME": str(self.home)}
        return run(command, env=environ, cwd=cwd)

    def pythons(self, *options: str) -> list[str]:
        done = self.run(ROOT / "scripts" / "pythons", *options)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_newest_python_is_first(machine: Machine) -> None:
    machine.add_python("python3.11", "3.11")
    machine.add_python("python3.13", "3.13")
    machine.add_python("python3", "3.12")
    assert machine.pythons() == ["3.13 /python3.13", "3.12 /python3", "3.11 /python3.11"]


def test_python_that_cannot_run_the_site_is_left_out(machine: Machine) -> None:
    """One without venv, the launcher of a version that is not active, one that is too old."""
    machine.add(machine.bin / "python3.13", "exit 1")
    machine.add_python("python3.12", "3.12")
    machine.add_python("python3", "3.10")
    assert machine.pythons() == ["3.12 /python3.12"]


def test_version_with_two_names_is_listed_once(machine: Machine) -> None:
    machine.add_python("python3.13", "3.13")
    machine.add_python("python3", "3.13")
    assert machine.pythons() == ["3.13 /python3.13"]


def test_pyenv_is_asked_if_the_path_has_none(machine: Machine) -> None:
    machine.add_pyenv("3.13")
    assert machine.pythons() == ["3.13 /pyenv/3.13"]
    machine.add_python("python3", "3.11")
    assert machine.pythons() == ["3.11 /python3"]
    assert machine.pythons("--all") == ["3.13 /pyenv/3.13", "3.11 /python3"]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The files that ``make`` reads before it installs anything."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    for name in ("setup.py", "pyproject.toml", "requirements.lock", "requirements-run.lock"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize("target", ["run", "test"])
def test_make_without_a_python_says_so_in_one_line(
    machine: Machine, tree: Path, target: str
) -> None:
    done = machine.run("make", target, cwd=tree)
    assert done.returncode != 0
    line, mark = done.stderr.splitlines()
    assert line.startswith("moziweb needs Python 3.11 to 3.14 with venv")
    assert mark.startswith("make: *** ")


def test_everything_that_make_test_needs_is_named_before_it_installs(
    machine: Machine, tree: Path
) -> None:
    machine.add(tree / ".venv" / "bin" / "python", without_pylibmc("exit 1"))
    (tree / "requirements.lock").write_text(LOCK)
    done = machine.run("make", "test", cwd=tree)
    assert (done.returncode, done.stdout) == (2, "")
    programs, headers, _mark = done.stderr.splitlines()
    assert programs.startswith("The tests need memcached ")
    assert " git npm; install them (as root: apt-get install " in programs
    assert headers.startswith("No wheel of pylibmc==1.6.3 exists for python3.13; to build it, ")


LOCK = "pylibmc==1.6.3 \\\n    --hash=sha256:00\n"


def without_pylibmc(pip: str) -> str:
    """The script of a Python 3.13 without pylibmc, whose pip runs ``pip``."""
    cases = f"*sysconfig*) echo /nowhere/python3.13;; *pip*) {pip};; *) exit 1;;"
    return f'case "$*" in {cases} esac'


def build_requirements(machine: Machine, tmp_path: Path, pip: str) -> Done:
    machine.add(machine.bin / "python3.13", without_pylibmc(pip))
    lock = tmp_path / "requirements.lock"
    lock.write_text(LOCK)
    return machine.run(ROOT / "scripts" / "build-requirements", "python3.13", lock)


def test_missing_headers_are_named_in_one_line(machine: Machine, tmp_path: Path) -> None:
    done = build_requirements(machine, tmp_path, "exit 1")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        "No wheel of pylibmc==1.6.3 exists for python3.13; to build it, install "
    )
    assert "gcc libc6-dev python3.13-dev" in line
    assert "(as root: apt-get install " in line


def test_a_wheel_needs_no_headers(machine: Machine, tmp_path: Path) -> None:
    done = build_requirements(machine, tmp_path, "exit 0")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
