"""An atomic store in a small SQLite file, shared by the processes of one machine.

``pserve`` and the ``moziweb`` commands share their stamps through it. Every operation is one
statement or one short transaction, so SQLite's locks make it atomic; with WAL, readers do not wait
for a writer. A read takes about ten microseconds.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from ..errors import StoreUnreachableError

BUSY_SECONDS: Final = 1.0
"""Seconds that a writer waits for another. A write takes a fraction of a millisecond."""

_SCHEMA: Final = """
    CREATE TABLE IF NOT EXISTS cells (
        name TEXT PRIMARY KEY, value BLOB NOT NULL, token INTEGER NOT NULL, until REAL NOT NULL
    ) WITHOUT ROWID
"""
_NEVER: Final = 1e300
_SWEEP_EVERY: Final = 1000
_NAMES_AT_ONCE: Final = 500
_LOCK_POLL: Final = 0.005


class _Connection(sqlite3.Connection):
    """Closes itself when its thread has ended; from Python 3.13 on, others warn then."""

    def __del__(self) -> None:
        with suppress(sqlite3.Error):
            self.close()


class SqliteAtomicStore:
    """The file at ``path``, usable from any thread and process, and across a fork.

    A token is a random 63-bit number, new at each write, so a value that is deleted and set again
    never has its old token.
    """

    def __init__(self, path: str | Path, now: Callable[[], float] = time.time) -> None:
        """``now`` is Unix time: processes share the expiries."""
        self._path = Path(path)
        self._now = now
        self._local = threading.local()
        self._writes = 0

    def get(self, name: str) -> bytes | None:
        """See ``AtomicStore``."""
        pair = self.gets(name)
        return pair[0] if pair else None

    def get_multi(self, names: Iterable[str]) -> dict[str, bytes]:
        """See ``AtomicStore``."""
        wanted = list(names)
        found: dict[str, bytes] = {}
        with self._connection() as connection:
            for start in range(0, len(wanted), _NAMES_AT_ONCE):
                part = wanted[start : start + _NAMES_AT_ONCE]
                marks = ",".join("?" * len(part))
                found.update(
                    connection.execute(
                        f"SELECT name, value FROM cells WHERE name IN ({marks}) AND until > ?",  # noqa: S608 - only question marks are put in
                        (*part, self._now()),
                    )
                )
        return found

    def gets(self, name: str) -> tuple[bytes, int] | None:
        """See ``AtomicStore``."""
        with self._connection() as connection:
            row: tuple[bytes, int] | None = connection.execute(
                "SELECT value, token FROM cells WHERE name = ? AND until > ?", (name, self._now())
            ).fetchone()
        return row

    def cas(self, name: str, value: bytes, token: int, ttl: float = 0) -> bool:
        """See ``AtomicStore``."""
        with self._connection() as connection:
            cursor = connection.execute(
                "UPDATE cells SET value = ?, until = ?, token = abs(random())"
                " WHERE name = ? AND token = ? AND until > ?",
                (value, self._until(ttl), name, token, self._now()),
            )
        return cursor.rowcount == 1

    def add(self, name: str, value: bytes, ttl: float = 0) -> bool:
        """See ``AtomicStore``."""
        with self._connection() as connection:
            cursor = connection.execute(
                "INSERT INTO cells (name, value, token, until) VALUES (?, ?, abs(random()), ?)"
                " ON CONFLICT (name) DO UPDATE SET value = excluded.value, until = excluded.until,"
                " token = excluded.token WHERE cells.until <= ?",
                (name, value, self._until(ttl), self._now()),
            )
            self._sweep_sometimes(connection)
        return cursor.rowcount == 1

    def set_multi(self, values: Mapping[str, bytes], ttl: float = 0) -> None:
        """See ``AtomicStore``."""
        until = self._until(ttl)
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                connection.executemany(
                    "INSERT OR REPLACE INTO cells (name, value, token, until)"
                    " VALUES (?, ?, abs(random()), ?)",
                    [(name, value, until) for name, value in values.items()],
                )
                connection.execute("COMMIT")
            except sqlite3.Error:
                connection.rollback()
                raise

    def incr(self, name: str) -> int | None:
        """See ``AtomicStore``."""
        with self._connection() as connection:
            row = connection.execute(
                "UPDATE cells SET token = abs(random()),"
                " value = CAST(CAST(CAST(CAST(value AS TEXT) AS INTEGER) + 1 AS TEXT) AS BLOB)"
                " WHERE name = ? AND until > ? RETURNING value",
                (name, self._now()),
            ).fetchone()
        return int(row[0]) if row else None

    def delete(self, name: str) -> None:
        """See ``AtomicStore``."""
        with self._connection() as connection:
            connection.execute("DELETE FROM cells WHERE name = ?", (name,))

    def close(self) -> None:
        """Close the connection of the calling thread."""
        connection: sqlite3.Connection | None = self._local.__dict__.pop("connection", None)
        if connection is not None:
            connection.close()

    def _until(self, ttl: float) -> float:
        return self._now() + ttl if ttl > 0 else _NEVER

    def _sweep_sometimes(self, connection: sqlite3.Connection) -> None:
        self._writes += 1
        if self._writes % _SWEEP_EVERY == 0:
            connection.execute("DELETE FROM cells WHERE until <= ?", (self._now(),))

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """Yield this thread's connection; SQLite's exceptions are raised as ``StoreError``."""
        try:
            yield self._current()
        except (sqlite3.Error, OSError) as error:
            raise StoreUnreachableError(f"{self._path}: {error}") from error

    def _current(self) -> sqlite3.Connection:
        """Return this thread's connection, opened again if the file was replaced.

        A process with the deleted file still open would never see another invalidation. So every
        use compares the inode, in about a microsecond.
        """
        local = self._local
        identity = (os.getpid(), self._inode())
        if local.__dict__.get("identity") != identity:
            self._forget_or_close()
            local.connection = self._open()
            local.identity = (os.getpid(), self._inode())
        connection: sqlite3.Connection = local.connection
        return connection

    def _forget_or_close(self) -> None:
        """Close the old connection, unless it was inherited from the parent process."""
        identity = self._local.__dict__.get("identity")
        if identity and identity[0] == os.getpid():
            self.close()

    def _inode(self) -> int | None:
        try:
            return self._path.stat().st_ino
        except FileNotFoundError:
            return None

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            factory=_Connection,
        )
        try:
            _set_up(connection)
        except sqlite3.Error:
            connection.close()
            raise
        return connection


def _set_up(connection: sqlite3.Connection) -> None:
    """Create the schema in WAL mode, and retry while another process does so.

    SQLite itself does not wait if several processes switch a new file to WAL at once.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(_SCHEMA)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_LOCK_POLL)
        else:
            return
