"""Clean environments with locked versions, without a download."""

import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from tests.services.process import run

ROOT = Path(__file__).parents[2]


def locked(name: str) -> Iterator[Requirement]:
    """The requirements of a lock file that apply to this machine."""
    for line in (ROOT / name).read_text().splitlines():
        if line[:1].isalnum():
            requirement = Requirement(line.rstrip(" \\"))
            if requirement.marker is None or requirement.marker.evaluate():
                yield requirement


def to_build() -> list[Requirement]:
    """The requirements that pyproject.toml declares for a build."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    return [Requirement(each) for each in declared]


def make_environment(folder: Path, requirements: Iterable[Requirement]) -> Path:
    """Make an environment without pip that has these distributions; returns its packages."""
    run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    for requirement in requirements:
        link(requirement, packages)
    return packages


def link(requirement: Requirement, packages: Path) -> None:
    """Link the files of an installed distribution, with its bytecode, into another environment."""
    distribution = metadata.distribution(requirement.name)
    assert distribution.version in requirement.specifier, f"installed for {requirement}"
    for file in distribution.files or ():
        if ".." not in file.parts:  # no scripts
            target = packages / file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(str(distribution.locate_file(file)))
