"""The built wheel holds all that the site needs, and runs where there is nothing else of ours."""

import os
import shutil
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services import process
from tests.services.ports import free_port

ROOT = Path(__file__).parent.parent.parent
MADE_OF = ("moziweb", "setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE")
INIS = ("development.ini", "production.ini", "Procfile")

pytestmark = pytest.mark.xdist_group("wheel")


def run(*command: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    """Run a command to its end; what it printed is shown when it fails."""
    done = process.run(command, limit=300, cwd=cwd, env=env)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the sources, so that nothing built before can help."""
    folder = tmp_path_factory.mktemp("wheel")
    sources = folder / "sources"
    sources.mkdir()
    for name in (*MADE_OF, *INIS):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, sources / name)
    for leftover in sources.rglob("*.mo"):
        leftover.unlink()
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", folder, sources)
    return next(folder.glob("moziweb-*.whl"))


@pytest.fixture(scope="module")
def clean_bin(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` of an environment that holds the wheel and what it asks for, nothing else."""
    folder = tmp_path_factory.mktemp("clean")
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    # Our own pip, and bytecode only of what is imported: both take longer than all the rest.
    pip = (sys.executable, "-m", "pip", "--python", folder / "bin" / "python")
    install = (*pip, "install", "--no-compile")
    run(*install, "--require-hashes", "--requirement", ROOT / "requirements-run.lock")
    run(*install, "--no-deps", wheel)
    return folder / "bin"


def test_the_wheel_holds_the_whole_package(wheel: Path) -> None:
    """Every file that is kept, and of what is made only the compiled catalogues."""
    listed = process.run(["git", "ls-files", "-z", "moziweb"], cwd=ROOT, check=True)
    kept = {name for name in listed.stdout.split("\0") if (ROOT / name).is_file()}
    assert len(kept) > 300
    made = {name.removesuffix(".po") + ".mo" for name in kept if name.endswith(".po")}
    assert len(made) == 2
    names = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("moziweb/")}
    assert names == kept | made


def test_the_wheel_holds_no_leftovers(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in names if name.endswith((".pyc", ".sqlite")) or "/tests/" in name]


@pytest.fixture
def site(clean_bin: Path, tmp_path: Path) -> Iterator[str]:
    """The address of a site that was installed, filled and started in a strange folder."""
    ini = shutil.copy(ROOT / "development.ini", tmp_path)
    (tmp_path / "var").mkdir()
    port = free_port()
    environ = {"PATH": os.environ["PATH"], "PORT": str(port), "HOME": str(tmp_path)}
    for command in (["db", "upgrade"], ["demo", "load"]):
        run(clean_bin / "moziweb", "-c", ini, *command, cwd=tmp_path, env=environ)
    with process.child([clean_bin / "pserve", ini], cwd=tmp_path, env=environ) as server:
        yield ready(f"http://127.0.0.1:{port}")
        server.terminate()
        server.wait(timeout=20)


def ready(address: str) -> str:
    """Wait until the address answers, half a minute at most."""
    for _ in range(150):
        try:
            fetch(f"{address}/__lbheartbeat__")
        except OSError:
            time.sleep(0.2)
        else:
            return address
    pytest.fail(f"nothing answered at {address}")


def fetch(address: str) -> str:
    with urllib.request.urlopen(address, timeout=30) as answer:
        body: bytes = answer.read()
    return body.decode()


def test_the_wheel_serves_the_demo_in_both_languages(site: str) -> None:
    assert '<html lang="hu"' in fetch(f"{site}/")
    hungarian, english = fetch(f"{site}/"), fetch(f"{site}/en/")
    assert "Ezen a héten" in hungarian
    assert "This week" in english
    assert 'class="movie"' in hungarian
    assert "background-color" in fetch(f"{site}/static/tones.css")
