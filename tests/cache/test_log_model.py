"""All states of the model of the invalidation log, and each of its mutants."""

import math
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from moziweb.cache.protocol import invalidation_log
from moziweb.cache.protocol.clock import EPOCH_SHIFT
from moziweb.cache.protocol.invalidation_log import (
    InvalidationLog,
    begin_record,
    record_name,
    tags_record,
)
from tests.cache.log_model import process_log, renders, servers
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


def real_log(log: Log, now: int, recent: int, **options: Any) -> InvalidationLog:
    """A real log that knows what a log of the model does, and as many recent publishes."""
    real = InvalidationLog(lambda _: {}, longest_grace=GRACE, monotonic=lambda: now, **options)
    real._start, real._end = clock_of(log.start), clock_of(log.end)
    real._last = {f"tag:{tag}": clock_of(last) for tag, last in enumerate(log.last) if last}
    real._recent = deque(
        ((clock_of(number), tuple(f"tag:{tag}" for tag in tags)) for number, tags in log.recent),
        maxlen=recent,
    )
    real._times.known_at = -math.inf if log.seen == NEVER else log.seen
    real._times._recent = deque(
        (-math.inf if then == NEVER else then, clock_of(number), ("tag:0",))
        for number, then in log.noted
    )
    return real


Known = tuple[int, int, dict[str, int], list[tuple[int, tuple[str, ...]]]]


def known(real: InvalidationLog) -> Known:
    """The start, end, tags and recent publishes of a log."""
    return real._start, real._end, real._last, list(real._recent)


class Recorded:
    """The calls of the model's log during a search, and their results."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.reads: dict[Any, list[Log]] = {}
        self.checks: dict[Any, bool] = {}
        self.copies: dict[Any, bool] = {}
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

        def confirms_copy(
            model: Any, log: Log, tags: frozenset[int], since: int, clock: int
        ) -> bool:
            result = check_copy(model, log, tags, since, clock)
            return self.copies.setdefault((log, tags, since, clock), result)

        def was_valid_lately(model: Any, log: Log, entry: Entry, now: int) -> bool:
            return self.graces.setdefault((log, entry, now), grace(model, log, entry, now))

        read, check = process_log.logs_after, process_log.confirms
        check_copy, grace = process_log.confirms_copy, process_log.was_valid_lately
        patch.setattr(process_log, "logs_after", logs_after)
        patch.setattr(renders, "confirms", confirms)
        patch.setattr(servers, "confirms_copy", confirms_copy)
        patch.setattr(servers, "was_valid_lately", was_valid_lately)


@pytest.mark.parametrize(
    "name",
    [
        "too many tags",
        "two writes, overwritten",
        "two writes, one is recent",
        "a lost value",
        "a card",
        "grace",
    ],
)
def test_log_of_the_model_does_what_the_real_log_does(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded, recent = Recorded(monkeypatch), SMALL[name].recent
    monkeypatch.setattr(invalidation_log, "_RECENT", recent)
    explore(SMALL[name])
    assert min(len(recorded.reads), len(recorded.copies)) > 5
    assert bool(recorded.checks) == (name == "a card")
    for (log, clock, records, now), found in recorded.reads.items():
        for patience, expected in ((math.inf, found[0]), (0.0, found[-1])):
            real = real_log(log, now, recent, patience=patience)
            confirmed(real)
            read_records(real, log, clock, records)
            fresh = real_log(expected, now, recent)
            assert known(real) == known(fresh)
            assert confirmed(real) == confirmed(fresh)
    for (log, parts, clock), result in recorded.checks.items():
        pairs = [(clock_of(since), (f"tag:{tag}",)) for tag, since in parts]
        assert real_log(log, 0, recent).confirms(pairs, clock_of(clock)) == result
    for (log, tags, since, clock), result in recorded.copies.items():
        names = frozenset(f"tag:{tag}" for tag in tags)
        real = real_log(log, 0, recent)
        assert real.confirms_copy(names, clock_of(since), clock_of(clock)) == result
    assert bool(recorded.graces) == (name == "grace")
    for (log, entry, now), result in recorded.graces.items():
        pairs = [(clock_of(since), (f"tag:{tag}",)) for tag, since in entry.pairs]
        assert real_log(log, now, recent).was_valid(pairs, GRACE) == result


def confirmed(real: InvalidationLog) -> list[tuple[int, str]]:
    """The clocks and tags of copies that a log confirms at its end."""
    numbers = range(max(real._start, real._end - 9), real._end + 1)
    return [
        (since, tag)
        for since in numbers
        for tag in ("tag:0", "tag:1", "tag:2")
        if real.confirms_copy(frozenset([tag]), since, real._end)
    ]


def read_records(real: InvalidationLog, log: Log, clock: int, records: Sequence[Any]) -> None:
    """Let a real log read records."""
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
