"""Metrics of posters: sources by state, the queue, results of this process."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import Connection, Engine, event, insert, text
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.db import Database
from moziweb.movies.models import Movie
from moziweb.posters.generation.procrastinate_queue import ProcrastinateQueue
from moziweb.posters.maintenance import status
from moziweb.posters.maintenance.status import SourceCounts
from moziweb.posters.models import PosterSource, PosterVariant, SourceKind, SourceState
from moziweb.services import services_of
from tests import factories
from tests.conftest import NOW, raw_settings, running_app
from tests.ops.test_metrics import OPEN, value
from tests.services.postgres import PostgresServer
from tests.threads import wait_until

ROWS_READ = "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables"


@pytest.fixture
def sources(dbsession: Session) -> list[int]:
    """A source whose file is missing, a waiting one, and two that have failed."""
    failed = (SourceState.FAILED, 900.0)
    rows = ((SourceState.PENDING, 500.0), (SourceState.PENDING, 100.0), failed, failed)
    ids = []
    for state, ago in rows:
        movie = factories.make_movie(dbsession)
        added = factories.add_poster(
            dbsession,
            movie,
            url=None,
            key="upload/00/none.jpg",
            state=state,
            created_at=NOW - timedelta(seconds=ago),
        )
        ids.append(added.id)
    dbsession.commit()
    return ids


def test_states_queue_and_results_are_exposed(settings: dict[str, str], sources: list[int]) -> None:
    with running_app(settings | OPEN | {"posters.background": "off"}) as app:
        name = "moziweb_posters_sources"
        states = {state: value(app, name, state=state) for state in SourceState}
        assert states == {
            **dict.fromkeys(SourceState, 0),
            SourceState.PENDING: 2,
            SourceState.FAILED: 2,
        }
        assert value(app, "moziweb_posters_queue_age_seconds") == 500
        assert value(app, "moziweb_posters_worker_silence_seconds") is None
        assert value(app, "moziweb_posters_storage_paused") == 0
        assert value(app, "moziweb_posters_made_total") == 0
        services_of(app.app.registry).posters.ensure_variants(sources[0])
        results = "moziweb_posters_results_total"
        assert value(app, results, result="failed") == 1
        assert value(app, results, result="made") is None


@contextmanager
def rows_read(engine: Engine) -> Iterator[list[int]]:
    """The rows that PostgreSQL reads in each transaction of a ``with`` block.

    Those of earlier transactions of a connection may be counted again, so all connections are new.
    """
    engine.dispose()
    found: list[int] = []

    def look(connection: Connection) -> None:
        found.append(int(connection.exec_driver_sql(ROWS_READ).scalar_one()))

    for name in ("commit", "rollback"):
        event.listen(engine, name, look)
    yield found
    for name in ("commit", "rollback"):
        event.remove(engine, name, look)


def add_waiting(database: Database, count: int) -> None:
    """Add sources that wait, with their jobs."""
    with database.write() as session:
        names = {"original_title": "A", "title": "A", "slug": "a"}
        movies = session.scalars(insert(Movie).returning(Movie.id), [names] * count).all()
        rows = [
            {"movie_id": each, "kind": SourceKind.UPLOAD, "key": "upload/00/none.jpg"}
            for each in movies
        ]
        sources = session.scalars(insert(PosterSource).returning(PosterSource.id), rows).all()
        ProcrastinateQueue(database).enqueue_in_transaction(session, sources)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


@pytest.mark.parametrize("background", ["procrastinate", "off"])
def test_scrape_reads_few_rows_of_a_large_site(
    postgres_server: PostgresServer,
    migrated_postgres: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    background: str,
) -> None:
    """A thread has counted its sources."""
    monkeypatch.setattr(status, "COUNTED_BY_REQUESTS", 10)

    def sources() -> float | None:
        return value(app, "moziweb_posters_sources", state=SourceState.PENDING)

    with postgres_server.reusable(migrated_postgres) as url:
        keys = raw_settings(url, tmp_path) | OPEN | {"posters.background": background}
        with running_app(keys) as app:
            database = services_of(app.app.registry).database
            add_waiting(database, 2000)
            assert sources() is None
            wait_until(lambda: sources() is not None)
            with rows_read(database.engine) as found:
                assert sources() == 2000
                assert value(app, "moziweb_posters_queue_age_seconds") is not None
    assert 0 < sum(found) < 100


def test_variants_do_not_make_a_site_large(
    settings: dict[str, str],
    sources: list[int],
    dbsession: Session,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A scrape reads none of them."""
    monkeypatch.setattr(status, "COUNTED_BY_REQUESTS", max(sources))
    content = {"name": "a", "format": "jpg", "recipe_hash": "r", "source_sha256": "s"}
    dbsession.add(PosterVariant(id=max(sources) + 1, source_id=sources[0], **content))
    dbsession.commit()
    with running_app(settings | OPEN | {"posters.background": "off"}) as app:
        assert value(app, "moziweb_posters_sources", state=SourceState.PENDING) == 2


def test_counts_are_missing_after_a_count_that_failed(
    settings: dict[str, str], sources: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The age of a queue that was counted long ago would grow, and alert."""
    monkeypatch.setattr(status, "COUNTED_BY_REQUESTS", 0)
    monkeypatch.setattr(status, "COUNT_AGE", 0)
    counting = SourceCounts.of
    fails = Event()

    def count(session: Session, now: datetime) -> SourceCounts:
        if fails.is_set():
            session.execute(text("SELECT * FROM gone"))
        return counting(session, now)

    monkeypatch.setattr(SourceCounts, "of", count)

    def found() -> list[float | None]:
        return [
            value(app, "moziweb_posters_sources", state=SourceState.PENDING),
            value(app, "moziweb_posters_queue_age_seconds"),
        ]

    with running_app(settings | OPEN | {"posters.background": "off"}) as app:
        assert sources
        wait_until(lambda: found() == [2, 500])
        fails.set()
        wait_until(lambda: found() == [None, None])
        fails.clear()
        wait_until(lambda: found() == [2, 500])


def test_requests_for_posters_are_a_route(app: TestApp) -> None:
    app.get("/poster/1-a.1.jpg", status=404)
    app.get("/nowhere", status=404)
    transactions = services_of(app.app.registry).transactions
    assert {route for route, _status, _counts in transactions.counts()} == {"poster", "none"}
