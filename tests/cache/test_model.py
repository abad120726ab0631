"""Every state of the model, for the protocol and for its mutants."""

import dataclasses

import pytest

from tests.cache.model import COLD, REMOVAL, RENEWAL, WARM, Rules, State, explore


@pytest.mark.parametrize("start", [COLD, RENEWAL, WARM], ids=["cold", "renewal", "warm"])
def test_protocol_never_serves_stale_and_does_hit(start: State) -> None:
    outcome = explore(Rules(), start)
    assert not outcome.stale
    assert not outcome.lost
    assert outcome.hits_after_the_write
    assert outcome.states > 10_000


def test_deleted_entry_is_never_served_and_others_are() -> None:
    outcome = explore(Rules(), REMOVAL)
    assert not outcome.stale
    assert outcome.states > 1_000
    assert outcome.rechecked


@pytest.mark.parametrize(
    "change",
    [
        {"check_mark": False},
        {"mark_after_fetch": False},
        {"first_step": False},
        {"second_step": False},
    ],
    ids=lambda change: next(iter(change)),
)
def test_each_mutant_of_delete_serves_stale(change: dict[str, bool]) -> None:
    assert explore(dataclasses.replace(Rules(), **change), REMOVAL).stale


def test_copy_that_is_not_revalidated_serves_stale() -> None:
    assert explore(Rules(check_tags=False), WARM).stale


@pytest.mark.parametrize(
    "change",
    [
        {"first_step": False},
        {"second_step": False},
        {"cas": False},
        {"clock_after_gets": False},
        {"tomb_before_swap": False},
        {"g_before_entry": False},
        {"started_before_snapshot": False},
    ],
    ids=lambda change: next(iter(change)),
)
def test_each_mutant_serves_stale(change: dict[str, bool]) -> None:
    assert explore(dataclasses.replace(Rules(), **change)).stale


def test_refresh_that_reads_clock_after_snapshot_serves_stale() -> None:
    """https://github.com/ZiggyCreatures/FusionCache/issues/628"""
    assert explore(Rules(started_before_snapshot=False), RENEWAL).stale


def test_strict_comparison_never_hits_after_write() -> None:
    assert not explore(Rules(at_most=False)).hits_after_the_write


def test_write_is_lost_without_outbox() -> None:
    assert explore(Rules(outbox=False)).lost
