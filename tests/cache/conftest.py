"""What the cache's tests share: one cells fixture over the three stores."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from moziweb.cache.cells import Cells, MemcachedCells, MemoryCells
from moziweb.cache.cells_sqlite import SqliteCells
from moziweb.cache.clients import Memcached
from tests.services.memcached import MemcachedServer

_numbers = itertools.count()


def pytest_configure(config: pytest.Config) -> None:
    """dogpile's published tests carry a marker of theirs."""
    config.addinivalue_line("markers", "time_intensive: dogpile's tests that take seconds")


@pytest.fixture
def prefix() -> str:
    """A prefix of keys that no other test of this session uses."""
    return f"t{next(_numbers)}:"


@pytest.fixture(params=["memory", "sqlite", "memcached"])
def make_cells(
    request: pytest.FixtureRequest, tmp_path: Path, prefix: str
) -> Iterator[Callable[[], Cells]]:
    """Opens the same store again and again, as several processes would; one run for each store."""
    if request.param == "memory":
        shared = MemoryCells()
        yield lambda: shared
    elif request.param == "sqlite":
        opened: list[SqliteCells] = []

        def open_file() -> Cells:
            opened.append(SqliteCells(tmp_path / "cells.db"))
            return opened[-1]

        yield open_file
        for each in opened:
            each.close()
    else:
        server: MemcachedServer = request.getfixturevalue("memcached_server")
        yield lambda: MemcachedCells(Memcached([server.address]), prefix)


@pytest.fixture
def cells(make_cells: Callable[[], Cells]) -> Cells:
    """One of the three stores, empty."""
    return make_cells()
