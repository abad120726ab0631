"""The database's time and the number of queries of a request."""

import time

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from moziweb.db import Database, create_engine
from moziweb.db.query_timings import MeasuredPool
from moziweb.timings import Part, timed
from tests.services.postgres import PostgresServer


def test_queries_of_a_request_are_counted(database: Database) -> None:
    with database.read() as session:
        session.execute(text("SELECT 1"))  # the first connection has queries of its own
    with timed({}) as timings:
        with database.read() as session:
            for _ in range(3):
                session.execute(text("SELECT 1"))
        assert timings.seconds[Part.DATABASE] > 0
    assert timings.queries == 3
    with database.read() as session:
        session.execute(text("SELECT 1"))
    assert timings.queries == 3


def test_failed_query_ends_its_part(database: Database) -> None:
    with timed({}) as timings:
        with pytest.raises(DBAPIError), database.read() as session:
            session.execute(text("SELECT no_such_column"))
        before = timings.seconds[Part.DATABASE]
        timings.total()
        assert timings.seconds[Part.DATABASE] == before > 0


def test_time_of_a_query_is_the_databases(postgres_server: PostgresServer) -> None:
    with postgres_server.database() as url:
        engine = create_engine({"sqlalchemy.url": url, "sqlalchemy.pool_size": 1})
        assert isinstance(engine.pool, MeasuredPool)
        with timed({}) as timings, engine.connect() as connection:
            connected = timings.seconds[Part.DATABASE]
            assert connected > 0
            connection.execute(text("SELECT pg_sleep(0.05)"))
            assert timings.seconds[Part.DATABASE] - connected >= 0.05
            time.sleep(0.02)
        timings.total()
        assert timings.seconds[Part.RENDER] >= 0.02
        engine.dispose()
