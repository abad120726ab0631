"""Measures the database's time in a request and its number of queries."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from sqlalchemy import Engine, QueuePool
from sqlalchemy.pool import PoolProxiedConnection

from moziweb.timings import Part, current, measured, measured_as

_QUERIES: Final = ("do_execute", "do_executemany", "do_execute_no_params")
_ENDS: Final = ("do_commit", "do_rollback")

_BEGIN: Final = "BEGIN"
"""A statement on SQLite only, so it is not counted."""


class MeasuredPool(QueuePool):
    """A pool that counts waits, new connections and pings as time of the database."""

    _sqla_logger_namespace = "sqlalchemy.pool.QueuePool"  # else its messages would be ours

    def __init__(
        self, creator: Any, pool_size: int = 5, max_overflow: int = 10, **options: Any
    ) -> None:
        super().__init__(creator, pool_size, max_overflow, **options)
        self.limit = pool_size + max_overflow
        """The largest number of connections."""

    @measured_as(Part.DATABASE)
    def connect(self) -> PoolProxiedConnection:
        """Return a connection."""
        return super().connect()


def measure_queries(engine: Engine) -> None:
    """Measure the statements, commits and rollbacks of an engine.

    Wraps methods of its dialect: SQLAlchemy's events do not include the end of a commit.
    """
    dialect: Any = engine.dialect
    for name in _QUERIES:
        setattr(dialect, name, _counted(getattr(dialect, name)))
    for name in _ENDS:
        setattr(dialect, name, measured_as(Part.DATABASE)(getattr(dialect, name)))


def _counted(execute: Callable[..., None]) -> Callable[..., None]:
    @wraps(execute)
    def call(cursor: Any, statement: str, *arguments: Any, **options: Any) -> None:
        timings = current()
        if timings is not None and not statement.startswith(_BEGIN):
            timings.queries += 1
        with measured(Part.DATABASE):
            execute(cursor, statement, *arguments, **options)

    return call
