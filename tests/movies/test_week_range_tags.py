"""Groups of weeks cover a range of weeks exactly."""

from datetime import date, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from moziweb.movies.calendar import week_of
from moziweb.movies.week_range_tags import week_range_tags_between, week_range_tags_of

days = st.dates(date(1, 1, 8), date(9999, 12, 20))


@given(days, days, days)
@example(date(2026, 8, 20), date(2026, 8, 20), date(2026, 8, 26))
@example(date(2026, 8, 20), date(2026, 8, 20), date(2026, 8, 27))
@example(date(2026, 8, 20), date(2026, 8, 20), date(2026, 8, 19))
def test_groups_cover_a_range_exactly(one: date, other: date, day: date) -> None:
    first, last = sorted((one, other))
    inside = week_of(first).start <= day <= week_of(last).end
    assert (
        not set(week_range_tags_between(first, last)).isdisjoint(week_range_tags_of(day))
    ) is inside


@given(days, days)
def test_any_range_takes_few_groups(one: date, other: date) -> None:
    first, last = sorted((one, other))
    groups = list(week_range_tags_between(first, last))
    assert 0 < len(groups) == len(set(groups)) <= 2 * 7 * 7 + 1


def test_the_full_range_takes_few_groups() -> None:
    groups = set(week_range_tags_between(date.min, date.max))
    assert len(groups) < 40
    for day in (date.min, date(2026, 8, 20), date.max - timedelta(weeks=1), date.max):
        assert not groups.isdisjoint(week_range_tags_of(day))
