"""pytest plugin: which tests run on one worker, one after the other, and which tests run first.

pytest-xdist gives each worker one file after the other. Here files that share an expensive fixture
are one unit, and each test of a few slow files is a unit of its own. (The marker ``xdist_group``
has no effect with pytest 9.2, and would not keep a file together.)
"""

from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling

TOGETHER: Final = {
    "tests/faults/test_previous_release.py": "the previous release",
    "tests/faults/": "faults",
    "tests/packaging/test_buildpack.py": "wheel",
    "tests/packaging/test_wheel.py": "wheel",
    "tests/soak/test_outages.py": "soak",
    "tests/soak/test_soak.py": "soak",
    **dict.fromkeys(
        (
            f"tests/browser/test_{name}.py"
            for name in ("accessibility", "filters", "images", "keyboard", "layout", "list_view",
                         "offline", "plain", "quiet", "search", "sharing", "trailer", "watchlist")
        ),
        "the site in a browser",
    ),
}  # fmt: skip
"""Units of several files, by the beginning of a path: they share servers, or need much of both
processors. They run first, because one worker runs all of a unit."""

APART: Final = (
    "tests/benchmarks/test_smallest.py",
    "tests/packaging/test_production.py",
    "tests/site/test_completeness.py",
    "tests/site/test_exactness.py",
)
"""Files whose tests take many seconds each, and share nothing."""

LARGE: Final = (
    "tests/benchmarks/test_contenders.py",
    "tests/cache/http/test_waitress_channel.py",
    "tests/cache/test_model.py",
    "tests/demo/",
    "tests/movies/importers/test_encodings.py",
    "tests/movies/importers/test_file_readers.py",
    "tests/posters/decoder/test_decoder.py",
    "tests/posters/imaging/",
)
"""Tests that need a hundred megabytes for a moment. They run early, while the process is small."""

SLOW: Final = (
    *APART,
    "tests/browser/",
    "tests/cli/test_imports.py",
    "tests/packaging/",
)
"""Units of many seconds. They run before the others, so that the workers end together."""


def unit_of(nodeid: str) -> str:
    """The unit of a test: a name in ``TOGETHER``, the test itself, or its file."""
    for path, name in TOGETHER.items():
        if nodeid.startswith(path):
            return name
    return nodeid if nodeid.startswith(APART) else nodeid.partition("::")[0]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests by their units; the order of units, and within a unit, is random."""
    items.sort(key=lambda item: _turn(item.nodeid))


def _turn(nodeid: str) -> int:
    if nodeid.startswith(tuple(TOGETHER)):
        return 0
    if nodeid.startswith(LARGE):
        return 1
    return 2 if nodeid.startswith(SLOW) else 3


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> "LoadScopeScheduling":
    """A scheduler of these units, in the order of the tests."""
    from xdist.scheduler import LoadScopeScheduling

    class Units(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return unit_of(nodeid)

    config.option.loadscopereorder = False
    return Units(config, log)
