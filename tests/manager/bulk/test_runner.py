"""Bulk actions: counted first, then done in batches, each of them one transaction."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.manager.audit.log import COMMAND
from moziweb.manager.audit.models import AuditEntry
from moziweb.manager.bin.models import BinItem
from moziweb.manager.bulk import jobs, runner
from moziweb.manager.bulk.actions import BulkWriter
from moziweb.manager.bulk.models import BulkAction, BulkItem, BulkJob, BulkState, Outcome
from moziweb.manager.movies.changes import states
from moziweb.movies.models import Distributor, Movie, Premiere, PremiereChange, Rating
from moziweb.posters.models import SourceState
from moziweb.services import services_of
from tests import factories
from tests.conftest import NOW
from tests.manager.conftest import BOTH, Clock
from tests.manager.movie_forms import make_movie

pytestmark = BOTH

COUNT = 5


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "ITEMS_PER_BATCH", 2)


@pytest.fixture
def movie_ids(site: TestApp) -> list[int]:
    return [make_movie(site, f"Film {number}") for number in range(COUNT)]


def write(site: TestApp, change: Callable[[Session], Any]) -> Any:
    with services_of(site.app.registry).database.write() as session:
        return change(session)


def read(site: TestApp, query: Any) -> list[Any]:
    with services_of(site.app.registry).database.read() as session:
        return list(session.scalars(query))


def start(site: TestApp, action: BulkAction, movie_ids: list[int], **terms: Any) -> int:
    """Adds a job, counts it and returns its id."""

    def add(session: Session) -> int:
        rows = select(Movie.id, Movie.title).where(Movie.id.in_(movie_ids)).order_by(Movie.id)
        job = jobs.new_bulk_job(session, COMMAND, action, rows, NOW)
        jobs.begin_counting(job, terms)
        return job.id

    job_id: int = write(site, add)
    services_of(site.app.registry).bulk_runner.work(job_id)
    return job_id


def job_of(site: TestApp, job_id: int) -> BulkJob:
    (job,) = read(site, select(BulkJob).where(BulkJob.id == job_id))
    found: BulkJob = job
    return found


def outcomes(site: TestApp, job_id: int) -> dict[Outcome, int]:
    with services_of(site.app.registry).database.read() as session:
        return dict(jobs.outcomes_of(session, job_id))


def run(site: TestApp, job_id: int) -> None:
    write(site, lambda session: jobs.begin_running(session, session.get_one(BulkJob, job_id)))
    services_of(site.app.registry).bulk_runner.work(job_id)


def do(site: TestApp, action: BulkAction, movie_ids: list[int], **terms: Any) -> int:
    """Counts and does an action; the counted effects must be those that happen."""
    job_id = start(site, action, movie_ids, **terms)
    assert job_of(site, job_id).state is BulkState.COUNTED
    counted = outcomes(site, job_id)
    run(site, job_id)
    job = job_of(site, job_id)
    assert (job.state, job.done, job.failed) == (BulkState.DONE, job.total, False)
    assert outcomes(site, job_id) == counted
    return job_id


def entries(site: TestApp, job_id: int) -> list[AuditEntry]:
    query = select(AuditEntry).where(AuditEntry.batch == job_of(site, job_id).batch)
    return read(site, query.order_by(AuditEntry.id))


def test_counting_changes_nothing(site: TestApp, movie_ids: list[int]) -> None:
    job_id = start(site, BulkAction.UNPUBLISH, movie_ids)
    assert outcomes(site, job_id) == {Outcome.CHANGED: COUNT}
    assert all(read(site, select(Movie.published)))
    assert entries(site, job_id) == []


def test_movies_are_published_and_taken_off(site: TestApp, movie_ids: list[int]) -> None:
    job_id = do(site, BulkAction.UNPUBLISH, movie_ids[:3])
    assert sorted(read(site, select(Movie.published))) == [False] * 3 + [True] * 2
    assert [(each.action, each.subject_id) for each in entries(site, job_id)] == [
        ("film.unpublish", number) for number in movie_ids[:3]
    ]
    job_id = do(site, BulkAction.PUBLISH, movie_ids)
    assert outcomes(site, job_id) == {Outcome.CHANGED: 3, Outcome.SAME: 2}
    assert all(read(site, select(Movie.published)))
    assert len(entries(site, job_id)) == 3


def test_distributor_and_rating_are_set(site: TestApp, movie_ids: list[int]) -> None:
    do(site, BulkAction.DISTRIBUTOR, movie_ids, distributor="Új Kft.")
    do(site, BulkAction.RATING, movie_ids, rating="16")
    (new,) = read(site, select(Distributor.id).where(Distributor.name == "Új Kft."))
    assert read(site, select(Movie.distributor_id)) == [new] * COUNT
    assert read(site, select(Movie.rating)) == [Rating.AGE_16] * COUNT
    do(site, BulkAction.RATING, movie_ids, rating="")
    assert read(site, select(Movie.rating)) == [None] * COUNT


def test_premieres_move_by_weeks_with_their_reason(site: TestApp, movie_ids: list[int]) -> None:
    def add(session: Session) -> int:
        past = factories.make_movie(session, "Régi")
        factories.make_premiere(session, past, date(2026, 8, 13))
        return past.id

    past = write(site, add)
    job_id = do(site, BulkAction.MOVE, [*movie_ids, past], weeks=1, reason="torlódás")
    assert outcomes(site, job_id) == {Outcome.CHANGED: COUNT, Outcome.REFUSED: 1}
    days = read(site, select(Premiere.date).order_by(Premiere.date))
    assert days == [date(2026, 8, 13)] + [date(2026, 9, 3)] * COUNT
    changes = read(site, select(PremiereChange))
    assert {(each.old_date, each.reason) for each in changes} == {(date(2026, 8, 27), "torlódás")}


def test_the_newest_picture_becomes_the_poster(site: TestApp, movie_ids: list[int]) -> None:
    first = movie_ids[0]

    def add(session: Session) -> int:
        movie = session.get_one(Movie, first)
        factories.add_poster(session, movie, state=SourceState.READY)
        newest = factories.add_poster(
            session, movie, url="https://example.com/2.jpg", chosen=False, state=SourceState.READY
        )
        failed = {"chosen": False, "state": SourceState.FAILED}
        factories.add_poster(session, movie, url="https://example.com/3.jpg", **failed)
        return newest.id

    newest = write(site, add)
    job_id = do(site, BulkAction.POSTER, movie_ids[:2])
    assert outcomes(site, job_id) == {Outcome.CHANGED: 1, Outcome.REFUSED: 1}
    with services_of(site.app.registry).database.read() as session:
        assert states(session, [first])[first].poster == newest


def test_movies_are_deleted_and_all_of_it_is_taken_back(
    site: TestApp, movie_ids: list[int]
) -> None:
    with services_of(site.app.registry).database.read() as session:
        before = states(session, movie_ids)
    job_id = do(site, BulkAction.DELETE, movie_ids)
    assert read(site, select(Movie.id)) == []
    assert len(read(site, select(BinItem.id))) == COUNT

    def take_back(session: Session) -> int:
        rows = jobs.changes_of_batch(session.get_one(BulkJob, job_id).batch)
        return jobs.new_bulk_job(session, COMMAND, BulkAction.UNDO, rows, NOW).id

    undo_id = write(site, take_back)
    services_of(site.app.registry).bulk_runner.work(undo_id)
    assert outcomes(site, undo_id) == {Outcome.CHANGED: COUNT}
    run(site, undo_id)
    assert outcomes(site, undo_id) == {Outcome.CHANGED: COUNT}
    with services_of(site.app.registry).database.read() as session:
        assert states(session, movie_ids) == before
    assert job_of(site, write(site, take_back)).total == 0


def take_back(site: TestApp, batch: str) -> int:
    """Takes a batch of changes back and returns the id of the job."""

    def add(session: Session) -> int:
        rows = jobs.changes_of_batch(batch)
        return jobs.new_bulk_job(session, COMMAND, BulkAction.UNDO, rows, NOW).id

    job_id: int = write(site, add)
    services_of(site.app.registry).bulk_runner.work(job_id)
    run(site, job_id)
    return job_id


def test_later_changes_of_a_batch_are_taken_back_first(site: TestApp, movie_ids: list[int]) -> None:
    for rating in ("12", "16", "18"):
        do(site, BulkAction.RATING, movie_ids[:1], rating=rating)

    def join(session: Session) -> None:
        """Makes one batch of the last two changes."""
        latest = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(2))
        for entry in latest:
            entry.batch = "import:1"

    write(site, join)
    assert outcomes(site, take_back(site, "import:1")) == {Outcome.CHANGED: 2}
    assert read(site, select(Movie.rating).where(Movie.id == movie_ids[0])) == [Rating.AGE_12]


def test_changes_that_later_ones_have_touched_are_not_taken_back(
    site: TestApp, movie_ids: list[int]
) -> None:
    job_id = do(site, BulkAction.RATING, movie_ids, rating="16")
    do(site, BulkAction.RATING, movie_ids[:1], rating="18")
    undone = take_back(site, job_of(site, job_id).batch)
    assert outcomes(site, undone) == {Outcome.CHANGED: COUNT - 1, Outcome.REFUSED: 1}
    ratings = read(site, select(Movie.rating).order_by(Movie.id))
    assert ratings == [Rating.AGE_18] + [None] * (COUNT - 1)


def test_job_with_the_id_of_a_deleted_one_has_a_batch_of_its_own(
    site: TestApp, movie_ids: list[int]
) -> None:
    """Before migration 0048, SQLite gave the id again; the audit keeps those entries."""
    job_id = do(site, BulkAction.UNPUBLISH, movie_ids[:1])
    write(site, lambda session: session.delete(session.get_one(BulkJob, job_id)))
    is_sqlite = services_of(site.app.registry).database.engine.dialect.name == "sqlite"
    if is_sqlite:
        forget = text("DELETE FROM sqlite_sequence WHERE name = 'manager_bulk_job'")
        write(site, lambda session: session.execute(forget))
    again = do(site, BulkAction.UNPUBLISH, movie_ids[1:2])
    assert (again == job_id) == is_sqlite
    assert outcomes(site, take_back(site, job_of(site, again).batch)) == {Outcome.CHANGED: 1}
    published = select(Movie.id).where(Movie.published).order_by(Movie.id)
    assert read(site, published) == movie_ids[1:]


def test_a_movie_that_is_deleted_meanwhile_is_refused(site: TestApp, movie_ids: list[int]) -> None:
    job_id = start(site, BulkAction.PUBLISH, movie_ids)
    do(site, BulkAction.DELETE, movie_ids[:1])
    run(site, job_id)
    assert outcomes(site, job_id) == {Outcome.SAME: COUNT - 1, Outcome.REFUSED: 1}
    (item,) = read(site, select(BulkItem).where(BulkItem.outcome == Outcome.REFUSED).limit(1))
    assert item.reason


@pytest.mark.parametrize("action", [BulkAction.UNPUBLISH, BulkAction.DELETE])
def test_after_a_crash_the_rest_is_done_and_nothing_twice(
    site: TestApp,
    movie_ids: list[int],
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    action: BulkAction,
) -> None:
    job_id = start(site, action, movie_ids)
    real_write, calls = BulkWriter.write, []

    def crash(self: BulkWriter, *arguments: Any) -> Any:
        calls.append(1)
        done = real_write(self, *arguments)
        if len(calls) == 2:  # after its writes, before the commit
            raise RuntimeError("crash")
        return done

    with monkeypatch.context() as patch:
        patch.setattr(BulkWriter, "write", crash)
        run(site, job_id)
    job = job_of(site, job_id)
    assert (job.state, job.done, job.failed) == (BulkState.RUNNING, 2, True)
    assert len(entries(site, job_id)) == 2
    services_of(site.app.registry).bulk_runner.work(job_id)
    job = job_of(site, job_id)
    assert (job.state, job.done, job.failed) == (BulkState.DONE, COUNT, False)
    done = entries(site, job_id)
    assert sorted(each.subject_id or 0 for each in done) == movie_ids
    assert outcomes(site, job_id) == {Outcome.CHANGED: COUNT}


def test_a_worker_without_heartbeat_is_replaced_and_writes_nothing_more(
    site: TestApp, movie_ids: list[int], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = start(site, BulkAction.UNPUBLISH, movie_ids)
    write(site, lambda session: jobs.begin_running(session, session.get_one(BulkJob, job_id)))
    bulk_runner = services_of(site.app.registry).bulk_runner
    real_write, calls = BulkWriter.write, []

    def overtake(self: BulkWriter, *arguments: Any) -> Any:
        calls.append(1)
        return real_write(self, *arguments)

    stale = bulk_runner._claim(job_id)
    assert stale is not None
    assert bulk_runner._claim(job_id) is None  # it has a live worker
    clock.pass_(minutes=2)
    monkeypatch.setattr(BulkWriter, "write", overtake)
    bulk_runner.work(job_id)
    done = len(calls)
    with pytest.raises(runner._LeaseLost):
        bulk_runner._work_on_batch(stale)
    assert len(calls) == done == 3
    assert len(entries(site, job_id)) == COUNT


def test_old_jobs_are_deleted(site: TestApp, movie_ids: list[int]) -> None:
    start(site, BulkAction.PUBLISH, movie_ids)

    def add(session: Session) -> None:
        rows = select(Movie.id, Movie.title)
        later = NOW + jobs.BULK_RETENTION * 2
        jobs.new_bulk_job(session, COMMAND, BulkAction.PUBLISH, rows, later)

    write(site, add)
    with services_of(site.app.registry).database.read() as session:
        assert session.scalar(select(func.count(BulkJob.id))) == 1
        assert session.scalar(select(func.count()).select_from(BulkItem)) == COUNT
