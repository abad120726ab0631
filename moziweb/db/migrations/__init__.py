"""Schema migrations, run by Alembic through ``moziweb db upgrade``; part of the package."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from functools import cache
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from ..engine import writing

log = logging.getLogger(__name__)

HEAD: Final = "head"

LOCK_SECONDS: Final = 2.0
"""How long a statement of a migration waits for a lock; less than statements of web processes."""

LOCK_TRIES: Final = 15
LOCK_PAUSE_SECONDS: Final = 1.0

_ADVISORY_KEY: Final = 0x6D6F7A69
"""Identifies the lock of migrations in the database."""

_LOCK_NOT_AVAILABLE: Final = "55P03"


class SchemaState(Enum):
    """The schema of a database, compared with this version of the code."""

    CURRENT = auto()
    OUTDATED = auto()
    AHEAD = auto()
    """Of a newer release. This one runs on the schema of the next: migrations only expand."""


def alembic_config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration, built in code; there is no alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.attributes["connection"] = connection
    return config


def upgrade(engine: Engine, revision: str = HEAD) -> tuple[str | None, str | None]:
    """Upgrade the schema to ``revision``, in one transaction; returns the old and new revision.

    The schema of a newer release stays as it is.
    """

    def run(connection: Connection) -> None:
        if revision != HEAD or schema_state(_revision(connection)) is not SchemaState.AHEAD:
            command.upgrade(alembic_config(connection), revision)

    return _migrate(engine, run)


def downgrade(engine: Engine, revision: str) -> tuple[str | None, str | None]:
    """Downgrade the schema to ``revision`` (``base`` is an empty schema)."""
    return _migrate(
        engine, lambda connection: command.downgrade(alembic_config(connection), revision)
    )


def current_revision(engine: Engine) -> str | None:
    """Return the revision of the database; None if it was never migrated."""
    with engine.connect() as connection:
        return _revision(connection)


def head_revision() -> str:
    """Return the newest revision of this version of the code."""
    return _known_revisions()[0]


def schema_state(revision: str | None) -> SchemaState:
    """Compare the revision of a database with this version of the code."""
    if revision == head_revision():
        return SchemaState.CURRENT
    if revision is None or revision in _known_revisions() or revision < head_revision():
        return SchemaState.OUTDATED
    return SchemaState.AHEAD


@cache
def _known_revisions() -> tuple[str, ...]:
    """The revisions of this version of the code, newest first."""
    script = ScriptDirectory.from_config(alembic_config())
    return tuple(each.revision for each in script.walk_revisions())


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _migrate(engine: Engine, run: Callable[[Connection], None]) -> tuple[str | None, str | None]:
    """Run a migration, again if it has waited too long for a lock; return both revisions.

    A migration that waits for the lock of a table makes all requests that use the table wait.
    """
    for tries_left in reversed(range(LOCK_TRIES)):
        try:
            with _migrating(engine) as connection:
                before = _revision(connection)
                run(connection)
                return before, _revision(connection)
        except OperationalError as error:
            if not tries_left or getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise
            log.warning("a transaction holds a lock that the migration needs; trying again")
            time.sleep(LOCK_PAUSE_SECONDS)
    raise AssertionError("unreachable")


@contextmanager
def _migrating(engine: Engine) -> Iterator[Connection]:
    """Open a connection in the one transaction of a migration.

    SQLite alters a table by creating a new one; dropping the old one would delete every row that
    refers to it. Foreign keys are therefore off during the migration and checked before the commit.
    SQLite ignores the pragma inside a transaction: https://www.sqlite.org/lang_altertable.html
    """
    with writing(engine).connect() as connection:
        if engine.dialect.name != "sqlite":
            with connection.begin():
                _wait_for_other_migrations(connection)
                yield connection
            return
        _enforce_foreign_keys(connection, "OFF")
        try:
            with connection.begin():
                yield connection
                _check_foreign_keys(connection)
        finally:
            _enforce_foreign_keys(connection, "ON")


def _wait_for_other_migrations(connection: Connection) -> None:
    """Take the lock of migrations, which the end of the transaction releases."""
    limit = f"SET LOCAL lock_timeout = {round(1000 * LOCK_SECONDS)}"
    key = {"key": _ADVISORY_KEY}
    if not connection.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), key):
        log.warning("another process migrates the database; waiting for it")
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), key)
    connection.execute(text(limit))


def _enforce_foreign_keys(connection: Connection, state: str) -> None:
    cursor = connection.connection.cursor()  # SQLAlchemy's execute would begin a transaction
    cursor.execute(f"PRAGMA foreign_keys = {state}")
    cursor.close()


def _check_foreign_keys(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken is not None:
        raise CommandError(f"a row of {broken[0]} would refer to no row of {broken[2]}")
