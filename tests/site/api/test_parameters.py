"""Query parameters of the API: values, defaults and problems."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moziweb.movies.models import Audio, PremiereKind, Rating
from moziweb.request import Request
from moziweb.site.api.parameters import (
    CHANGE_PARAMETERS,
    FIRST_DAY,
    LAST_DAY,
    LIST_PARAMETERS,
    PREMIERE_PARAMETERS,
    ApiParameter,
    ApiQuery,
    day_cursor,
    query_factory,
    time_cursor,
)
from moziweb.site.api.problems import ParameterProblem, ProblemKind


def parsed(query: str, parameters: tuple[ApiParameter, ...] = PREMIERE_PARAMETERS) -> ApiQuery:
    return query_factory(*parameters)(Request.blank(f"/api/v1/x?{query}"))


def test_values_are_typed() -> None:
    query = parsed("from=2026-08-20&kind=cinema&rating=12&audio=dubbed&genre=drama&limit=7")
    assert query["from"] == date(2026, 8, 20)
    assert (query["kind"], query["rating"]) == (PremiereKind.CINEMA, Rating.AGE_12)
    assert (query["audio"], query["genre"], query["limit"]) == (Audio.DUBBED, "drama", 7)


def test_missing_values_have_defaults() -> None:
    query = parsed("")
    assert (query["from"], query["to"], query["limit"]) == (FIRST_DAY, LAST_DAY, 50)
    assert (query["kind"], query["service"], query["cursor"]) == (None, None, None)


def test_days_beyond_the_calendar_are_its_ends() -> None:
    query = parsed("from=0001-01-01&to=9999-12-31")
    assert (query["from"], query["to"]) == (FIRST_DAY, LAST_DAY)


@pytest.mark.parametrize(
    ("query", "kind", "parameter"),
    [
        ("form=2026-08-20", ProblemKind.UNKNOWN_PARAMETER, "form"),
        ("limit=1&limit=2", ProblemKind.REPEATED_PARAMETER, "limit"),
        ("from=2026-02-30", ProblemKind.INVALID_VALUE, "from"),
        ("from=2026-8-20", ProblemKind.INVALID_VALUE, "from"),
        ("to=", ProblemKind.INVALID_VALUE, "to"),
        ("limit=0", ProblemKind.INVALID_VALUE, "limit"),
        ("limit=101", ProblemKind.INVALID_VALUE, "limit"),
        ("limit=%D9%A1", ProblemKind.INVALID_VALUE, "limit"),  # a digit of another script
        ("kind=Cinema", ProblemKind.INVALID_VALUE, "kind"),
        ("audio=both", ProblemKind.INVALID_VALUE, "audio"),
        ("genre=Drama", ProblemKind.INVALID_VALUE, "genre"),
        ("cursor=1", ProblemKind.INVALID_VALUE, "cursor"),
    ],
)
def test_problem_names_the_parameter(query: str, kind: ProblemKind, parameter: str) -> None:
    with pytest.raises(ParameterProblem) as raised:
        parsed(query)
    assert (raised.value.kind, raised.value.parameter) == (kind, parameter)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-08-20T10:00:00Z", datetime(2026, 8, 20, 10, tzinfo=UTC)),
        ("2026-08-20t10:00:00.5z", datetime(2026, 8, 20, 10, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-08-20T12:00:00%2B02:00", datetime(2026, 8, 20, 10, tzinfo=UTC)),
        ("0001-01-01T00:00:00%2B02:00", datetime(1970, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59-02:00", datetime.max.replace(tzinfo=UTC)),
    ],
)
def test_time_has_any_zone(text: str, time: datetime) -> None:
    assert parsed(f"since={text}", CHANGE_PARAMETERS)["since"] == time


@pytest.mark.parametrize(
    "text",
    ["2026-08-20", "2026-08-20T10:00:00", "2026-08-20T25:00:00Z", "2026-08-20T10:00:00 02:00"],
)
def test_time_without_a_zone_is_a_problem(text: str) -> None:
    with pytest.raises(ParameterProblem):
        parsed(f"since={text}", CHANGE_PARAMETERS)


@given(st.dates(FIRST_DAY, LAST_DAY), st.integers(1, 2**31 - 1))
def test_cursor_of_a_day_is_read_again(day: date, row_id: int) -> None:
    assert parsed(f"cursor={day_cursor(day, row_id)}")["cursor"] == (day, row_id)


@given(st.integers(0, 10**16 - 1), st.integers(1, 2**31 - 1))
def test_cursor_of_a_time_is_read_again(microseconds: int, row_id: int) -> None:
    time = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    found = parsed(f"cursor={time_cursor(time, row_id)}", CHANGE_PARAMETERS)["cursor"]
    assert found == (time, row_id)


@given(st.from_regex(r"[0-9]{1,7}-[0-9]{1,10}", fullmatch=True))
def test_every_cursor_of_the_described_form_is_valid(text: str) -> None:
    if text.isascii():
        day, row_id = parsed(f"cursor={text}")["cursor"]
        assert FIRST_DAY <= day <= LAST_DAY
        assert row_id < 2**31


def test_the_cursor_is_among_the_texts_of_a_redirect() -> None:
    query: Any = parsed("limit=5&cursor=7", LIST_PARAMETERS)
    assert query.texts == {"limit": "5", "cursor": "7"}


def test_other_methods_are_not_parsed() -> None:
    request = Request.blank("/api/v1/genres?x=1", method="OPTIONS")
    assert query_factory()(request).values == {}
