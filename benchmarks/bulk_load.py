"""Loads many rows into a database of a benchmark: set by set, then each index once.

A row that is inserted alone changes each index of its table at a random place, runs triggers and
checks foreign keys. With a million movies, this takes hours.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, Engine, bindparam, event, text

from moziweb.db import create_engine

SESSIONS: Final = {
    "sqlite": (
        "PRAGMA foreign_keys = OFF", "PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF",
        "PRAGMA cache_size = -262144",
    ),
    "postgresql": (
        "SET session_replication_role = replica",  # without triggers and foreign keys
        "SET maintenance_work_mem = '256MB'", "SET work_mem = '128MB'",
    ),
}  # fmt: skip
"""What speeds up a load. A process that is killed leaves an SQLite file that cannot be read."""

DROPPED: Final = {
    "sqlite": """\
        SELECT 'DROP ' || type || ' ' || name, sql FROM sqlite_master
        WHERE tbl_name IN :tables AND type IN ('index', 'trigger') AND sql IS NOT NULL""",
    "postgresql": """\
        SELECT 'DROP INDEX ' || indexrelid::regclass, pg_get_indexdef(indexrelid) FROM pg_index
        WHERE indrelid::regclass::text IN :tables AND NOT EXISTS
        (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u'))""",
}
"""The statements that drop the indexes and triggers of tables, and those that create them again."""

KEPT_BY_TRIGGERS: Final = tuple(
    f"INSERT INTO {table} SELECT id FROM movie EXCEPT {others} EXCEPT SELECT movie_id FROM {table}"
    for table, others in {
        "unannounced_movie": "SELECT movie_id FROM premiere",
        "posterless_movie": "SELECT movie_id FROM poster_source WHERE chosen",
    }.items()
)
"""What triggers do, for all loaded rows."""

TRIGRAMS: Final = tuple(
    f"INSERT INTO {table}_trigram (rowid, text) SELECT id, ' ' || search_text || ' ' FROM {table}"
    f" WHERE id > (SELECT coalesce(max(rowid), 0) FROM {table}_trigram) ORDER BY id"
    for table in ("movie", "person")
)
"""The same for the full-text index of SQLite, to which new rows have larger ids."""


class Progress:
    """Prints to the standard error what was done, at most once a second."""

    def __init__(self) -> None:
        self._started = self._printed = time.perf_counter()

    def __call__(self, done: str) -> None:
        now = time.perf_counter()
        if now - self._printed >= 1:
            self._printed = now
            print(f"{now - self._started:7.1f} s  {done}", file=sys.stderr, flush=True)


@contextmanager
def bulk_load(url: str, tables: Sequence[str], progress: Progress) -> Iterator[Connection]:
    """A transaction for many rows of ``tables``, which have no triggers or indexes meanwhile.

    At its end, they are created again, and the tables that triggers keep get the new rows. Nothing
    else may be connected to the database.
    """
    engine = _engine(url)
    kind = engine.dialect.name
    query = text(DROPPED[kind]).bindparams(bindparam("tables", list(tables), expanding=True))
    try:
        with engine.begin() as connection:
            statements = connection.execute(query).all()
            for drop, _create in statements:
                connection.exec_driver_sql(drop)
            yield connection
            after = (*KEPT_BY_TRIGGERS, *(TRIGRAMS if kind == "sqlite" else ()))
            for statement in (*(create for _drop, create in statements), *after):
                connection.exec_driver_sql(statement)
                progress(statement.partition(" ON ")[0][:70])
    finally:
        engine.dispose()


def _engine(url: str) -> Engine:
    """An engine whose sessions are fast, and lose data in a crash."""
    engine = create_engine({"sqlalchemy.url": url, "sqlalchemy.pool_size": 1})

    def prepare(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for statement in SESSIONS[engine.dialect.name]:
            cursor.execute(statement)
        connection.commit()

    event.listen(engine, "connect", prepare)
    return engine
