"""Weeks, months and days of the premiere calendar."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moziweb.movies.calendar import (
    FIRST_YEAR,
    LAST_YEAR,
    Month,
    Week,
    budapest_today,
    in_bounds,
    month_of,
    parse_day,
    week_of,
)

DAYS = st.dates(date(FIRST_YEAR, 2, 1), date(LAST_YEAR, 12, 1))


def test_a_week_runs_from_thursday_to_wednesday() -> None:
    week = Week.parse("2026-W34")
    assert (week.thursday, week.start, week.end) == (
        date(2026, 8, 20),
        date(2026, 8, 20),
        date(2026, 8, 26),
    )


@pytest.mark.parametrize(
    ("day", "name"),
    [
        (date(2026, 8, 19), "2026-W33"),
        (date(2026, 8, 20), "2026-W34"),
        (date(2026, 8, 26), "2026-W34"),
        (date(2026, 12, 31), "2026-W53"),
        (date(2027, 1, 6), "2026-W53"),
        (date(2027, 1, 7), "2027-W01"),
        (date(2024, 1, 3), "2023-W52"),
    ],
)
def test_the_week_of_a_day_has_the_iso_name_of_its_thursday(day: date, name: str) -> None:
    assert week_of(day).name == name


@given(DAYS)
def test_every_day_is_in_exactly_its_own_week(day: date) -> None:
    week = week_of(day)
    assert day in week
    assert day not in week.previous
    assert day not in week.next
    assert Week.parse(week.name) == week


@given(DAYS)
def test_weeks_follow_one_another_without_a_gap(day: date) -> None:
    week = week_of(day)
    assert week.next.start - week.end == timedelta(days=1)
    assert week.next.previous == week
    assert week.previous < week < week.next


@pytest.mark.parametrize(
    "name",
    [
        "2027-W53",
        "2026-W54",
        "2026-W00",
        "2026-w34",
        "2026-34",
        "2026W34",
        "26-W34",
        " 2026-W34",
        "2026-W34\n",
        "2026-W34\x00",
        "٢٠٢٦-W34",
        "0000-W01",
        "1894-W40",
        "2201-W01",
        "9999-W52",
        "",
    ],
)
def test_nonexistent_week_is_rejected(name: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Week.parse(name)


def test_week_must_start_on_thursday() -> None:
    with pytest.raises(ValueError, match="Thursday, not on Friday"):
        Week(date(2026, 8, 21))


def test_month_has_days_and_neighbours() -> None:
    month = Month.parse("2024-02")
    assert (month.start, month.end) == (date(2024, 2, 1), date(2024, 2, 29))
    assert (month.previous.name, month.next.name) == ("2024-01", "2024-03")
    assert Month.parse("2026-12").next.name == "2027-01"
    assert Month.parse("2026-01").previous.name == "2025-12"


@given(DAYS, st.integers(-40, 40))
def test_shifting_months_is_invertible(day: date, months: int) -> None:
    month = month_of(day)
    assert day in month
    assert month.shifted(months).shifted(-months) == month
    assert month.next.start - month.end == timedelta(days=1)
    assert Month.parse(month.name) == month


@pytest.mark.parametrize(
    "name",
    ["2026-13", "2026-00", "1800-05", "1894-12", "2201-01", "2026-8", "2026-08-01", "0000-01", "x"],
)
def test_nonexistent_month_is_rejected(name: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Month.parse(name)


@pytest.mark.parametrize("number", [0, 13])
def test_month_number_is_1_to_12(number: int) -> None:
    with pytest.raises(ValueError, match="1 to 12"):
        Month(2026, number)


def test_calendar_has_bounds() -> None:
    first, last = Month(FIRST_YEAR, 1), Month(LAST_YEAR, 12)
    assert in_bounds(first)
    assert in_bounds(last)
    assert not in_bounds(first.previous)
    assert not in_bounds(last.next)


def test_day_is_parsed_within_bounds() -> None:
    assert parse_day("2026-08-13") == date(2026, 8, 13)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "2026-02-30",
        "1800-01-01",
        "2201-01-01",
        "0001-01-01",
        "9999-12-31",
        "1895-01-01",  # in the last week of 1894
    ],
)
def test_day_outside_the_calendar_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_day(text)


@pytest.mark.parametrize(
    ("now", "today"),
    [
        (datetime(2026, 8, 19, 21, 59, tzinfo=UTC), date(2026, 8, 19)),
        (datetime(2026, 8, 19, 22, 0, tzinfo=UTC), date(2026, 8, 20)),  # summer: UTC+2
        (datetime(2026, 12, 31, 22, 59, tzinfo=UTC), date(2026, 12, 31)),
        (datetime(2026, 12, 31, 23, 0, tzinfo=UTC), date(2027, 1, 1)),  # winter: UTC+1
        (datetime(2026, 8, 19, 15, 0, tzinfo=timezone(timedelta(hours=-8))), date(2026, 8, 20)),
    ],
)
def test_today_is_the_date_in_budapest(now: datetime, today: date) -> None:
    assert budapest_today(now) == today


def test_naive_datetime_is_rejected() -> None:
    with pytest.raises(ValueError, match="time zone"):
        budapest_today(datetime(2026, 8, 20, 12))  # noqa: DTZ001 - the rejected value
