"""Schema migrations, run by Alembic through ``moziweb db upgrade``; part of the package."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, NullPool, create_engine, event, text
from sqlalchemy.exc import OperationalError

from ..engine import writing
from ..schema_state import SchemaState, revision_of, schema_state

log = logging.getLogger(__name__)

HEAD: Final = "head"

LOCK_SECONDS: Final = 2.0
"""How long a statement of a migration waits for a lock; less than statements of web processes."""

LOCK_TRIES: Final = 15
LOCK_PAUSE_SECONDS: Final = 1.0

_ADVISORY_KEY: Final = 0x6D6F7A69
"""Identifies the lock of migrations in the database."""

_RETRIED: Final = frozenset({"55P03", "40P01"})
"""SQLSTATEs: a lock that another transaction holds too long, and a deadlock."""


def alembic_config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration, built in code; there is no alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.attributes["connection"] = connection
    return config


def upgrade(engine: Engine, revision: str = HEAD) -> tuple[str | None, str | None]:
    """Upgrade the schema to ``revision``; returns the old and new revision.

    On PostgreSQL, each migration is a transaction; on SQLite, all are one. The schema of a newer
    release stays as it is.
    """

    def run(connection: Connection) -> None:
        if revision != HEAD or schema_state(revision_of(connection)) is not SchemaState.AHEAD:
            command.upgrade(alembic_config(connection), revision)

    return _migrate(engine, run)


def downgrade(engine: Engine, revision: str) -> tuple[str | None, str | None]:
    """Downgrade the schema to ``revision`` (``base`` is an empty schema)."""
    return _migrate(
        engine, lambda connection: command.downgrade(alembic_config(connection), revision)
    )


def _migrate(engine: Engine, run: Callable[[Connection], None]) -> tuple[str | None, str | None]:
    """Run migrations while no other process does; return the revisions before and after."""
    seen: list[str | None] = []

    def run_and_look(connection: Connection) -> None:
        seen.append(revision_of(connection))
        sequences = _sequences(connection)
        run(connection)
        _restore(connection, sequences)
        seen.append(revision_of(connection))

    with nullcontext() if engine.dialect.name == "sqlite" else _lock_of_migrations(engine):
        _run_with_retries(engine, run_and_look)
    return seen[0], seen[-1]


def _run_with_retries(engine: Engine, run: Callable[[Connection], None]) -> None:
    """Run migrations, again from the present one after a long wait for a lock or a deadlock.

    A migration that waits for the lock of a table makes all requests that use the table wait.
    """
    for tries_left in reversed(range(LOCK_TRIES)):
        try:
            with _migrating(engine) as connection:
                run(connection)
                return
        except OperationalError as error:
            if not tries_left or getattr(error.orig, "sqlstate", None) not in _RETRIED:
                raise
            log.warning("a transaction holds a lock that the migration needs; trying again")
            time.sleep(LOCK_PAUSE_SECONDS)


@contextmanager
def _migrating(engine: Engine) -> Iterator[Connection]:
    """Open a connection: on SQLite in a transaction, on PostgreSQL Alembic begins them.

    SQLite alters a table by creating a new one; dropping the old one would delete every row that
    refers to it. Foreign keys are therefore off during the migration and checked before the commit.
    SQLite ignores the pragma inside a transaction: https://www.sqlite.org/lang_altertable.html
    """
    with writing(engine).connect() as connection:
        if engine.dialect.name != "sqlite":
            event.listen(connection, "begin", _limit_lock_waits)
            yield connection
            return
        _enforce_foreign_keys(connection, "OFF")
        try:
            with connection.begin():
                yield connection
                _check_foreign_keys(connection)
        finally:
            _enforce_foreign_keys(connection, "ON")


def _limit_lock_waits(connection: Connection) -> None:
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {round(1000 * LOCK_SECONDS)}")


@contextmanager
def _lock_of_migrations(engine: Engine) -> Iterator[None]:
    """Hold the lock of migrations in a transaction of a connection of its own.

    The transactions of migrations are shorter; a lock of the session would not be released by a
    pooler such as PgBouncer. Not a connection of the pool, which may have only one.
    """
    with (
        create_engine(engine.url, poolclass=NullPool).connect() as connection,
        connection.begin(),
    ):
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        key = {"key": _ADVISORY_KEY}
        if not connection.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), key):
            log.warning("another process migrates the database; waiting for it")
            connection.execute(text("SET LOCAL lock_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), key)
        yield


def _sequences(connection: Connection) -> list[dict[str, str | int]]:
    """On SQLite, the largest id that each table has ever given; empty on PostgreSQL."""
    if connection.dialect.name != "sqlite":
        return []
    is_there = "SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'"
    if connection.scalar(text(is_there)) is None:
        return []
    rows = connection.execute(text("SELECT name, seq FROM sqlite_sequence"))
    return [{"name": row.name, "seq": row.seq} for row in rows]


def _restore(connection: Connection, sequences: list[dict[str, str | int]]) -> None:
    """Raise sequences again: the copy of a table in a batch continues at its largest row."""
    if sequences and _sequences(connection):
        update = "UPDATE sqlite_sequence SET seq = max(seq, :seq) WHERE name = :name"
        connection.execute(text(update), sequences)


def _enforce_foreign_keys(connection: Connection, state: str) -> None:
    cursor = connection.connection.cursor()  # SQLAlchemy's execute would begin a transaction
    cursor.execute(f"PRAGMA foreign_keys = {state}")
    cursor.close()


def _check_foreign_keys(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken is not None:
        raise CommandError(f"a row of {broken[0]} would refer to no row of {broken[2]}")
