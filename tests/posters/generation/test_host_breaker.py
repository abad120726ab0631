"""The circuit breaker of a host is shared by all processes; one of them makes the trial request."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.db import Database
from moziweb.posters.fetching.errors import FetchCode
from moziweb.posters.generation.error_codes import ServiceCode, SourceCode, SourceError
from moziweb.posters.generation.host_breaker import (
    HOST_PAUSES,
    STORAGE,
    THRESHOLD,
    HostCircuitBreaker,
    host_of,
)
from moziweb.posters.generation.leases import SourceLeases
from moziweb.posters.generation.result import GenerationResult, GenerationStatus
from moziweb.posters.generation.service import PosterService
from moziweb.posters.models import PosterHost, PosterSource, SourceKind, SourceState
from moziweb.storage import Storage
from moziweb.storage.s3 import S3Storage
from tests.posters.conftest import NOON, Clock, StubReader, source_of

HOST = "pictures.example"
TRIAL = HOST_PAUSES.trial


@pytest.fixture
def breaker(database: Database, clock: Clock) -> HostCircuitBreaker:
    return HostCircuitBreaker(database, clock)


def fail(breaker: HostCircuitBreaker, times: int) -> None:
    for _ in range(times):
        breaker.record_failure(HOST, "timeout")


def test_breaker_opens_after_the_threshold(breaker: HostCircuitBreaker) -> None:
    assert breaker.ask(HOST).until is None
    fail(breaker, THRESHOLD - 1)
    assert breaker.ask(HOST).until is None
    assert breaker.ask(HOST).failures == {HOST: THRESHOLD - 1}
    fail(breaker, 1)
    assert breaker.ask(HOST).until == NOON + HOST_PAUSES.shortest
    assert breaker.ask("other.example").until is None
    assert THRESHOLD == 5


def in_threads(count: int, work: Callable[[], None]) -> None:
    """Run a function in threads that start together."""
    start = threading.Barrier(count)

    def wait_and_work() -> None:
        start.wait()
        work()

    threads = [threading.Thread(target=wait_and_work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def failures_of(database: Database, host: str) -> int:
    with database.read() as session:
        return session.get_one(PosterHost, host).failures


def test_concurrent_failures_are_all_counted(database: Database, clock: Clock) -> None:
    in_threads(THRESHOLD - 1, lambda: fail(HostCircuitBreaker(database, clock), 1))
    assert failures_of(database, HOST) == THRESHOLD - 1


def test_failures_of_one_outage_open_the_breaker_once(database: Database, clock: Clock) -> None:
    """Many attempts began before it opened; some fail when it is open, and some even later."""
    breaker = HostCircuitBreaker(database, clock)
    in_threads(4, lambda: fail(HostCircuitBreaker(database, clock), 8))
    assert failures_of(database, HOST) == THRESHOLD
    assert breaker.ask(HOST).until == NOON + HOST_PAUSES.shortest
    clock.advance(minutes=1)
    fail(breaker, 1)
    assert failures_of(database, HOST) == THRESHOLD
    assert breaker.ask(HOST).until is None, "it half-opens on time"


def test_trial_that_fails_counts_once(database: Database, clock: Clock) -> None:
    breaker = HostCircuitBreaker(database, clock)
    fail(breaker, THRESHOLD)
    clock.advance(minutes=1)
    lost = breaker.ask(HOST)
    clock.now += TRIAL
    trial = breaker.ask(HOST)
    assert lost.until is trial.until is None
    for decision in (trial, lost):
        breaker.record_failure(HOST, "timeout", seen=decision.failures[HOST])
    assert failures_of(database, HOST) == THRESHOLD + 1
    assert breaker.ask(HOST).until == clock.now + 2 * HOST_PAUSES.shortest


def test_retry_after_extends_an_open_breaker(breaker: HostCircuitBreaker) -> None:
    fail(breaker, THRESHOLD)
    breaker.record_failure(HOST, "rate_limited", retry_after=90)
    assert breaker.ask(HOST).until == NOON + timedelta(seconds=90)
    breaker.record_failure(HOST, "rate_limited", retry_after=10)
    assert breaker.ask(HOST).until == NOON + timedelta(seconds=90)


@pytest.mark.parametrize(
    ("host", "seconds"),
    [
        (HOST, [60, 120, 240, 480, 960, 1920, 3600, 3600]),
        (STORAGE, [5, 10, 20, 30, 30, 30, 30, 30]),
    ],
)
def test_pauses_double_with_each_failed_trial(
    breaker: HostCircuitBreaker, clock: Clock, host: str, seconds: list[int]
) -> None:
    for _ in range(THRESHOLD - 1):
        breaker.record_failure(host, "timeout")
    pauses = []
    for _ in seconds:
        decision = breaker.ask(host)
        assert decision.until is None, "it makes a trial"
        breaker.record_failure(host, "timeout", seen=decision.failures[host])
        until = breaker.ask(host).until
        assert until is not None
        pauses.append((until - clock.now).total_seconds())
        clock.now = until
    assert pauses == seconds


def test_one_process_makes_the_trial_request(
    database: Database, breaker: HostCircuitBreaker, clock: Clock
) -> None:
    fail(breaker, THRESHOLD)
    clock.advance(minutes=1)
    answers = []
    in_threads(4, lambda: answers.append(HostCircuitBreaker(database, clock).ask(HOST).until))
    assert sorted(answers, key=str) == sorted([None, *[clock.now + TRIAL] * 3], key=str)


class Interrupted:
    """A database that calls a function before each write."""

    def __init__(self, database: Database, before_write: Callable[[], object]) -> None:
        self.read = database.read
        self._write, self._before_write = database.write, before_write

    def write(self) -> AbstractContextManager[Session]:
        self._before_write()
        return self._write()


def test_trials_of_all_hosts_are_taken_or_none(
    database: Database, breaker: HostCircuitBreaker, clock: Clock
) -> None:
    for name in (STORAGE, HOST):
        for _ in range(THRESHOLD):
            breaker.record_failure(name, "timeout")
    clock.advance(minutes=1)
    taken = []
    late: Any = Interrupted(database, lambda: taken.append(breaker.ask(HOST)))
    assert HostCircuitBreaker(late, clock).ask(STORAGE, HOST).until == clock.now + TRIAL
    assert [passage.until for passage in taken] == [None]
    assert breaker.ask(STORAGE).until is None, "its trial is left to another worker"


def test_success_deletes_the_failures(
    database: Database, breaker: HostCircuitBreaker, clock: Clock
) -> None:
    fail(breaker, THRESHOLD)
    clock.advance(minutes=1)
    assert breaker.ask(HOST).failures == {HOST: THRESHOLD}
    breaker.record_success(HOST)
    with database.read() as session:
        assert session.scalars(select(PosterHost)).all() == []


@pytest.mark.parametrize(("retry_after", "granted"), [(90, 90), (86_400, 3600)])
def test_retry_after_opens_the_breaker_at_the_first_failure(
    breaker: HostCircuitBreaker, retry_after: float, granted: float
) -> None:
    breaker.record_failure(HOST, "rate_limited", retry_after=retry_after)
    assert breaker.ask(HOST).until == NOON + timedelta(seconds=granted)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Pictures.Example:443/a.jpg", HOST),
        ("http://[::1]/a.jpg", "::1"),
        ("https://[::1/a.jpg", None),
        ("drawn:dune", None),
        (None, None),
    ],
)
def test_host_of_a_url(url: str | None, host: str | None) -> None:
    assert host_of(url) == host


@pytest.fixture
def source_ids(database: Database, movie_id: int) -> list[int]:
    """Seven external sources on one host."""
    with database.write() as session:
        sources = [
            PosterSource(movie_id=movie_id, kind=SourceKind.URL, url=f"https://{HOST}/{n}.jpg")
            for n in range(7)
        ]
        session.add_all(sources)
    return [source.id for source in sources]


@pytest.fixture
def fetching(
    database: Database, disk: Storage, leases: SourceLeases, clock: Clock, stub_reader: StubReader
) -> PosterService:
    """A service that reads external sources from ``stub_reader``."""
    return PosterService(database, disk, {SourceKind.URL: stub_reader}, leases, clock)


def test_dead_host_is_not_requested_for_each_of_its_images(
    database: Database,
    fetching: PosterService,
    stub_reader: StubReader,
    clock: Clock,
    source_ids: list[int],
) -> None:
    stub_reader.error = SourceError(FetchCode.TIMEOUT)
    results = [fetching.ensure_variants(source_id) for source_id in source_ids]
    assert results == [
        *[GenerationResult(GenerationStatus.FAILED, "timeout")] * THRESHOLD,
        *[GenerationResult(GenerationStatus.BACKING_OFF, "host_paused")] * 2,
    ]
    assert stub_reader.reads == THRESHOLD
    waiting = source_of(database, source_ids[-1])
    assert (waiting.state, waiting.attempts) == (SourceState.RETRY_WAIT, 0)
    assert waiting.error_code == "host_paused"
    assert waiting.lease_token is None
    assert waiting.next_attempt_at == NOON + timedelta(seconds=90)

    stub_reader.error = None
    clock.advance(minutes=2)
    for number, source_id in enumerate(source_ids):
        url = f"https://{HOST}/{number}.jpg"
        stub_reader.pictures[url] = stub_reader.pictures["drawn:dune"]
        assert fetching.ensure_variants(source_id).status is GenerationStatus.MADE


def test_retry_after_postpones_the_other_images_of_the_host(
    database: Database, fetching: PosterService, stub_reader: StubReader, source_ids: list[int]
) -> None:
    stub_reader.error = SourceError(FetchCode.RATE_LIMITED, retry_after=600)
    assert fetching.ensure_variants(source_ids[0]).code == "rate_limited"
    assert fetching.ensure_variants(source_ids[1]) == GenerationResult(
        GenerationStatus.BACKING_OFF, "host_paused"
    )
    ten_minutes = NOON + timedelta(minutes=10)
    assert source_of(database, source_ids[0]).next_attempt_at == ten_minutes
    assert source_of(database, source_ids[1]).next_attempt_at == ten_minutes + timedelta(seconds=30)


@pytest.mark.parametrize(
    ("code", "failing"),
    [(FetchCode.TIMEOUT, HOST), (ServiceCode.STORAGE_UNAVAILABLE, STORAGE)],
)
def test_failure_of_a_previewed_image_counts_against_the_host_that_failed(
    database: Database,
    fetching: PosterService,
    stub_reader: StubReader,
    source_ids: list[int],
    code: SourceCode,
    failing: str,
) -> None:
    """It is in storage until it is made; if it is missing there, it is fetched from its host."""
    with database.write() as session:
        session.get_one(PosterSource, source_ids[0]).key = "upload/aa/seen.jpg"
    stub_reader.error = SourceError(code)
    assert fetching.ensure_variants(source_ids[0]).code == code
    with database.read() as session:
        assert session.scalars(select(PosterHost.name)).all() == [failing]


def test_permanent_failure_does_not_count_against_the_host(
    database: Database, fetching: PosterService, stub_reader: StubReader, source_ids: list[int]
) -> None:
    stub_reader.error = SourceError(FetchCode.NOT_FOUND, permanent=True)
    for source_id in source_ids:
        assert fetching.ensure_variants(source_id) == GenerationResult(
            GenerationStatus.FAILED, "not_found"
        )
    assert stub_reader.reads == 7


def test_permanent_failure_is_a_successful_trial(
    database: Database,
    fetching: PosterService,
    breaker: HostCircuitBreaker,
    stub_reader: StubReader,
    clock: Clock,
    source_ids: list[int],
) -> None:
    fail(breaker, THRESHOLD)
    clock.advance(minutes=1)
    stub_reader.error = SourceError(FetchCode.NOT_FOUND, permanent=True)
    assert fetching.ensure_variants(source_ids[0]).code == "not_found"
    assert breaker.ask(HOST).until is None
    with database.read() as session:
        assert session.scalars(select(PosterHost)).all() == []


def test_storage_outage_fails_only_a_few_sources(
    database: Database,
    storage_away: S3Storage,
    disk: Storage,
    leases: SourceLeases,
    clock: Clock,
    stub_reader: StubReader,
    source_ids: list[int],
) -> None:
    for number in range(7):
        stub_reader.pictures[f"https://{HOST}/{number}.jpg"] = stub_reader.pictures["drawn:dune"]
    readers = {SourceKind.URL: stub_reader}
    service = PosterService(database, storage_away, readers, leases, clock)
    codes = [service.ensure_variants(source_id).code for source_id in source_ids]
    assert codes == [*["storage_unavailable"] * THRESHOLD, *["host_paused"] * 2]
    with database.read() as session:
        assert session.scalars(select(PosterHost.name)).all() == [STORAGE]

    waiting = [source_of(database, source_id) for source_id in source_ids]
    assert {(each.state, each.attempts) for each in waiting} == {(SourceState.RETRY_WAIT, 0)}
    assert {each.next_attempt_at for each in waiting} == {NOON + timedelta(seconds=7.5)}

    clock.advance(seconds=10)
    codes = [service.ensure_variants(source_id).code for source_id in source_ids]
    assert codes == ["storage_unavailable", *["host_paused"] * 6], "one trial"
    assert failures_of(database, STORAGE) == THRESHOLD + 1

    clock.advance(minutes=1)
    healed = PosterService(database, disk, readers, leases, clock)
    assert [healed.ensure_variants(source_id).status for source_id in source_ids] == [
        GenerationStatus.MADE
    ] * 7
    with database.read() as session:
        assert session.scalars(select(PosterHost.name)).all() == []
