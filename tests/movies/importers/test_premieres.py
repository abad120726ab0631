"""Premieres that are added, moved, or made more precise."""

from datetime import date

import pytest

from moziweb.movies.importers.candidate import PremiereFact
from moziweb.movies.importers.premieres import Step, StoredPremiere, steps
from moziweb.movies.models import DatePrecision, PremiereKind

TODAY = date(2026, 8, 20)


def fact(day: str, **values: object) -> PremiereFact:
    return PremiereFact(date.fromisoformat(day), **values)  # type: ignore[arg-type]


def only(current: list[PremiereFact], wanted: PremiereFact) -> Step | None:
    """The one step, or None."""
    rows = [StoredPremiere(number, each) for number, each in enumerate(current, 1)]
    found = steps(rows, [wanted], TODAY)
    assert len(found) <= 1
    return found[0] if found else None


def test_equal_premieres_need_no_step() -> None:
    assert only([fact("2026-09-03")], fact("2026-09-03")) is None


def test_another_day_is_a_move() -> None:
    step = only([fact("2026-09-03", formats=("IMAX",))], fact("2026-09-10"))
    assert step is not None
    assert step.moved
    assert step.before is not None
    assert step.after == fact("2026-09-10", formats=("IMAX",))


@pytest.mark.parametrize(
    ("current", "precision"),
    [("2026-09-01", DatePrecision.MONTH), ("2026-01-01", DatePrecision.YEAR)],
)
def test_day_within_the_month_or_year_is_no_move(current: str, precision: DatePrecision) -> None:
    step = only([fact(current, precision=precision)], fact("2026-09-10"))
    assert step is not None
    assert step.before is not None
    assert not step.moved
    assert step.after.date == date(2026, 9, 10)
    assert step.after.precision is DatePrecision.DAY


def test_day_outside_the_month_is_a_move() -> None:
    step = only([fact("2026-09-01", precision=DatePrecision.MONTH)], fact("2026-10-01"))
    assert step is not None
    assert step.moved


def test_less_precise_source_changes_nothing() -> None:
    wanted = fact("2026-01-01", precision=DatePrecision.YEAR)
    assert only([fact("2026-09-10")], wanted) is None


def test_future_date_of_a_past_premiere_is_a_rerelease() -> None:
    step = only([fact("2000-01-27")], fact("2026-10-01"))
    assert step == Step(None, fact("2026-10-01", rerelease=True))
    again = [fact("2000-01-27"), fact("2026-10-01", rerelease=True)]
    assert only(again, fact("2026-10-01")) is None


def test_other_kind_or_service_is_another_premiere() -> None:
    streamed = fact("2026-09-03", kind=PremiereKind.STREAMING, service="Netflix")
    step = only([fact("2026-09-10"), streamed], fact("2026-09-03", kind=PremiereKind.FESTIVAL))
    assert step is not None
    assert step.before is None
    other = fact("2026-09-20", kind=PremiereKind.STREAMING, service="Max")
    assert only([streamed], other) == Step(None, other)


def test_cancelled_premiere_is_not_restored() -> None:
    cancelled = StoredPremiere(1, fact("2026-09-03"), cancelled=True)
    assert steps([cancelled], [fact("2026-09-03")], TODAY) == ()
    (step,) = steps([cancelled], [fact("2026-11-05")], TODAY)
    assert step.before is None


def test_two_premieres_of_a_kind_are_matched_one_to_one() -> None:
    current = [StoredPremiere(1, fact("2026-09-03")), StoredPremiere(2, fact("2026-11-05"))]
    (step,) = steps(current, [fact("2026-09-03"), fact("2026-11-12")], TODAY)
    assert step.before is current[1]
    assert step.moved
