"""The SQLAlchemy engine: SQLite in WAL mode for one machine, or PostgreSQL."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

import sqlalchemy
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext
from sqlalchemy.pool import ConnectionPoolEntry

from moziweb.logs.outage import Outage

from .query_timings import MeasuredPool, measure_queries

# How long a writer waits for the lock of another, in milliseconds.
SQLITE_BUSY_TIMEOUT_MS = 10_000

QUERY_LIMITS: Final = (
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
)
"""Parameters of a PostgreSQL session that have an ini key, in seconds."""

DEFAULT_CONNECT_TIMEOUT: Final = 5

POOL_TIMEOUT: Final = 10.0
"""How long a thread waits for a connection while others use all of them, in seconds."""

PROBE_LIMITS: Final[Mapping[str, int]] = {
    "connect_timeout": 2,
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 2,
}
"""Options of libpq for health checks: a server that has vanished is noticed after 4 seconds."""


def query_limits_of(settings: Mapping[str, Any], process: str) -> dict[str, Any]:
    """The keys of the web process with the values for another ``process``: worker or command."""
    return {f"sqlalchemy.{name}": settings[f"sqlalchemy.{process}.{name}"] for name in QUERY_LIMITS}


def create_engine(settings: Mapping[str, Any]) -> Engine:
    """Return the engine for ``sqlalchemy.url``; it connects at its first use.

    PostgreSQL ends what exceeds one of ``QUERY_LIMITS``.
    """
    url = sqlalchemy.make_url(settings["sqlalchemy.url"])
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(url)
    if "connect_timeout" not in url.query:
        timeout = settings.get("sqlalchemy.connect_timeout", DEFAULT_CONNECT_TIMEOUT)
        url = url.update_query_dict({"connect_timeout": str(timeout)})
    engine = sqlalchemy.create_engine(
        url,
        poolclass=MeasuredPool,
        pool_size=settings["sqlalchemy.pool_size"],
        max_overflow=settings.get("sqlalchemy.max_overflow", 4),
        pool_timeout=POOL_TIMEOUT,
        pool_pre_ping=True,
    )
    measure_queries(engine)
    given = "; ".join(f"SET {name} = {value}" for name, value in session_parameters(settings))
    event.listen(engine, "connect", partial(_prepare_postgresql, given))
    _log_outages(engine)
    return engine


def session_parameters(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The parameters of a PostgreSQL session, and their values."""
    # Compiling a query of many conditions takes a second, and running it a few milliseconds.
    yield "jit", "off"
    # So does starting a process to help with a query: up to 30 ms, for rows that are read in one.
    yield "max_parallel_workers_per_gather", "0"
    for name in QUERY_LIMITS:
        seconds = settings.get(f"sqlalchemy.{name}")
        if seconds is not None:
            yield name, f"{round(1000 * seconds)}"


def create_probe_engine(engine: Engine) -> Engine:
    """Return an engine for health checks on the same database.

    A check must not wait for the pool of the requests, nor as long as they do, and it must not
    meet a connection from before an outage: call ``dispose`` after it.
    """
    if engine.dialect.name == "sqlite":
        return _sqlite_engine(engine.url)
    probe = sqlalchemy.create_engine(
        engine.url,
        pool_size=1,
        max_overflow=0,
        isolation_level="AUTOCOMMIT",  # a check that fails leaves no transaction to the next one
        connect_args=PROBE_LIMITS,
    )
    event.listen(probe, "connect", partial(_prepare_postgresql, "SET statement_timeout = 2000"))
    return probe


def writing(engine: Engine) -> Engine:
    """Return the same engine and pool for transactions that will write.

    On SQLite they take the write lock as they begin. Otherwise a transaction that reads and then
    writes fails without waiting if another has written in between.
    """
    return engine.execution_options(sqlite_begin="IMMEDIATE")


def _log_outages(engine: Engine) -> None:
    """Log when connections are lost or refused, and when a new one is accepted."""
    outage = Outage("the database", recovery_seconds=0.0)

    def failed(context: ExceptionContext) -> None:
        is_lost = context.is_disconnect and not context.is_pre_ping
        if context.connection is None or is_lost:
            outage.failed(context.original_exception)

    def connected(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        outage.worked()

    event.listen(engine, "handle_error", failed)
    event.listen(engine, "connect", connected)


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
