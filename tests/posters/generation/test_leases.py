"""Leases on both databases: who gets them, how long they hold, what ends them."""

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import update

from moziweb.db import Database
from moziweb.posters.generation.leases import (
    PERMANENT_FAILURE_DELAY,
    NotClaimedReason,
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

WANTED = frozenset({"a" * 64, "b" * 64})


def taken(claims: SourceLeases, source_id: int) -> SourceLease:
    claim = claims.try_acquire(source_id, WANTED)
    assert isinstance(claim, SourceLease)
    return claim


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


def test_a_claim_takes_the_lease_and_says_what_to_make(
    database: Database, claims: SourceLeases, source_id: int
) -> None:
    add_ready(database, source_id, "a" * 64)
    claim = taken(claims, source_id)
    source = source_of(database, source_id)
    assert (source.state, source.lease_token) == (SourceState.GENERATING, claim.token)
    assert source.lease_until == NOON + LEASE
    assert (claim.slug, claim.url) == ("dune", "drawn:dune")
    assert claim.ready == {"a" * 64}


def test_a_claimed_source_is_busy_until_its_lease_runs_out(
    claims: SourceLeases, source_id: int, clock: Clock
) -> None:
    first = taken(claims, source_id)
    clock.advance(seconds=59)
    assert claims.try_acquire(source_id, WANTED) is NotClaimedReason.BUSY
    clock.advance(seconds=1)
    second = taken(claims, source_id)
    assert second.token != first.token


def test_renewing_holds_the_lease_for_its_full_length(
    claims: SourceLeases, source_id: int, clock: Clock
) -> None:
    claim = taken(claims, source_id)
    clock.advance(seconds=59)
    kept = claims.renew(claim)
    assert kept is not None
    assert kept.until == clock.now + LEASE
    clock.advance(seconds=59)
    assert claims.try_acquire(source_id, WANTED) is NotClaimedReason.BUSY


def test_whoever_lost_the_lease_changes_nothing(
    database: Database, claims: SourceLeases, source_id: int, clock: Clock
) -> None:
    slow = taken(claims, source_id)
    clock.advance(minutes=2)
    quick = taken(claims, source_id)
    assert claims.renew(slow) is None
    assert not claims.fail(slow, "timeout", permanent=False)
    claims.release(slow)
    with database.write() as session:
        assert not claims.finish(session, slow, sha256="0" * 64)
    source = source_of(database, source_id)
    assert (source.state, source.lease_token) == (SourceState.GENERATING, quick.token)
    assert source.sha256 is None


@pytest.mark.parametrize(
    "changed", [{"sha256": "e" * 64}, {"url": "drawn:b"}, {"key": "b"}], ids=str
)
def test_a_source_that_was_replaced_is_not_finished(
    database: Database, claims: SourceLeases, source_id: int, changed: dict[str, str]
) -> None:
    claim = taken(claims, source_id)
    with database.write() as session:
        session.execute(update(PosterSource).values(changed))
    with database.write() as session:
        assert not claims.finish(session, claim, sha256="0" * 64)


def test_a_finished_source_is_ready_and_owes_nothing(
    database: Database, claims: SourceLeases, source_id: int, clock: Clock
) -> None:
    assert claims.fail(taken(claims, source_id), "timeout", permanent=False)
    clock.advance(minutes=5)
    with database.write() as session:
        assert claims.finish(session, taken(claims, source_id), sha256="0" * 64, width=200)
    source = source_of(database, source_id)
    assert (source.state, source.attempts, source.width) == (SourceState.READY, 0, 200)
    assert (source.next_attempt_at, source.error_code, source.lease_token) == (None, None, None)


def test_a_released_source_can_be_claimed_at_once(
    database: Database, claims: SourceLeases, source_id: int
) -> None:
    claims.release(taken(claims, source_id))
    assert source_of(database, source_id).state is SourceState.PENDING
    assert source_of(database, source_id).attempts == 0
    taken(claims, source_id)


def test_a_passing_failure_waits_twice_as_long_each_time(
    database: Database, claims: SourceLeases, source_id: int, clock: Clock
) -> None:
    for minutes in (1, 2, 4):
        claims.fail(taken(claims, source_id), "timeout", permanent=False)
        source = source_of(database, source_id)
        assert (source.state, source.error_code) == (SourceState.RETRY_WAIT, "timeout")
        assert source.next_attempt_at == clock.now + timedelta(minutes=minutes)
        assert claims.try_acquire(source_id, WANTED) is NotClaimedReason.BACKING_OFF
        clock.advance(minutes=minutes)
    assert source_of(database, source_id).attempts == 3


@pytest.mark.parametrize(
    "end",
    [SourceLeases.finish_unchanged, partial(SourceLeases.fail, code="timeout", permanent=False)],
)
def test_what_ends_at_one_moment_is_not_tried_again_at_one_moment(
    database: Database,
    clock: Clock,
    movie_id: int,
    end: Callable[[SourceLeases, SourceLease], bool],
) -> None:
    """As the application has its claims: with chance in the waits."""
    claims = SourceLeases(database, clock, LEASE)
    ids = [add_source(database, movie_id, chosen=False) for _ in range(3)]
    with database.write() as session:
        session.execute(update(PosterSource).values(kind=SourceKind.URL))
    assert all(end(claims, taken(claims, source_id)) for source_id in ids)
    waits = {source_of(database, source_id).next_attempt_at for source_id in ids}
    assert len(waits - {None}) == len(ids)


def test_a_permanent_failure_is_held_for_a_week(
    database: Database, claims: SourceLeases, source_id: int, clock: Clock
) -> None:
    claims.fail(taken(claims, source_id), "not_found", permanent=True)
    assert source_of(database, source_id).state is SourceState.FAILED
    clock.advance(days=6)
    assert claims.try_acquire(source_id, WANTED) is NotClaimedReason.BACKING_OFF
    clock.advance(days=1)
    taken(claims, source_id)
    assert timedelta(days=7) == PERMANENT_FAILURE_DELAY


def test_a_source_with_all_its_variants_is_complete(
    database: Database, claims: SourceLeases, source_id: int
) -> None:
    add_ready(database, source_id, *WANTED)
    assert claims.try_acquire(source_id, WANTED) is NotClaimedReason.COMPLETE


def test_variants_of_other_content_do_not_count(
    database: Database, claims: SourceLeases, source_id: int
) -> None:
    add_ready(database, source_id, *WANTED)
    with database.write() as session:
        session.execute(update(PosterSource).values(sha256="e" * 64))
    assert taken(claims, source_id).ready == frozenset()


def test_what_was_published_between_look_and_claim_is_not_made_again(
    database: Database, claims: SourceLeases, source_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look of the first sees nothing; the second publishes; then the first claims."""
    add_ready(database, source_id, *WANTED)
    monkeypatch.setattr("moziweb.posters.generation.leases._not_claimed_reason", lambda *_: None)
    assert claims.try_acquire(source_id, WANTED) is NotClaimedReason.COMPLETE
    assert source_of(database, source_id).state is SourceState.READY
    assert source_of(database, source_id).lease_token is None


def test_what_failed_between_look_and_claim_is_left_alone(
    claims: SourceLeases, source_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims.fail(taken(claims, source_id), "timeout", permanent=False)
    monkeypatch.setattr("moziweb.posters.generation.leases._not_claimed_reason", lambda *_: None)
    assert claims.try_acquire(source_id, WANTED) is NotClaimedReason.BUSY


def test_an_unknown_source_is_told_so(database: Database, claims: SourceLeases) -> None:
    assert claims.try_acquire(123, WANTED) is NotClaimedReason.UNKNOWN


def test_of_many_racers_exactly_one_gets_the_claim(
    database: Database, clock: Clock, source_id: int
) -> None:
    """Each racer has claims of its own, as processes have: only the UPDATE can decide."""
    barrier = threading.Barrier(6)
    ends: list[SourceLease | NotClaimedReason] = []

    def race() -> None:
        claims = SourceLeases(database, clock, LEASE)
        barrier.wait()
        ends.append(claims.try_acquire(source_id, WANTED))

    racers = [threading.Thread(target=race) for _ in range(6)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert sorted(isinstance(end, SourceLease) for end in ends) == [False] * 5 + [True]
    assert {end for end in ends if isinstance(end, NotClaimedReason)} == {NotClaimedReason.BUSY}


def test_one_thread_at_a_time_is_alone_with_a_source(claims: SourceLeases) -> None:
    with (
        claims.only_in_process(1) as first,
        claims.only_in_process(1) as second,
        claims.only_in_process(2) as elsewhere,
    ):
        assert (first, second, elsewhere) == (True, False, True)
    with claims.only_in_process(1) as again:
        assert again


@pytest.mark.parametrize(
    ("attempts", "jitter", "wished", "expected"),
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
    attempts: int, jitter: float, wished: float | None, expected: timedelta
) -> None:
    assert retry_delay(attempts, jitter, wished) == expected
