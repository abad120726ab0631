"""pytest plugin: the engines of a process share their compiled statements.

Most tests create an application with an engine of its own. SQLAlchemy keeps compiled statements by
dialect object, and those of inserts and updates in the mappers: each test would compile all of them
again, and leave them in memory. Here all dialects of a driver are equal keys.
"""

from typing import Any, Final

from sqlalchemy import Dialect, Engine
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

DRIVERS: Final[tuple[type[Dialect], ...]] = (PGDialect_psycopg, SQLiteDialect_pysqlite)

STATEMENTS: Final = 2000
"""Compiled statements to keep for each driver."""


def pytest_configure() -> None:
    """Let dialects be equal, and give all engines of a driver one cache."""
    for driver in DRIVERS:
        _share(driver)


def _share(driver: type[Dialect]) -> None:
    statements: LRUCache[Any, Any] = LRUCache(STATEMENTS)

    def engine_created(engine: Engine) -> None:
        engine._compiled_cache = statements

    driver.__hash__ = _hash  # type: ignore[method-assign,assignment]
    driver.__eq__ = _is_equal  # type: ignore[method-assign,assignment]
    driver.engine_created = engine_created  # type: ignore[method-assign]


def _hash(dialect: object) -> int:
    return hash(type(dialect))


def _is_equal(one: Dialect, other: object) -> bool:
    """Whether both compile a statement alike: the same driver, and a server of the same version."""
    return (
        isinstance(other, Dialect)
        and type(one) is type(other)
        and one.server_version_info == other.server_version_info
    )
