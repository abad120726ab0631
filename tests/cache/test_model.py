"""All states of the model, for the protocol and its mutants."""

import dataclasses

import pytest

from tests.cache.model import COLD, DELETION, REFRESH, WARM, Rules, State, explore


@pytest.mark.parametrize("start", [COLD, REFRESH, WARM], ids=["cold", "refresh", "warm"])
def test_protocol_never_serves_stale_and_does_hit(start: State) -> None:
    outcome = explore(Rules(), start)
    assert not outcome.stale
    assert not outcome.lost
    assert outcome.hits_after_the_write
    assert outcome.states > 10_000


def test_deleted_entry_is_never_served_and_others_are() -> None:
    outcome = explore(Rules(), DELETION)
    assert not outcome.stale
    assert outcome.states > 1_000
    assert outcome.revalidated


@pytest.mark.parametrize(
    "change",
    [
        {"check_copies_stamp": False},
        {"copies_stamp_after_fetch": False},
        {"first_step": False},
        {"second_step": False},
    ],
    ids=lambda change: next(iter(change)),
)
def test_each_mutant_of_delete_serves_stale(change: dict[str, bool]) -> None:
    assert explore(dataclasses.replace(Rules(), **change), DELETION).stale


def test_copy_that_is_not_revalidated_serves_stale() -> None:
    assert explore(Rules(check_tags=False), WARM).stale


@pytest.mark.parametrize(
    "change",
    [
        {"first_step": False},
        {"second_step": False},
        {"cas": False},
        {"clock_after_gets": False},
        {"tombstone_before_swap": False},
        {"clock_before_entry": False},
        {"clock_before_snapshot": False},
    ],
    ids=lambda change: next(iter(change)),
)
def test_each_mutant_serves_stale(change: dict[str, bool]) -> None:
    assert explore(dataclasses.replace(Rules(), **change)).stale


def test_refresh_that_reads_clock_after_snapshot_serves_stale() -> None:
    """https://github.com/ZiggyCreatures/FusionCache/issues/628"""
    assert explore(Rules(clock_before_snapshot=False), REFRESH).stale


def test_strict_comparison_never_hits_after_write() -> None:
    assert not explore(Rules(at_most=False)).hits_after_the_write


def test_write_is_lost_without_outbox() -> None:
    assert explore(Rules(outbox=False)).lost
