"""Requests whose database connection is lost, or whose transaction has a conflict.

The faults are real: PostgreSQL ends the connection before a statement, or is stopped.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Barrier

import pytest
import sqlalchemy
import zope.sqlalchemy
from pyramid.config import Configurator
from pyramid.response import Response
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.db import Database, create_engine, repeat_on_conflict, retry
from moziweb.db.retry import (
    TRANSACTION_ATTEMPTS,
    Reconnection,
    is_conflict,
    is_connection_lost,
)
from moziweb.request import Request
from moziweb.services import services_of
from moziweb.settings import load
from tests.conftest import counted_queries, migrate, raw_settings
from tests.db.faults import RAISE, terminator
from tests.db.rivals import held
from tests.services.ports import free_port
from tests.services.postgres import PostgresServer
from tests.site.cached import CACHED, Movies, fill, pages
from tests.site.cached import site as running_site

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


KEYS: dict[str, dict[str, str]] = {
    "not cached": {},
    "cached": CACHED,
    "stale": {**CACHED, "cache.default.stale_if_error": "600"},
}


@pytest.fixture(params=KEYS)
def site(settings: dict[str, str], request: pytest.FixtureRequest) -> Iterator[TestApp]:
    """The application on PostgreSQL; with a cache, also one that serves stale fragments."""
    with running_site(settings | KEYS[request.param]) as app:
        yield app


@pytest.fixture
def movies(dbsession: Session) -> Movies:
    return fill(dbsession)


def outdate(app: TestApp) -> None:
    """Make every entry of the cache invalid."""
    found = services_of(app.app.registry).page_cache
    if found is not None:
        found.cache.stamps.publish(found.base_tags)


@on_postgresql
def test_pages_survive_a_lost_connection_at_any_statement(site: TestApp, movies: Movies) -> None:
    paths = {**pages(movies), "search": "/search?q=van", "similar": "/search?q=ittvann"}
    engine = services_of(site.app.registry).database.engine
    with terminator(engine) as fault:
        for path in paths.values():
            outdate(site)
            with counted_queries(engine) as statements:
                expected = site.get(path)
            for at in sorted({1, 2, (1 + len(statements)) // 2, len(statements)}):
                outdate(site)
                fault.before = at
                found = site.get(path, status="*")
                assert (found.status_int, found.body) == (200, expected.body), (path, at)
                fault.before = 0
        assert fault.count > 30


@on_postgresql
def test_all_connections_may_end_between_requests(
    settings: dict[str, str], postgres_server: PostgresServer, movies: Movies
) -> None:
    with running_site(settings) as app:
        name = make_url(settings["sqlalchemy.url"]).database
        for _ in range(3):
            app.get("/", status=200)
            with postgres_server.connect() as connection:
                query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
                connection.execute(query, [name])


def test_page_waits_for_a_restart(tmp_path: Path) -> None:
    with PostgresServer() as server, server.database() as url:
        migrate(url)
        with running_site(raw_settings(url, tmp_path)) as app:
            app.get("/api/main/", status=200)
            server.kill()
            with ThreadPoolExecutor(3) as pool:
                waiting = [pool.submit(app.get, "/api/main/", status="*") for _ in range(3)]
                server.start()
                assert [each.result(30).status_int for each in waiting] == [200] * 3

            server.kill()
            began = time.monotonic()
            app.get("/api/main/", status=503)
            assert retry.OUTAGE_SECONDS <= time.monotonic() - began < retry.OUTAGE_SECONDS + 5
            began = time.monotonic()
            response = app.get("/api/main/", status=503)
            assert time.monotonic() - began < 2, "the outage is known"
            assert response.headers["Retry-After"]
            server.start()
            app.get("/api/main/", status=200)


def test_next_outage_is_waited_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "OUTAGE_SECONDS", 0.2)
    monkeypatch.setattr(retry, "RETRY_PAUSE_SECONDS", 0.01)
    answers: list[bool] = []
    reconnection = Reconnection(sqlalchemy.create_engine("sqlite://"))
    monkeypatch.setattr(reconnection, "_connects", lambda: answers.pop() if answers else False)

    def waited() -> float:
        began = time.monotonic()
        assert not reconnection.wait()
        return time.monotonic() - began

    assert waited() >= 0.2
    assert waited() < 0.1
    time.sleep(0.3)
    assert waited() >= 0.2, "an outage after a pause without failures is a new one"
    time.sleep(0.3)
    answers[:] = [True]
    assert reconnection.wait()
    assert waited() >= 0.2, "and so is one after a success"


class Views:
    """An application with one view that writes a row and fails in its first attempt."""

    def __init__(self, url: str, tmp_path: Path, state: str, *, at_commit: bool = False) -> None:
        self.attempts: list[str] = []
        self.fails = [True, False]
        self._state = state
        self._at_commit = at_commit
        with Configurator(settings=load(raw_settings(url, tmp_path))) as config:
            config.include("moziweb.db")
            for name in ("repeatable", "other"):
                config.add_route(name, f"/{name}")
                config.add_view(self._view, route_name=name, renderer="string")
            config.add_repeatable_route("repeatable")
            config.add_exception_view(lambda request: Response(status=503), context=Exception)
        self.app = TestApp(config.make_wsgi_app())
        self.database: Database = services_of(config.registry).database
        with self.database.engine.begin() as connection:
            connection.execute(text("CREATE TABLE written (value TEXT)"))
            if at_commit:
                connection.exec_driver_sql(_FAIL_AT_COMMIT.format(state))

    def _view(self, request: Request) -> str:
        value = request.body_file.read().decode() or request.method
        self.attempts.append(value)
        assert "test" not in request.environ
        request.environ["test"] = "of the first attempt"
        session = request.dbsession
        session.execute(text("INSERT INTO written VALUES (:value)"), {"value": value})
        zope.sqlalchemy.mark_changed(session, request.tm)
        if not self._at_commit and self.fails.pop(0):
            session.connection().exec_driver_sql(RAISE.format(self._state))
        return "done"

    def rows(self) -> list[str]:
        with self.database.engine.connect() as connection:
            return list(connection.scalars(text("SELECT value FROM written")))


_FAIL_AT_COMMIT = """
CREATE SEQUENCE attempts;
CREATE FUNCTION fail_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF nextval('attempts') = 1 THEN RAISE SQLSTATE '{}'; END IF; RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON written DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION fail_once();
"""


@pytest.fixture
def empty_url(postgres_server: PostgresServer) -> Iterator[str]:
    with postgres_server.database() as url:
        yield url


@pytest.mark.parametrize("at_commit", [False, True])
@pytest.mark.parametrize("state", ["40001", "40P01", "23505", "23503"])
def test_write_is_repeated_after_a_conflict(
    empty_url: str, tmp_path: Path, state: str, *, at_commit: bool
) -> None:
    views = Views(empty_url, tmp_path, state, at_commit=at_commit)
    assert views.app.post("/repeatable", "value=1").text == "done"
    assert views.attempts == ["value=1"] * 2
    assert views.rows() == ["value=1"]
    views.database.engine.dispose()


@pytest.mark.parametrize(
    ("path", "state", "body"),
    [
        ("/other", "40001", "value=1"),  # its view is not declared as repeatable
        ("/repeatable", "23502", "value=1"),  # not a conflict
        ("/repeatable", "57014", "value=1"),  # the time limit of statements
        ("/repeatable", "08006", "value=1"),  # the commit may have succeeded
        ("/repeatable", "40001", "value=" + "1" * retry.MAX_BODY),
    ],
)
def test_other_writes_are_not_repeated(
    empty_url: str, tmp_path: Path, path: str, state: str, body: str
) -> None:
    views = Views(empty_url, tmp_path, state)
    views.app.post(path, body, status=503)
    assert views.attempts == [body]
    assert views.rows() == []
    views.database.engine.dispose()


def test_second_failure_is_final(empty_url: str, tmp_path: Path) -> None:
    views = Views(empty_url, tmp_path, "40001")
    views.fails = [True, True]
    views.app.get("/other", status=503)
    assert views.attempts == ["GET", "GET"]
    views.database.engine.dispose()


@pytest.mark.parametrize(
    ("state", "lost", "conflict"),
    [
        ("57P01", True, False),
        ("57P03", True, False),
        ("08006", True, False),
        ("25P03", True, False),
        ("40001", False, True),
        ("40P01", False, True),
        ("23505", False, True),
        ("23503", False, True),
        ("23502", False, False),
        ("57014", False, False),
        ("25P02", False, False),
        ("42P01", False, False),
    ],
)
def test_errors_are_told_apart_by_their_state(
    empty_url: str, state: str, *, lost: bool, conflict: bool
) -> None:
    engine = create_engine({"sqlalchemy.url": empty_url, "sqlalchemy.pool_size": 1})
    with engine.connect() as connection, pytest.raises(DBAPIError) as caught:
        connection.exec_driver_sql(RAISE.format(state))
    engine.dispose()
    assert (is_connection_lost(caught.value), is_conflict(caught.value)) == (lost, conflict)


@pytest.fixture
def counted(empty_url: str) -> Iterator[Database]:
    """A database with two counters in a table."""
    database = Database(create_engine({"sqlalchemy.url": empty_url, "sqlalchemy.pool_size": 3}))
    with database.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE counter (name TEXT PRIMARY KEY, value INT)")
        connection.exec_driver_sql("INSERT INTO counter VALUES ('a', 0), ('b', 0)")
    yield database
    database.engine.dispose()


def test_two_transactions_with_a_deadlock_are_both_written(counted: Database) -> None:
    both_hold_one = Barrier(2)

    def add(names: str, barrier: list[Barrier]) -> None:
        with counted.write() as session:
            for name in names:
                add_one = "UPDATE counter SET value = value + 1 WHERE name = :name"
                session.execute(text(add_one), {"name": name})
                if barrier:
                    barrier.pop().wait(10)

    with ThreadPoolExecutor(2) as pool:
        waits = [[both_hold_one], [both_hold_one]]
        jobs = [
            pool.submit(repeat_on_conflict, partial(add, names, barrier))
            for names, barrier in zip(("ab", "ba"), waits, strict=True)
        ]
        for job in jobs:
            job.result(20)
    with counted.read() as session:
        assert session.scalars(text("SELECT value FROM counter")).all() == [2, 2]


def test_a_value_that_another_transaction_takes_is_found_by_the_second_attempt(
    counted: Database,
) -> None:
    seen = []

    def make() -> None:
        with counted.write() as session:
            names = set(session.scalars(text("SELECT name FROM counter")))
            seen.append("new" in names)
            if "new" not in names:
                session.execute(text("INSERT INTO counter VALUES ('new', 0)"))

    with held(counted) as (session, start):
        session.execute(text("INSERT INTO counter VALUES ('new', 0)"))
        making = start(partial(repeat_on_conflict, make))
    making.result(10)
    assert seen == [False, True]


def test_a_transaction_is_repeated_a_few_times(
    counted: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "RETRY_PAUSE_SECONDS", 0.001)
    attempts = []

    def fail(state: str) -> None:
        attempts.append(state)
        with counted.write() as session:
            session.connection().exec_driver_sql(RAISE.format(state))

    for state, times in (("40P01", TRANSACTION_ATTEMPTS), ("23505", TRANSACTION_ATTEMPTS),
                         ("57014", 1)):  # fmt: skip
        attempts.clear()
        with pytest.raises(DBAPIError):
            repeat_on_conflict(partial(fail, state))
        assert len(attempts) == times


def test_refused_connection_is_lost() -> None:
    url = f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/nothing"
    engine = create_engine({"sqlalchemy.url": url, "sqlalchemy.pool_size": 1})
    with pytest.raises(DBAPIError) as caught:
        engine.connect()
    assert is_connection_lost(caught.value)


def test_other_errors_are_not_lost_connections(tmp_path: Path) -> None:
    engine = create_engine({"sqlalchemy.url": f"sqlite:///{tmp_path}/test.sqlite"})
    with engine.connect() as connection, pytest.raises(DBAPIError) as caught:
        connection.execute(text("SELECT * FROM missing"))
    engine.dispose()
    for error in (caught.value, ValueError(), None):
        assert not is_connection_lost(error)
        assert not is_conflict(error)
    assert is_connection_lost(PendingRollbackError())
