"""Faults of PostgreSQL before a statement of the application."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from sqlalchemy import Engine, event

RAISE: Final = "DO $$ BEGIN RAISE SQLSTATE '{}' USING MESSAGE = 'of this test'; END $$"
"""Fails with a SQLSTATE, which aborts the transaction."""


@dataclass
class Fault:
    """Happens before the application's statement number ``before``, once."""

    happen: Callable[[Any], object]
    before: int = 0
    count: int = 0

    def __call__(self, connection: Any, *_rest: Any) -> None:
        """Count a statement."""
        self.before -= 1
        if self.before == 0:
            self.count += 1
            self.happen(connection.connection.dbapi_connection)


@contextmanager
def terminator(engine: Engine) -> Iterator[Fault]:
    """A fault that ends the connection of the application."""
    url = engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as other:

        def terminate(connection: Any) -> None:
            pid = connection.info.backend_pid
            other.execute("SELECT pg_terminate_backend(%s)", [pid])
            while other.execute("SELECT FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone():
                pass

        with _listening(engine, Fault(terminate)) as fault:
            yield fault


@contextmanager
def conflict(engine: Engine, state: str) -> Iterator[Fault]:
    """A fault that fails as a statement with a conflict does."""
    fault = Fault(lambda connection: connection.execute(RAISE.format(state)))
    with _listening(engine, fault):
        yield fault


@contextmanager
def _listening(engine: Engine, fault: Fault) -> Iterator[Fault]:
    event.listen(engine, "before_cursor_execute", fault)
    try:
        yield fault
    finally:
        event.remove(engine, "before_cursor_execute", fault)


@contextmanager
def conflicts_at(part: str, *, nth: int = 1, state: str = "40P01") -> Iterator[list[str]]:
    """Of all engines' statements that contain ``part``, number ``nth`` fails with a conflict.

    Yields the failed statements.
    """
    seen, failed = [], list[str]()

    def fail(connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if part in statement:
            seen.append(statement)
            if len(seen) == nth:
                failed.append(statement)
                connection.connection.dbapi_connection.execute(RAISE.format(state))

    event.listen(Engine, "before_cursor_execute", fail)
    try:
        yield failed
    finally:
        event.remove(Engine, "before_cursor_execute", fail)
