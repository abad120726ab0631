"""Two transactions of PostgreSQL, of which the second one waits for the first."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from moziweb.db import Database
from tests.threads import wait_until

Start = Callable[[Callable[[], Any]], "Future[Any]"]


@contextmanager
def held(database: Database) -> Iterator[tuple[Session, Start]]:
    """A transaction, and a function that runs work in a thread and returns once that waits.

    The transaction commits after the block.
    """
    with rival(database) as start, database.write() as session:
        yield session, start


@contextmanager
def rival(database: Database) -> Iterator[Start]:
    """The function alone; work that waits must go on before the end of the block."""
    with ThreadPoolExecutor(1) as pool:

        def start(work: Callable[[], Any]) -> "Future[Any]":
            running = pool.submit(work)
            wait_until(lambda: running.done() or _waits(database.engine))
            assert not running.done(), f"it has not waited: {running.result()}"
            return running

        yield start


def _waits(engine: Engine) -> bool:
    """Whether a connection to the database waits for a lock."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    with engine.connect() as connection:
        return bool(connection.scalar(waiting))
