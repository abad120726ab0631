"""The wheel contains all files of the site, and runs in a clean environment."""

import gzip
import os
import re
import shutil
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import brotli
import pytest

from tests.services import process
from tests.services.ports import free_port

from .environment import locked, make_environment, to_build

ROOT = Path(__file__).parent.parent.parent
MADE_OF = ("moziweb", "setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE")
INIS = ("development.ini", "production.ini", "Procfile")

pytestmark = pytest.mark.timeout(900)


def run(*command: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    """Run a command; its output is shown if it fails."""
    done = process.run(command, limit=300, cwd=cwd, env=env)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the sources, without earlier build results.

    The environment has what pyproject.toml declares, and nothing else. ``pip wheel`` alone would
    download it.
    """
    folder = tmp_path_factory.mktemp("wheel")
    sources = folder / "sources"
    sources.mkdir()
    for name in (*MADE_OF, *INIS):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, sources / name)
    for leftover in sources.rglob("*.mo"):
        leftover.unlink()
    make_environment(folder / "builder", to_build())
    builds = ("--no-build-isolation", "--check-build-dependencies", "--no-deps", "--no-index")
    pip = (sys.executable, "-m", "pip", "--python", folder / "builder" / "bin" / "python")
    run(*pip, "wheel", *builds, "--wheel-dir", folder, sources)
    return next(folder.glob("moziweb-*.whl"))


@pytest.fixture(scope="module")
def clean_bin(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` of an environment with the wheel and its requirements only.

    ``make test`` has installed the locked versions; installing them again takes half a minute.
    """
    folder = tmp_path_factory.mktemp("clean")
    make_environment(folder, locked("requirements-run.lock"))
    pip = (sys.executable, "-m", "pip", "--python", folder / "bin" / "python")
    run(*pip, "install", "--no-compile", "--no-deps", "--no-index", wheel)
    return folder / "bin"


@pytest.mark.parametrize("lock", ["requirements-run.lock", "requirements.txt"])
def test_requirements_to_run_are_among_those_that_are_installed_with_hashes(lock: str) -> None:
    """``make test`` has verified the hashes of ``requirements.lock``."""

    def requirements(name: str) -> set[str]:
        text = (ROOT / name).read_text().replace("\\\n", " ")
        return {" ".join(line.split()) for line in text.splitlines()}

    to_run = requirements(lock)
    assert all("--hash=sha256:" in line for line in to_run)
    assert to_run <= requirements("requirements.lock")


def test_the_wheel_holds_the_whole_package(wheel: Path) -> None:
    """Every file under version control, the compiled catalogues and the compressed files."""
    listed = process.run(["git", "ls-files", "-z", "moziweb"], cwd=ROOT, check=True)
    kept = {name for name in listed.stdout.split("\0") if (ROOT / name).is_file()}
    assert len(kept) > 300
    made = {name.removesuffix(".po") + ".mo" for name in kept if name.endswith(".po")}
    assert len(made) == 2
    texts = {name for name in kept if re.match(r"moziweb/static/.*\.(css|js|svg)$", name)}
    assert len(texts) > 10
    made |= {f"{name}{ending}" for name in texts for ending in (".br", ".gz")}
    names = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("moziweb/")}
    assert names == kept | made


def test_the_wheel_holds_small_style_sheets(wheel: Path) -> None:
    name = "moziweb/static/site.css"
    with zipfile.ZipFile(wheel) as files:
        minified = files.read(name)
        assert brotli.decompress(files.read(f"{name}.br")) == minified
        assert gzip.decompress(files.read(f"{name}.gz")) == minified
    assert len(minified) < 0.9 * (ROOT / name).stat().st_size


def test_the_wheel_holds_no_leftovers(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in names if name.endswith((".pyc", ".sqlite")) or "/tests/" in name]


@pytest.fixture
def site(clean_bin: Path, tmp_path: Path) -> Iterator[str]:
    """The URL of a site that was installed, filled and started in an unrelated folder."""
    ini = shutil.copy(ROOT / "development.ini", tmp_path)
    (tmp_path / "var").mkdir()
    port = free_port()
    environ = {"PATH": os.environ["PATH"], "PORT": str(port), "HOME": str(tmp_path)}
    for command in (["db", "upgrade"], ["demo", "load"]):
        run(clean_bin / "moziweb", "-c", ini, *command, cwd=tmp_path, env=environ)
    # The script is that of another environment; its interpreter is the clean one.
    pserve = [clean_bin / "python", Path(sys.executable).parent / "pserve", ini]
    with process.child(pserve, cwd=tmp_path, env=environ) as server:
        yield ready(f"http://127.0.0.1:{port}")
        server.terminate()
        server.wait(timeout=20)


def ready(address: str) -> str:
    """Wait until the URL answers, for at most 30 seconds."""
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
    asked = urllib.request.Request(
        f"{site}/static/site.css", headers={"Accept-Encoding": "gzip, br"}
    )
    with urllib.request.urlopen(asked, timeout=30) as answer:
        assert answer.headers["Content-Encoding"] == "br"
        assert answer.headers["Vary"] == "Accept-Encoding"
