"""A PostgreSQL cluster without the durability that tests do not need."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql

from .ports import HOST, free_port
from .process import READY_SECONDS, Service, ServiceError, as_user, find_program

_SUPERUSER = "postgres"

_FINGERPRINT = """
SELECT (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_attribute),
       (SELECT count(*) FROM pg_constraint), (SELECT count(*) FROM pg_proc),
       (SELECT count(*) FROM pg_trigger), (SELECT count(*) FROM pg_db_role_setting)
"""
_DISCONNECT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_GROWTH = 2_000_000
"""Bytes: a database that has grown by more is dropped, since deleted rows slow down scans."""


@dataclass
class _Template:
    """How to empty a copy of a template, and how to see that its schema is unchanged."""

    reset: str
    fingerprint: tuple[object, ...]
    size: int
    free: list[str] = field(default_factory=list)


class PostgresServer(Service):
    """PostgreSQL on ``127.0.0.1:port``, user ``postgres``, no password.

    Root runs it under the account ``postgres``. A start takes about a second (initdb). A copy of a
    template costs 150 ms of processor time, an emptied one (``reusable``) 8 ms.
    """

    name = "postgres"
    account = "postgres"
    stop_signal = signal.SIGQUIT  # "immediate": nothing here needs a checkpoint
    orphan_signal = signal.SIGQUIT

    def __init__(self) -> None:
        super().__init__()
        self.port = free_port()
        self._numbers = count(1)
        self._templates: dict[str, _Template] = {}

    @cached_property
    def binaries(self) -> list[Path]:
        """The newest version first. Debian keeps them in a folder per version, not in PATH."""
        folders = Path("/usr/lib/postgresql").glob("*/bin")
        return sorted(folders, key=lambda folder: int(folder.parent.name), reverse=True)

    def prepare(self) -> None:
        """Create the cluster: UTF-8 and the C locale, so that all machines sort alike."""
        initdb = find_program("initdb", *self.binaries)
        options = ["-A", "trust", "-N", "--no-instructions", "-E", "UTF8", "--locale=C.UTF-8"]
        made = subprocess.run(
            [initdb, "-D", str(self._data), "-U", _SUPERUSER, *options],
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
            timeout=READY_SECONDS,
            **as_user(self.user),
        )
        if made.returncode:
            raise ServiceError(f"initdb failed: {made.stderr}")

    def command(self) -> list[str]:
        """The server itself and not pg_ctl, so that its pid can be signalled.

        Commits survive a killed server (``synchronous_commit`` stays on) but no power failure.
        """
        given = {
            "listen_addresses": HOST,
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "off",
            "full_page_writes": "off",
        }
        options = [f"--{name}={value}" for name, value in given.items()]
        return [find_program("postgres", *self.binaries), "-D", str(self._data), *options]

    def is_ready(self) -> bool:
        """Whether the server accepts connections."""
        with contextlib.suppress(psycopg.OperationalError), self.connect():
            return True
        return False

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """A connection in autocommit mode; close it."""
        return psycopg.connect(self.conninfo(database), autocommit=True)

    def conninfo(self, database: str) -> str:
        """libpq's connection string."""
        return f"host={HOST} port={self.port} user={_SUPERUSER} dbname={database}"

    def url(self, database: str) -> str:
        """The SQLAlchemy URL of a database."""
        return f"postgresql+psycopg://{_SUPERUSER}@{HOST}:{self.port}/{database}"

    def create(self, template: str = "template1") -> str:
        """Create a database as a copy of ``template`` and return its name.

        PostgreSQL copies a template only if it has no connections.
        """
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        # By files: writing a copy of each page to the log takes up to four times as long.
        self._execute("CREATE DATABASE {} TEMPLATE {} STRATEGY = FILE_COPY", name, template)
        return name

    def drop(self, database: str) -> None:
        """Drop a database, and end its connections."""
        self._execute("DROP DATABASE {} WITH (FORCE)", database)

    def make_template(self, prepare: Callable[[str], None]) -> str:
        """Create a database, have ``prepare(url)`` fill it, and return its name for ``create``.

        ``prepare`` must close its connections (dispose of the engine).
        """
        name = self.create()
        prepare(self.url(name))
        return name

    @contextlib.contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """The SQLAlchemy URL of a new database, dropped at the end of a ``with`` block."""
        name = self.create(template)
        try:
            yield self.url(name)
        finally:
            self.drop(name)

    @contextlib.contextmanager
    def reusable(self, template: str) -> Iterator[str]:
        """The SQLAlchemy URL of a copy of a template whose tables are empty.

        At the end of the block the copy is emptied for the next caller. It is dropped if its schema
        has changed or if it has grown.
        """
        if template not in self._templates:
            self._templates[template] = self._inspect(template)
        known = self._templates[template]
        name = known.free.pop() if known.free else self.create(template)
        try:
            yield self.url(name)
        finally:
            if self._empty(name, known):
                known.free.append(name)
            else:
                self.drop(name)

    def _inspect(self, template: str) -> _Template:
        user_schema = "schemaname NOT IN ('pg_catalog', 'information_schema')"
        with self.connect(template) as connection:
            tables = connection.execute(
                f"SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE {user_schema}"
                " AND tablename <> 'alembic_version'"
            ).fetchall()
            sequences = connection.execute(
                f"SELECT format('%I.%I', schemaname, sequencename), start_value FROM pg_sequences"
                f" WHERE {user_schema}"
            ).fetchall()
            for (table,) in tables:
                full = connection.execute(f"SELECT EXISTS (SELECT FROM {table})").fetchone()
                assert full == (False,), f"{table} of the template has rows"
            fingerprint, size = self._state_of(connection)
        deletes = "".join(f"DELETE FROM {table};" for (table,) in tables)
        restarts = "".join(f"SELECT setval('{name}', {at}, false);" for name, at in sequences)
        # Without triggers and foreign keys, so in any order.
        role = "SET LOCAL session_replication_role = replica;"
        return _Template(f"BEGIN;{role}{deletes}{restarts}COMMIT", fingerprint, size)

    def _empty(self, name: str, known: _Template) -> bool:
        """Delete all rows; whether the database is then as its template."""
        try:
            with self.connect(name) as connection:
                connection.execute("SET statement_timeout = '5s'")
                connection.execute(_DISCONNECT)
                connection.execute(known.reset)
                fingerprint, size = self._state_of(connection)
        except psycopg.Error:
            return False
        return fingerprint == known.fingerprint and size < known.size + _GROWTH

    def _state_of(self, connection: psycopg.Connection) -> tuple[tuple[object, ...], int]:
        fingerprint = connection.execute(_FINGERPRINT).fetchone()
        size = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        assert fingerprint is not None
        assert size is not None
        return fingerprint, int(size[0])

    @property
    def _data(self) -> Path:
        return self.home / "data"

    def _execute(self, statement: str, *names: str) -> None:
        with self.connect() as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
