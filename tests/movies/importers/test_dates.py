"""Dates as people and spreadsheets write them."""

from datetime import date

import pytest

from moziweb.movies.importers.dates import premiere_date
from moziweb.movies.importers.problems import InvalidValue
from moziweb.movies.models import DatePrecision

from .conftest import TODAY

THE_DAY = date(2026, 12, 10)


@pytest.mark.parametrize(
    "text",
    [
        "2026-12-10", "2026.12.10.", "2026. 12. 10.", "2026/12/10", "2026. december 10.",
        "2026 december 10", "2026. Dec. 10.", "2026. DECEMBER 10.", "2026. XII. 10.",
        "2026. december 10-én", "2026.12.10. (csütörtök)", "2026. december 10., csütörtök",
        "2026-12-10 00:00:00", "2026-12-10T00:00:00", "46366", "46366.0",
    ],
)  # fmt: skip
def test_day_is_read_as_people_and_spreadsheets_write_it(text: str) -> None:
    assert premiere_date(text, TODAY) == (THE_DAY, DatePrecision.DAY)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-8-3", date(2026, 8, 3)),
        ("2026. március 1-jén", date(2026, 3, 1)),
        ("2026. szept. 3.", date(2026, 9, 3)),
        ("2026. május 3-i", date(2026, 5, 3)),
        ("2026. július 2.", date(2026, 7, 2)),
    ],
)
def test_day_of_one_digit_is_read(text: str, day: date) -> None:
    assert premiere_date(text, TODAY) == (day, DatePrecision.DAY)


@pytest.mark.parametrize(
    "text", ["2026. december", "2026. dec.", "2026-12", "2026.12.", "2026 XII"]
)
def test_month_is_read(text: str) -> None:
    assert premiere_date(text, TODAY) == (date(2026, 12, 1), DatePrecision.MONTH)


@pytest.mark.parametrize("text", ["12.10.", "12. 10.", "12-10", "12/10", "december 10.", "10 dec."])
def test_date_without_a_year_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(InvalidValue, match=r"the year is missing: .*; write it first, such as"):
        premiere_date(text, TODAY)


@pytest.mark.parametrize("text", ["12.10.2026", "10/12/2026", "12-10-26", "10.12.2026."])
def test_date_with_the_year_at_its_end_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(
        InvalidValue, match=r"the order of day and month is unclear: .*2026\.12\.10"
    ):
        premiere_date(text, TODAY)


@pytest.mark.parametrize(
    "text",
    ["holnap", "2026 ősz", "2026. augusztus eleje", "20261210", "Jun 12 1998", "2026.12.10.-17."],
)
def test_other_text_is_no_date(text: str) -> None:
    with pytest.raises(InvalidValue, match=r"not a date such as 2026-08-13 or 2026\. december 10"):
        premiere_date(text, TODAY)


@pytest.mark.parametrize("text", ["2026. február 30.", "2026-13", "2026.13.45."])
def test_day_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="no such day"):
        premiere_date(text, TODAY)


def test_number_of_a_far_day_is_refused() -> None:
    with pytest.raises(InvalidValue, match="more than 10 years ahead: 2173-10-13"):
        premiere_date("99999", TODAY)
