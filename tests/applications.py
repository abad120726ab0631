"""pytest plugin: an application starts in half the time. What follows from the code alone is kept.

Most tests start an application. Each start would read the sources for the digest of pages, look
through all views, sort the same derivers for each of them, and read the lines of code that
configure it.
"""

import inspect
import sys
from collections.abc import Iterator, Mapping
from functools import cache, wraps
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from pyramid.util import TopologicalSorter

from moziweb import caching

venusian: Any = import_module("venusian")  # Pyramid's, which finds the views


def pytest_configure() -> None:
    """Replace what is slow."""
    venusian.getmembers = _members
    venusian.walk_packages = _packages()
    TopologicalSorter.sorted = _sorted()
    actions: Any = import_module("pyramid.config.actions")
    actions.traceback = SimpleNamespace(extract_stack=_stack)
    caching.digest_of = _digests(caching.digest_of)


@cache
def _members(module: ModuleType, _predicate: None = None) -> list[tuple[str, Any]]:
    """The members of a module that have decorators of Pyramid."""
    found = inspect.getmembers(module)
    return [(name, each) for name, each in found if _is_decorated(each)]


def _is_decorated(value: object) -> bool:
    try:
        return hasattr(value, venusian.ATTACH_ATTR)
    except Exception:  # proxies raise any error
        return False


def _packages() -> Any:
    walk: Any = venusian.walk_packages
    found: dict[str, list[Any]] = {}

    def packages(path: Any, prefix: str, **options: Any) -> Iterator[Any]:
        if prefix not in found:
            found[prefix] = list(walk(path, prefix, **options))
        return iter(found[prefix])

    return packages


def _sorted() -> Any:
    sort: Any = TopologicalSorter.sorted
    orders: dict[Any, list[str]] = {}

    def names(sorter: Any) -> list[tuple[str, Any]]:
        key = (tuple(sorter.names), tuple(sorter.order))
        if key not in orders:
            orders[key] = [name for name, _ in sort(sorter)]
        return [(name, sorter.name2val[name]) for name in orders[key]]

    return names


def _stack(limit: int) -> list[tuple[str, int, str, str]]:
    """The innermost frames, without their lines of code."""
    frames = []
    frame: Any = sys._getframe(1)
    for _ in range(limit):
        frames.append((frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name, ""))
        frame = frame.f_back
    return frames[::-1]


def _digests(digest_of: Any) -> Any:
    found: dict[tuple[str, ...], str] = {}
    ours = Path(caching.__file__).parent

    @wraps(digest_of)
    def digest(package: Path, settings: Mapping[str, object]) -> str:
        if package != ours:
            return str(digest_of(package, settings))
        key = tuple(str(settings.get(name)) for name in caching._PAGE_SETTINGS)
        if key not in found:
            found[key] = digest_of(package, settings)
        return found[key]

    return digest
