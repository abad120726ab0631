"""Every state of the model, for the protocol and for its mutants."""

import dataclasses

import pytest

from tests.cache.model import COLD, REMOVAL, RENEWAL, WARM, Rules, State, explore


@pytest.mark.parametrize("start", [COLD, RENEWAL, WARM], ids=["cold", "renewal", "warm"])
def test_the_protocol_never_answers_stale_and_does_hit(start: State) -> None:
    outcome = explore(Rules(), start)
    assert not outcome.stale
    assert not outcome.lost
    assert outcome.hits_after_the_write
    assert outcome.states > 10_000


def test_what_was_removed_is_never_answered_but_what_was_not_is() -> None:
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
def test_each_mutant_of_a_removal_answers_stale(change: dict[str, bool]) -> None:
    assert explore(dataclasses.replace(Rules(), **change), REMOVAL).stale


def test_a_copy_of_another_clock_that_is_not_checked_answers_stale() -> None:
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
def test_each_mutant_answers_stale(change: dict[str, bool]) -> None:
    assert explore(dataclasses.replace(Rules(), **change)).stale


def test_a_renewal_that_reads_its_clock_after_its_snapshot_answers_stale() -> None:
    """https://github.com/ZiggyCreatures/FusionCache/issues/628"""
    assert explore(Rules(started_before_snapshot=False), RENEWAL).stale


def test_trap_1_strictly_below_never_hits_after_a_write() -> None:
    assert not explore(Rules(at_most=False)).hits_after_the_write


def test_trap_3_without_an_outbox_a_write_is_lost() -> None:
    assert explore(Rules(outbox=False)).lost
