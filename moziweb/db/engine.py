"""The SQLAlchemy engine: SQLite in WAL mode for one machine, or PostgreSQL."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from .query_timings import MeasuredPool, measure_queries

# How long a writer waits for the lock of another, in milliseconds.
SQLITE_BUSY_TIMEOUT_MS = 10_000

# Seconds until a PostgreSQL server that does not answer counts as down; the URL may have another.
CONNECT_TIMEOUT = 5


def create_engine(settings: Mapping[str, Any], *, statement_timeout: float | None = None) -> Engine:
    """Return the engine for ``sqlalchemy.url``; it connects at its first use.

    PostgreSQL cancels a statement after ``statement_timeout`` seconds, if given.
    """
    url = sqlalchemy.make_url(settings["sqlalchemy.url"])
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(url)
    engine = sqlalchemy.create_engine(
        url,
        poolclass=MeasuredPool,
        pool_size=settings["sqlalchemy.pool_size"],
        max_overflow=4,
        pool_pre_ping=True,
        connect_args={} if "connect_timeout" in url.query else {"connect_timeout": CONNECT_TIMEOUT},
    )
    # Compiling a query of many conditions takes a second, and running it a few milliseconds.
    session_settings = ["SET jit = off"]
    if statement_timeout is not None:
        session_settings.append(f"SET statement_timeout = {round(1000 * statement_timeout)}")
    measure_queries(engine)
    event.listen(engine, "connect", partial(_prepare_postgresql, "; ".join(session_settings)))
    return engine


def writing(engine: Engine) -> Engine:
    """Return the same engine and pool for transactions that will write.

    On SQLite they take the write lock as they begin. Otherwise a transaction that reads and then
    writes fails without waiting if another has written in between.
    """
    return engine.execution_options(sqlite_begin="IMMEDIATE")


def _prepare_postgresql(
    session_settings: str, connection: DBAPIConnection, record: ConnectionPoolEntry
) -> None:
    # Not as startup options: poolers such as PgBouncer refuse connections with unknown ones.
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute(session_settings)
    cursor.close()
    connection.autocommit = False


def _sqlite_engine(url: sqlalchemy.URL) -> Engine:
    engine = sqlalchemy.create_engine(url)
    measure_queries(engine)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
    # Turn off the late BEGIN of the driver, with which a read transaction has no snapshot.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "foreign_keys = ON",
        f"busy_timeout = {SQLITE_BUSY_TIMEOUT_MS}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    mode = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
    connection.exec_driver_sql(f"BEGIN {mode}")
