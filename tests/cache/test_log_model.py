"""All states of the model of the invalidation log, and each of its mutants."""

import math
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from moziweb.cache.protocol.clock import EPOCH_SHIFT
from moziweb.cache.protocol.invalidation_log import (
    InvalidationLog,
    begin_record,
    record_name,
    tags_record,
)
from tests.cache.log_model import process_log, servers
from tests.cache.log_model.search import Outcome, explore
from tests.cache.log_model.state import EPOCH, GRACE, NEVER, Entry, Log, Mutant
from tests.cache.log_model.worlds import BY_STAMPS, MUTANTS, SMALL, Verdict

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


@pytest.mark.parametrize("mutant", BY_STAMPS, ids=lambda mutant: mutant.name.lower())
def test_mutant_is_caught_by_stamps_alone(mutant: Mutant) -> None:
    world = SMALL["a card, validated by its stamp"]
    assert world.by_stamps
    assert explore(replace(world, mutant=mutant)).stale


def clock_of(clock: int) -> int:
    """A clock of the model, as the real one."""
    return clock // EPOCH << EPOCH_SHIFT | clock % EPOCH


def real_log(log: Log, now: int, **options: Any) -> InvalidationLog:
    """A real log that knows what a log of the model does."""
    real = InvalidationLog(lambda _: {}, longest_grace=GRACE, monotonic=lambda: now, **options)
    real._start, real._end = clock_of(log.start), clock_of(log.end)
    real._last = {f"tag:{tag}": clock_of(last) for tag, last in enumerate(log.last) if last}
    real._times.known_at = -math.inf if log.seen == NEVER else log.seen
    real._times._recent = deque(
        (-math.inf if then == NEVER else then, clock_of(number), ("tag:0",))
        for number, then in log.noted
    )
    return real


def known(log: Log) -> tuple[int, int, dict[str, int]]:
    """The start, end and tags of a log of the model."""
    real = real_log(log, 0)
    return real._start, real._end, real._last


class Recorded:
    """The calls of the model's log during a search, and their results."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.reads: dict[Any, list[Log]] = {}
        self.checks: dict[Any, bool] = {}
        self.graces: dict[Any, bool] = {}

        def logs_after(
            model: Any, log: Log, clock: int, records: Sequence[Any], now: int
        ) -> list[Log]:
            found = read(model, log, clock, records, now)
            self.reads[log, clock, tuple(records), now] = found
            return found

        def confirms(model: Any, log: Log, parts: Iterable[Any], clock: int) -> bool:
            given = tuple(parts)
            return self.checks.setdefault((log, given, clock), check(model, log, given, clock))

        def was_valid_lately(model: Any, log: Log, entry: Entry, now: int) -> bool:
            return self.graces.setdefault((log, entry, now), grace(model, log, entry, now))

        read, check = process_log.logs_after, process_log.confirms
        grace = process_log.was_valid_lately
        patch.setattr(process_log, "logs_after", logs_after)
        patch.setattr(servers, "confirms", confirms)
        patch.setattr(servers, "was_valid_lately", was_valid_lately)


@pytest.mark.parametrize(
    "name",
    ["too many tags", "two writes, overwritten", "a lost value", "grace"],
)
def test_log_of_the_model_does_what_the_real_log_does(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = Recorded(monkeypatch)
    explore(SMALL[name])
    assert min(len(recorded.reads), len(recorded.checks)) > 5
    for (log, clock, records, now), found in recorded.reads.items():
        assert after_reading(log, clock, records, now, patience=math.inf) == known(found[0])
        assert after_reading(log, clock, records, now, patience=0.0) == known(found[-1])
    for (log, parts, clock), result in recorded.checks.items():
        pairs = [(clock_of(since), (f"tag:{tag}",)) for tag, since in parts]
        assert real_log(log, 0).confirms(pairs, clock_of(clock)) == result
    assert bool(recorded.graces) == (name == "grace")
    for (log, entry, now), result in recorded.graces.items():
        pairs = [(clock_of(since), (f"tag:{tag}",)) for tag, since in entry.pairs]
        assert real_log(log, now).was_valid(pairs, GRACE) == result


def after_reading(
    log: Log, clock: int, records: Sequence[Any], now: int, patience: float
) -> tuple[int, int, dict[str, int]]:
    """Let a real log read records; return what it knows then."""
    real = real_log(log, now, patience=patience)
    stored = {}
    for ahead, tags in enumerate(records, 1):
        number = clock_of(log.end + ahead)
        if tags == ():
            stored[record_name(number)] = begin_record(number)
        elif tags is None:
            stored[record_name(number)] = b"%d many" % number
        elif tags is not process_log.MISSING:
            stored[record_name(number)] = tags_record(number, [f"tag:{tag}" for tag in tags])
    real._fetch = lambda _: stored
    real.catch_up(clock_of(clock))
    return real._start, real._end, real._last
