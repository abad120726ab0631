"""Sessions of requests and of services."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import transaction
from psycopg.pq import TransactionStatus
from pyramid.testing import DummyRequest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from moziweb.db import Database
from moziweb.movies.models import Genre


def genres(database: Database) -> list[str]:
    with database.read() as session:
        return [genre.name for genre in session.query(Genre)]


def add(session: Session, name: str) -> None:
    session.add(Genre(slug=name, name=name, name_en=name))
    session.flush()


def test_write_commits_at_its_end_only(database: Database) -> None:
    with database.write() as session:
        add(session, "dráma")
        assert genres(database) == []
    assert genres(database) == ["dráma"]


def test_write_that_raises_is_rolled_back(database: Database) -> None:
    def write() -> None:
        with database.write() as session:
            add(session, "dráma")
            raise LookupError

    with pytest.raises(LookupError):
        write()
    assert genres(database) == []


def test_read_and_rollback_session_keep_nothing(database: Database) -> None:
    with database.read() as session:
        add(session, "dráma")
    with database.rollback_session() as session:
        add(session, "vígjáték")
    assert genres(database) == []


def test_rows_are_readable_after_their_session(database: Database) -> None:
    with database.write() as session:
        add(session, "dráma")
        genre = session.query(Genre).one()
    assert genre.name == "dráma"


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_autocommit_read_opens_no_transaction(database: Database) -> None:
    """It saves the round trips of BEGIN and ROLLBACK, which SQLite does not have."""
    with database.autocommit_read() as session:
        assert session.execute(text("SELECT 1")).scalar_one() == 1
        connection = session.connection().connection.driver_connection
        assert isinstance(connection, psycopg.Connection)
        assert connection.info.transaction_status == TransactionStatus.IDLE


def test_watch_gets_both_factories_once(database: Database) -> None:
    watched: list[sessionmaker[Session]] = []
    database.watch(watched.append)
    assert len(watched) == len(set(map(id, watched))) == 2


@pytest.fixture
def manager() -> Iterator[transaction.TransactionManager]:
    manager = transaction.TransactionManager(explicit=True)
    manager.begin()
    yield manager
    manager.abort()


def request_of(method: str, manager: transaction.TransactionManager) -> Any:
    request = DummyRequest(method=method)
    request.tm = manager
    return request


def test_session_of_a_request_follows_its_transaction(
    database: Database, manager: transaction.TransactionManager
) -> None:
    joined: list[object] = []
    database.watch(lambda _factory: None, join=lambda session, tm: joined.append((session, tm)))
    request = request_of("POST", manager)
    session = database.session_for(request)
    assert joined == [(session, manager)]
    add(session, "dráma")
    assert genres(database) == []
    manager.commit()
    assert genres(database) == ["dráma"]
    manager.begin()
    add(session, "vígjáték")
    manager.abort()
    assert genres(database) == ["dráma"]
    manager.begin()


def test_session_is_closed_at_the_end_of_its_request(
    database: Database, manager: transaction.TransactionManager
) -> None:
    request = request_of("GET", manager)
    session = database.session_for(request)
    session.execute(text("SELECT 1"))
    assert session.in_transaction()
    request._process_finished_callbacks()
    assert not session.in_transaction()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_request_that_writes_takes_the_lock_of_sqlite_when_it_begins(
    database: Database, manager: transaction.TransactionManager
) -> None:
    """If it read first, its later write could fail because another one has written."""
    database.session_for(request_of("POST", manager)).execute(text("SELECT 1"))
    with database.read() as session:
        session.execute(text("PRAGMA busy_timeout = 0"))
        with pytest.raises(DBAPIError, match="locked"):
            add(session, "dráma")
