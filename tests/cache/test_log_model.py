"""All states of the model of the invalidation log, and each of its mutants."""

from collections import Counter
from dataclasses import replace

import pytest

from tests.cache.log_model.search import Outcome, explore
from tests.cache.log_model.state import Mutant
from tests.cache.log_model.worlds import MUTANTS, SMALL, Verdict

ANSWERS = {
    "same clock",
    "copy by log",
    "copy by stamps",
    "entry by log",
    "entry by stamps",
    "stale",
}
"""The ways to answer a request without a render."""


def verdict_of(outcome: Outcome) -> Verdict:
    """What a mutant does."""
    if outcome.stale:
        return Verdict.STALE
    if outcome.lost:
        return Verdict.LOST
    return Verdict.USELESS if outcome.useless else Verdict.SOUND


@pytest.mark.parametrize("name", SMALL)
def test_no_order_of_steps_serves_stale_or_stops_the_log(name: str) -> None:
    outcome = explore(SMALL[name])
    if outcome.stale:
        pytest.fail("\n".join(explore(SMALL[name], trace=True).stale))
    assert outcome.complete
    assert verdict_of(outcome) is Verdict.SOUND


def test_every_way_to_answer_is_reached() -> None:
    kinds = Counter[str]()
    for name in ("a lost value", "grace"):
        kinds += explore(SMALL[name]).kinds
    assert set(kinds) == ANSWERS


def test_every_write_is_published() -> None:
    for name in ("a crash, no requests", "shown while it is listed, a crash, no requests"):
        outcome = explore(SMALL[name])
        assert outcome.complete
        assert not outcome.lost


def test_every_mutant_has_a_verdict() -> None:
    assert set(MUTANTS) == set(Mutant)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.lower())
def test_mutant_is_caught(mutant: Mutant) -> None:
    name, verdict = MUTANTS[mutant]
    outcome = explore(replace(SMALL[name], mutant=mutant))
    assert verdict_of(outcome) is verdict
