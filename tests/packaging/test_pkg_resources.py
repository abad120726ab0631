"""``pkg_resources``, which Pyramid 2.1 imports: pinned and without warnings."""

import os
import sys
from subprocess import CompletedProcess

from tests.services.process import run

ADVICE = (
    "Pyramid no longer imports pkg_resources: remove setuptools from INSTALL in setup.py and from "
    "DEP002 in pyproject.toml, and the filters of pkg_resources from pytest's filterwarnings"
)


def python(code: str) -> "CompletedProcess[str]":
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    return run([sys.executable, "-c", code], env=environ)


def test_pyramid_still_needs_the_pin() -> None:
    done = python("import sys; sys.modules['pkg_resources'] = None; import pyramid.config")
    assert "import of pkg_resources halted" in done.stderr, ADVICE


def test_pinned_version_warns_no_operator() -> None:
    """By the pin alone: from setuptools 80.9 on, the warning is one that Python shows."""
    done = python("import pyramid.scripts.pserve, moziweb.cli, moziweb.cli.cache")
    assert (done.returncode, done.stderr) == (0, "")
