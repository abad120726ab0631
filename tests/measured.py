"""pytest plugin: what the coverage figure counts. Tracing makes code half as slow again.

Not counted are whole tests, with their fixtures, and what another place counts: the imports of all
workers but the first, and starts of an application with settings with which another one has started
in this process. Not traced is the parser of pages: it calls none of our code.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

import pytest
from bs4 import BeautifulSoup, Tag
from coverage import Coverage

P = ParamSpec("P")
T = TypeVar("T")

NOT_MEASURED: Final = (
    "tests/benchmarks/",
    "tests/browser/",
    "tests/cache/test_log_model.py",
    "tests/packaging/",
    "tests/soak/",
    "tests/site/test_completeness.py",
    "tests/site/test_exactness.py",
)
"""Tests that run code which other tests cover, many times or in other processes."""

POSTGRESQL: Final = frozenset({"postgresql", "postgres"})
"""The parameters of a test for the variant on PostgreSQL."""

_PARSER: Final[tuple[tuple[Any, str], ...]] = (
    (BeautifulSoup, "__init__"),
    (Tag, "find_all"),
    (Tag, "select"),
    (Tag, "select_one"),
)

_OF_A_TEST: Final = frozenset({"sqlalchemy.url", "storage.disk.path"})
"""Settings that differ between all applications."""

_started: Final[set[frozenset[tuple[str, str]]]] = set()


@pytest.hookimpl(trylast=True)
def pytest_sessionstart() -> None:
    """Stop the coverage that pytest-cov 7.1 starts in a worker as if there were no workers.

    Only the one that it starts afterwards, for workers, is counted. The other would go on tracing
    whenever that one stops.
    """
    counted = Coverage.current()
    if counted is not None:
        counted.stop()
        while (other := Coverage.current()) is not None:
            other.stop()
        counted.start()


def pytest_configure() -> None:
    """Trace no parsing of pages and no search in them, which tracing makes 75 % slower."""
    for owner, name in _PARSER:
        setattr(owner, name, untraced(getattr(owner, name)))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[Any]:
    """Trace the imports of the tests in the first worker. The others import the same modules."""
    if os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0":
        return (yield)
    with unmeasured():
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[Any]:
    """Run a test, its setup and its teardown without tracing if it is not measured."""
    if _is_measured(item):
        return (yield)
    with unmeasured():
        return (yield)


def _is_measured(item: pytest.Item) -> bool:
    if item.nodeid.startswith(NOT_MEASURED):
        return False
    case: Any = getattr(item, "callspec", None)
    if case is None or item.nodeid.startswith("tests/db/"):
        return True
    return not any(isinstance(each, str) and each in POSTGRESQL for each in case.params.values())


@contextmanager
def unmeasured() -> Iterator[None]:
    """Trace nothing in a ``with`` block."""
    coverage = Coverage.current()  # None without --cov, and within another block
    if coverage is None:
        yield
        return
    coverage.stop()
    assert sys.gettrace() is None, "another coverage goes on tracing"
    try:
        yield
    finally:
        coverage.start()


def untraced(function: Callable[P, T]) -> Callable[P, T]:
    """A function that is not traced in its thread. Other threads are, unlike in ``unmeasured``."""

    @wraps(function)
    def call(*args: P.args, **options: P.kwargs) -> T:
        tracer = sys.gettrace()
        sys.settrace(None)
        try:
            return function(*args, **options)
        finally:
            sys.settrace(tracer)

    return call


@contextmanager
def cpu_limit(seconds: float) -> Iterator[None]:
    """Fail if a ``with`` block used more CPU. Nothing in it is traced: tracing costs CPU itself."""
    with unmeasured():
        started = time.process_time()
        yield
        spent = time.process_time() - started
    assert spent < seconds


def number_of_calls(work: Callable[[], object]) -> int:
    """How many functions a piece of work calls, those of C included: the same on every machine."""
    calls = 0

    def count(frame: object, kind: str, argument: object) -> None:
        nonlocal calls
        calls += kind in {"call", "c_call"}

    with unmeasured():
        sys.setprofile(count)
        try:
            work()
        finally:
            sys.setprofile(None)
    return calls


@contextmanager
def measured_once(settings: Mapping[str, str]) -> Iterator[None]:
    """Trace the start of an application in a ``with`` block unless one like it was traced."""
    like = frozenset(item for item in settings.items() if item[0] not in _OF_A_TEST)
    if like in _started:
        with unmeasured():
            yield
    else:
        if Coverage.current() is not None:
            _started.add(like)
        yield
