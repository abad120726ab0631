"""Acquiring, renewing and ending leases on both databases."""

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import update

from moziweb.db import Database
from moziweb.posters.generation.leases import (
    PERMANENT_FAILURE_DELAY,
    LeaseLostError,
    NotAcquiredReason,
    SourceLease,
    SourceLeases,
    retry_delay,
)
from moziweb.posters.models import (
    PosterSource,
    PosterVariant,
    SourceKind,
    SourceState,
    VariantState,
)
from tests.posters.conftest import LEASE, NOON, Clock, add_source, source_of

RECIPE_HASHES = frozenset({"a" * 64, "b" * 64})


def acquire(leases: SourceLeases, source_id: int) -> SourceLease:
    lease = leases.try_acquire(source_id, RECIPE_HASHES)
    assert isinstance(lease, SourceLease)
    return lease


def add_ready(database: Database, source_id: int, *hashes: str, sha256: str = "5" * 64) -> None:
    with database.write() as session:
        session.get_one(PosterSource, source_id).sha256 = sha256
        for recipe_hash in hashes:
            session.add(
                PosterVariant(
                    source_id=source_id,
                    name="thumb",
                    format="jpg",
                    recipe_hash=recipe_hash,
                    source_sha256=sha256,
                    state=VariantState.READY,
                )
            )


def test_acquired_lease_has_what_making_the_variants_needs(
    database: Database, leases: SourceLeases, source_id: int
) -> None:
    add_ready(database, source_id, "a" * 64)
    lease = acquire(leases, source_id)
    source = source_of(database, source_id)
    assert (source.state, source.lease_token) == (SourceState.GENERATING, lease.token)
    assert source.lease_until == NOON + LEASE
    assert (lease.slug, lease.url) == ("dune", "drawn:dune")
    assert lease.ready == {"a" * 64}


def test_leased_source_is_busy_until_the_lease_expires(
    leases: SourceLeases, source_id: int, clock: Clock
) -> None:
    first = acquire(leases, source_id)
    clock.advance(seconds=59)
    assert leases.try_acquire(source_id, RECIPE_HASHES) is NotAcquiredReason.BUSY
    clock.advance(seconds=1)
    second = acquire(leases, source_id)
    assert second.token != first.token


def test_renewed_lease_holds_for_its_full_duration(
    leases: SourceLeases, source_id: int, clock: Clock
) -> None:
    lease = acquire(leases, source_id)
    clock.advance(seconds=59)
    leases.renew(lease)
    assert lease.until == clock.now + LEASE
    clock.advance(seconds=59)
    assert leases.try_acquire(source_id, RECIPE_HASHES) is NotAcquiredReason.BUSY


def test_lost_lease_changes_nothing(
    database: Database, leases: SourceLeases, source_id: int, clock: Clock
) -> None:
    slow = acquire(leases, source_id)
    clock.advance(minutes=2)
    quick = acquire(leases, source_id)
    leases.release(slow)
    with pytest.raises(LeaseLostError):
        leases.renew(slow)
    with pytest.raises(LeaseLostError):
        leases.fail(slow, "timeout", permanent=False)
    with pytest.raises(LeaseLostError):
        leases.postpone(slow, clock.now, "host_paused")
    with pytest.raises(LeaseLostError):
        leases.finish_unchanged(slow)
    with pytest.raises(LeaseLostError), database.write() as session:
        leases.finish(session, slow, sha256="0" * 64)
    source = source_of(database, source_id)
    assert (source.state, source.lease_token) == (SourceState.GENERATING, quick.token)
    assert source.sha256 is None


@pytest.mark.parametrize(
    "changed", [{"sha256": "e" * 64}, {"url": "drawn:b"}, {"key": "b"}], ids=str
)
def test_lease_of_a_replaced_source_is_lost(
    database: Database, leases: SourceLeases, source_id: int, changed: dict[str, str]
) -> None:
    lease = acquire(leases, source_id)
    with database.write() as session:
        session.execute(update(PosterSource).values(changed))
    with pytest.raises(LeaseLostError), database.write() as session:
        leases.finish(session, lease, sha256="0" * 64)


def test_finished_source_is_ready_without_error_or_next_attempt(
    database: Database, leases: SourceLeases, source_id: int, clock: Clock
) -> None:
    leases.fail(acquire(leases, source_id), "timeout", permanent=False)
    clock.advance(minutes=5)
    with database.write() as session:
        leases.finish(session, acquire(leases, source_id), sha256="0" * 64, width=200)
    source = source_of(database, source_id)
    assert (source.state, source.attempts, source.width) == (SourceState.READY, 0, 200)
    assert (source.next_attempt_at, source.error_code, source.lease_token) == (None, None, None)


def test_released_source_can_be_acquired_at_once(
    database: Database, leases: SourceLeases, source_id: int
) -> None:
    leases.release(acquire(leases, source_id))
    assert source_of(database, source_id).state is SourceState.PENDING
    assert source_of(database, source_id).attempts == 0
    acquire(leases, source_id)


def test_retry_delay_doubles_with_each_temporary_failure(
    database: Database, leases: SourceLeases, source_id: int, clock: Clock
) -> None:
    for minutes in (1, 2, 4):
        leases.fail(acquire(leases, source_id), "timeout", permanent=False)
        source = source_of(database, source_id)
        assert (source.state, source.error_code) == (SourceState.RETRY_WAIT, "timeout")
        assert source.next_attempt_at == clock.now + timedelta(minutes=minutes)
        assert leases.try_acquire(source_id, RECIPE_HASHES) is NotAcquiredReason.BACKING_OFF
        clock.advance(minutes=minutes)
    assert source_of(database, source_id).attempts == 3


@pytest.mark.parametrize(
    "end",
    [SourceLeases.finish_unchanged, partial(SourceLeases.fail, code="timeout", permanent=False)],
)
def test_next_attempts_of_sources_that_end_together_are_spread(
    database: Database,
    clock: Clock,
    movie_id: int,
    end: Callable[[SourceLeases, SourceLease], None],
) -> None:
    """With random jitter, as in the application."""
    leases = SourceLeases(database, clock, LEASE)
    ids = [add_source(database, movie_id, chosen=False) for _ in range(3)]
    with database.write() as session:
        session.execute(update(PosterSource).values(kind=SourceKind.URL))
    for source_id in ids:
        end(leases, acquire(leases, source_id))
    waits = {source_of(database, source_id).next_attempt_at for source_id in ids}
    assert len(waits - {None}) == len(ids)


def test_permanent_failure_is_retried_after_a_week(
    database: Database, leases: SourceLeases, source_id: int, clock: Clock
) -> None:
    leases.fail(acquire(leases, source_id), "not_found", permanent=True)
    assert source_of(database, source_id).state is SourceState.FAILED
    clock.advance(days=6)
    assert leases.try_acquire(source_id, RECIPE_HASHES) is NotAcquiredReason.BACKING_OFF
    clock.advance(days=1)
    acquire(leases, source_id)
    assert timedelta(days=7) == PERMANENT_FAILURE_DELAY


def test_source_with_all_variants_is_complete(
    database: Database, leases: SourceLeases, source_id: int
) -> None:
    add_ready(database, source_id, *RECIPE_HASHES)
    assert leases.try_acquire(source_id, RECIPE_HASHES) is NotAcquiredReason.COMPLETE


def test_variant_of_other_content_is_not_ready(
    database: Database, leases: SourceLeases, source_id: int
) -> None:
    add_ready(database, source_id, *RECIPE_HASHES)
    with database.write() as session:
        session.execute(update(PosterSource).values(sha256="e" * 64))
    assert acquire(leases, source_id).ready == frozenset()


def test_source_published_between_select_and_update_is_complete(
    database: Database, leases: SourceLeases, source_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first worker's SELECT; the second worker publishes; the first worker's UPDATE."""
    add_ready(database, source_id, *RECIPE_HASHES)
    monkeypatch.setattr("moziweb.posters.generation.leases._not_acquired_reason", lambda *_: None)
    assert leases.try_acquire(source_id, RECIPE_HASHES) is NotAcquiredReason.COMPLETE
    assert source_of(database, source_id).state is SourceState.READY
    assert source_of(database, source_id).lease_token is None


def test_source_failed_between_select_and_update_is_not_acquired(
    leases: SourceLeases, source_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    leases.fail(acquire(leases, source_id), "timeout", permanent=False)
    monkeypatch.setattr("moziweb.posters.generation.leases._not_acquired_reason", lambda *_: None)
    assert leases.try_acquire(source_id, RECIPE_HASHES) is NotAcquiredReason.BUSY


def test_unknown_source_is_reported(database: Database, leases: SourceLeases) -> None:
    assert leases.try_acquire(123, RECIPE_HASHES) is NotAcquiredReason.UNKNOWN


def test_one_of_many_concurrent_workers_acquires_the_lease(
    database: Database, clock: Clock, source_id: int
) -> None:
    """Each has `SourceLeases` of its own, as processes have: only the UPDATE decides."""
    barrier = threading.Barrier(6)
    results: list[SourceLease | NotAcquiredReason] = []

    def acquire_one() -> None:
        leases = SourceLeases(database, clock, LEASE)
        barrier.wait()
        results.append(leases.try_acquire(source_id, RECIPE_HASHES))

    threads = [threading.Thread(target=acquire_one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(isinstance(result, SourceLease) for result in results) == [False] * 5 + [True]
    assert {result for result in results if isinstance(result, NotAcquiredReason)} == {
        NotAcquiredReason.BUSY
    }


def test_one_thread_of_a_process_works_on_a_source(leases: SourceLeases) -> None:
    with (
        leases.only_in_process(1) as first,
        leases.only_in_process(1) as second,
        leases.only_in_process(2) as elsewhere,
    ):
        assert (first, second, elsewhere) == (True, False, True)
    with leases.only_in_process(1) as again:
        assert again


@pytest.mark.parametrize(
    ("attempts", "jitter", "retry_after", "expected"),
    [
        (0, 0.5, None, timedelta(minutes=1)),
        (0, 0.0, None, timedelta(seconds=45)),
        (3, 1.0, None, timedelta(minutes=10)),
        (0, 0.5, 300, timedelta(minutes=5)),
        (6, 0.5, 300, timedelta(minutes=64)),
        (500, 0.5, None, timedelta(hours=24)),
        (0, 0.5, 1e300, timedelta(hours=24)),
    ],
)
def test_retry_delay(
    attempts: int, jitter: float, retry_after: float | None, expected: timedelta
) -> None:
    assert retry_delay(attempts, jitter, retry_after) == expected
