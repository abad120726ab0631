"""Compares the premieres of a movie with those of a source: add, move, or make more precise. Pure.

An import never deletes a premiere: a source may drop a premiere that took place.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from moziweb.movies.calendar import month_of
from moziweb.movies.models import DatePrecision, PremiereKind
from moziweb.movies.slugs import MAX_NAME_SLUG_LENGTH, slug_of

from .candidate import PremiereFact

RERELEASE_AFTER: Final = timedelta(days=60)
"""After this time a future date of the source is a re-release, not a move of the premiere."""


@dataclass(frozen=True, slots=True)
class StoredPremiere:
    """A premiere of the movie in the database."""

    id: int
    fact: PremiereFact
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One change. ``before`` None adds ``after``; ``moved`` adds the old date to the history."""

    before: StoredPremiere | None
    after: PremiereFact
    moved: bool = False


def steps(
    current: Sequence[StoredPremiere], wanted: Iterable[PremiereFact], today: date
) -> tuple[Step, ...]:
    """Return the changes that give the movie the premieres of a source."""
    remaining = list(current)
    found: list[Step] = []
    new_facts: list[PremiereFact] = []
    for fact in wanted:
        same = next((each for each in remaining if _is_same(each.fact, fact)), None)
        if same is None:
            new_facts.append(fact)
            continue
        remaining.remove(same)
        found.append(Step(same, _merged(same.fact, fact)))
    for fact in new_facts:
        step = _step(remaining, fact, today)
        if step.before is not None:
            remaining.remove(step.before)
        found.append(step)
    return tuple(step for step in found if step.before is None or step.after != step.before.fact)


def period(fact: PremiereFact) -> tuple[date, date]:
    """Return the first and the last possible day of a premiere."""
    if fact.precision is DatePrecision.DAY:
        return fact.date, fact.date
    if fact.precision is DatePrecision.MONTH:
        return month_of(fact.date).start, month_of(fact.date).end
    return fact.date.replace(month=1, day=1), fact.date.replace(month=12, day=31)


def channel_of(fact: PremiereFact) -> tuple[PremiereKind, str]:
    """Return the kind and the slug of the service, whose name may be written in another case."""
    return fact.kind, fact.service and slug_of(fact.service, MAX_NAME_SLUG_LENGTH)


def _step(remaining: Sequence[StoredPremiere], fact: PremiereFact, today: date) -> Step:
    similar = [each for each in remaining if _is_similar(each.fact, fact) and not each.cancelled]
    if not similar:
        return Step(None, fact)
    nearest = min(similar, key=lambda each: abs(each.fact.date - fact.date))
    if _within(nearest.fact, fact):  # the source is less precise
        return Step(nearest, nearest.fact)
    if period(nearest.fact)[1] < today - RERELEASE_AFTER and fact.date >= today:
        return Step(None, replace(fact, rerelease=True))
    return Step(nearest, _dated(nearest.fact, fact), moved=not _within(fact, nearest.fact))


def _is_same(current: PremiereFact, fact: PremiereFact) -> bool:
    """Whether day and kind are equal; one of the two may be marked as a re-release."""
    same_day = (current.date, current.precision) == (fact.date, fact.precision)
    return same_day and channel_of(current) == channel_of(fact)


def _is_similar(current: PremiereFact, fact: PremiereFact) -> bool:
    return channel_of(current) == channel_of(fact) and current.rerelease == fact.rerelease


def _within(inner: PremiereFact, outer: PremiereFact) -> bool:
    first, last = period(inner)
    outer_first, outer_last = period(outer)
    return outer_first <= first and last <= outer_last


def _dated(current: PremiereFact, fact: PremiereFact) -> PremiereFact:
    return replace(_merged(current, fact), date=fact.date, precision=fact.precision)


def _merged(current: PremiereFact, fact: PremiereFact) -> PremiereFact:
    """Return ``current`` with the other data of the source, but not its date."""
    return replace(
        current,
        formats=current.formats if fact.formats is None else fact.formats,
        note=fact.note or current.note,
    )
