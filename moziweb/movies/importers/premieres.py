"""What becomes of a film's premieres when a source names its own: added, moved, made more exact.

Pure. A premiere is never deleted by an import: sources forget, and a festival did take place.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from moziweb.movies.calendar import month_of
from moziweb.movies.models import DatePrecision

from .candidate import PremiereFact

OVER_AFTER: Final = timedelta(days=60)
"""A premiere this long ago has taken place: a coming date is no new date of it, but another one."""


@dataclass(frozen=True, slots=True)
class StoredPremiere:
    """A premiere that the film has."""

    id: int
    fact: PremiereFact
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One change: ``before`` None adds ``after``; ``moved`` keeps the old date in the history."""

    before: StoredPremiere | None
    after: PremiereFact
    moved: bool = False


def steps(
    standing: Sequence[StoredPremiere], wanted: Iterable[PremiereFact], today: date
) -> tuple[Step, ...]:
    """What is to be done for the film to have the premieres that a source names."""
    left = list(standing)
    found: list[Step] = []
    unmatched: list[PremiereFact] = []
    for fact in wanted:
        same = next((each for each in left if _is_same(each.fact, fact)), None)
        if same is None:
            unmatched.append(fact)
            continue
        left.remove(same)
        found.append(Step(same, _merged(same.fact, fact)))
    for fact in unmatched:
        step = _step(left, fact, today)
        if step.before is not None:
            left.remove(step.before)
        found.append(step)
    return tuple(step for step in found if step.before is None or step.after != step.before.fact)


def period(fact: PremiereFact) -> tuple[date, date]:
    """The first and last day that the premiere may be on."""
    if fact.precision is DatePrecision.DAY:
        return fact.date, fact.date
    if fact.precision is DatePrecision.MONTH:
        return month_of(fact.date).start, month_of(fact.date).end
    return fact.date.replace(month=1, day=1), fact.date.replace(month=12, day=31)


def _step(left: Sequence[StoredPremiere], fact: PremiereFact, today: date) -> Step:
    alike = [each for each in left if _is_alike(each.fact, fact) and not each.cancelled]
    if not alike:
        return Step(None, fact)
    nearest = min(alike, key=lambda each: abs(each.fact.date - fact.date))
    if _within(nearest.fact, fact):  # the source knows less than we do
        return Step(nearest, nearest.fact)
    if period(nearest.fact)[1] < today - OVER_AFTER and fact.date >= today:
        return Step(None, replace(fact, rerelease=True))
    return Step(nearest, _dated(nearest.fact, fact), moved=not _within(fact, nearest.fact))


def _is_same(standing: PremiereFact, fact: PremiereFact) -> bool:
    """The same day of the same kind, whether or not one of the two calls it a re-release."""
    return (standing.kind, standing.service, standing.date, standing.precision) == (
        fact.kind,
        fact.service,
        fact.date,
        fact.precision,
    )


def _is_alike(standing: PremiereFact, fact: PremiereFact) -> bool:
    return (standing.kind, standing.service, standing.rerelease) == (
        fact.kind,
        fact.service,
        fact.rerelease,
    )


def _within(inner: PremiereFact, outer: PremiereFact) -> bool:
    first, last = period(inner)
    outer_first, outer_last = period(outer)
    return outer_first <= first and last <= outer_last


def _dated(standing: PremiereFact, fact: PremiereFact) -> PremiereFact:
    return replace(_merged(standing, fact), date=fact.date, precision=fact.precision)


def _merged(standing: PremiereFact, fact: PremiereFact) -> PremiereFact:
    """``standing`` with what the source adds beside the date."""
    return replace(
        standing,
        formats=standing.formats if fact.formats is None else fact.formats,
        note=fact.note or standing.note,
    )
