"""The lead premiere of a movie, and the day on which it changes."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moziweb.movies.lead_premiere import lead_premiere_of, lead_premiere_until
from moziweb.movies.models import DatePrecision, Premiere, PremiereKind

TODAY = date(2026, 8, 24)  # a Monday, in the week of the 20th
CINEMA, LIMITED = PremiereKind.CINEMA, PremiereKind.LIMITED
FESTIVAL, STREAMING = PremiereKind.FESTIVAL, PremiereKind.STREAMING


def premiere(
    number: int,
    kind: PremiereKind,
    day: date,
    precision: DatePrecision = DatePrecision.DAY,
    *,
    cancelled: bool = False,
) -> Premiere:
    cancelled_at = datetime(2026, 1, 1, tzinfo=UTC) if cancelled else None
    return Premiere(id=number, kind=kind, date=day, precision=precision, cancelled_at=cancelled_at)


def days(number: int) -> date:
    return TODAY + timedelta(days=number)


@pytest.mark.parametrize(
    ("premieres", "leading"),
    [
        ([(CINEMA, days(3))], 0),
        ([(FESTIVAL, days(1)), (CINEMA, days(30))], 1),
        ([(STREAMING, days(1)), (LIMITED, days(30))], 1),
        ([(LIMITED, days(3)), (CINEMA, days(10))], 0),
        ([(LIMITED, days(-1)), (CINEMA, days(10))], 1),
        ([(CINEMA, days(-11000)), (CINEMA, days(10))], 1),  # a re-release
        ([(CINEMA, days(-4)), (STREAMING, days(40))], 0),  # still in cinemas
        ([(CINEMA, days(-60)), (STREAMING, days(10))], 1),
        ([(CINEMA, days(-60)), (STREAMING, days(-10))], 0),
        ([(CINEMA, days(-400)), (CINEMA, days(-60))], 1),
        ([(FESTIVAL, days(-90)), (STREAMING, days(-10))], 1),
        ([(CINEMA, days(0)), (CINEMA, days(7))], 0),  # today is not over
        ([], None),
    ],
)
def test_lead_premiere_by_rank(
    premieres: list[tuple[PremiereKind, date]], leading: int | None
) -> None:
    made = [premiere(number, *values) for number, values in enumerate(premieres)]
    found = lead_premiere_of(made, TODAY)
    assert (found.id if found else None) == leading


def test_cancelled_premiere_leads_only_without_others() -> None:
    off = premiere(1, CINEMA, days(3), cancelled=True)
    past = premiere(2, FESTIVAL, days(-300))
    assert lead_premiere_of([off, past], TODAY) is past
    assert lead_premiere_of([off], TODAY) is off


def test_month_or_year_is_future_until_its_last_day() -> None:
    this_year = premiere(1, CINEMA, date(2026, 1, 1), DatePrecision.YEAR)
    this_month = premiere(2, CINEMA, date(2026, 8, 1), DatePrecision.MONTH)
    streamed = premiere(3, STREAMING, days(1))
    assert lead_premiere_of([this_year, streamed], TODAY) is this_year
    assert lead_premiere_of([this_year, this_month], TODAY) is this_month
    assert lead_premiere_of([this_year, this_month], date(2026, 9, 1)) is this_year


MOVIES = st.lists(
    st.builds(
        premiere,
        st.integers(1, 3),
        st.sampled_from(PremiereKind),
        st.dates(days(-60), days(60)),
        st.sampled_from(DatePrecision),
        cancelled=st.booleans(),
    ),
    max_size=3,
    unique_by=lambda each: each.id,
)


@given(MOVIES)
def test_lead_premiere_until_is_the_first_day_of_change(premieres: list[Premiere]) -> None:
    leading = lead_premiere_of(premieres, TODAY)
    until = lead_premiere_until(premieres, TODAY)
    horizon = days(500)  # after the end of next year, when all premieres are past
    changes = (
        day
        for day in (TODAY + timedelta(days=step) for step in range(1, (horizon - TODAY).days))
        if lead_premiere_of(premieres, day) is not leading
    )
    assert until == next(changes, None)
