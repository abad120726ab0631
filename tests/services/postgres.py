"""A real PostgreSQL cluster, without the durability that tests don't need."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql

from .ports import HOST, free_port
from .process import Service, ServiceError, as_user, find_program

_SUPERUSER = "postgres"


class PostgresServer(Service):
    """PostgreSQL on ``127.0.0.1:port``, user ``postgres``, no password.

    From root it runs under the account ``postgres``, else under one's own. Starting takes about a
    second (initdb), a database from a template 29 ms.
    """

    name = "postgres"
    account = "postgres"
    stop_signal = signal.SIGQUIT  # "immediate": nothing here needs a checkpoint
    orphan_signal = signal.SIGQUIT

    def __init__(self) -> None:
        super().__init__()
        self.port = free_port()
        self._numbers = count(1)

    @cached_property
    def _binaries(self) -> list[Path]:
        """Debian keeps them out of PATH, in a folder per version: the newest first."""
        folders = Path("/usr/lib/postgresql").glob("*/bin")
        return sorted(folders, key=lambda folder: int(folder.parent.name), reverse=True)

    def prepare(self) -> None:
        """Make the cluster; UTF-8 with the C locale, so that sorting is alike everywhere."""
        initdb = find_program("initdb", *self._binaries)
        options = ["-A", "trust", "-N", "--no-instructions", "-E", "UTF8", "--locale=C.UTF-8"]
        made = subprocess.run(
            [initdb, "-D", str(self._data), "-U", _SUPERUSER, *options],
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
            **as_user(self.user),
        )
        if made.returncode:
            raise ServiceError(f"initdb failed: {made.stderr}")

    def command(self) -> list[str]:
        """The server itself rather than pg_ctl, so that its pid is ours to signal.

        What is committed survives a killed server (``synchronous_commit`` stays on), though not a
        machine that loses its power.
        """
        given = {
            "listen_addresses": HOST,
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "off",
            "full_page_writes": "off",
        }
        options = [f"--{name}={value}" for name, value in given.items()]
        return [find_program("postgres", *self._binaries), "-D", str(self._data), *options]

    def is_ready(self) -> bool:
        """Whether a connection opens."""
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
        """SQLAlchemy's address of a database."""
        return f"postgresql+psycopg://{_SUPERUSER}@{HOST}:{self.port}/{database}"

    def create(self, template: str = "template1") -> str:
        """Make a database as a copy of ``template`` and return its name.

        PostgreSQL copies only a template that nobody is connected to.
        """
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        # By files: writing a copy of each page to the log takes up to four times as long.
        self._execute("CREATE DATABASE {} TEMPLATE {} STRATEGY = FILE_COPY", name, template)
        return name

    def drop(self, database: str) -> None:
        """Remove a database, whoever is still connected."""
        self._execute("DROP DATABASE {} WITH (FORCE)", database)

    def make_template(self, prepare: Callable[[str], None]) -> str:
        """Make a database once, let ``prepare(url)`` fill it, and return its name for ``create``.

        ``prepare`` closes its connections (dispose of the engine) before it returns.
        """
        name = self.create()
        prepare(self.url(name))
        return name

    @contextlib.contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """The SQLAlchemy address of a new database, dropped at the end of a ``with`` block."""
        name = self.create(template)
        try:
            yield self.url(name)
        finally:
            self.drop(name)

    @property
    def _data(self) -> Path:
        return self.home / "data"

    def _execute(self, statement: str, *names: str) -> None:
        with self.connect() as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
