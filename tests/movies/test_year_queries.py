"""Overviews of years."""

from datetime import date

import pytest
from sqlalchemy.orm import Session

from moziweb.movies import year_queries
from moziweb.movies.calendar import Year
from moziweb.movies.models import DatePrecision, PremiereKind
from moziweb.movies.year_queries import NO_MONTH, YearNumbers, numbers_by_year, year_overview
from tests.factories import make_movie, make_premiere


def test_overview_has_the_first_premieres_of_each_month(dbsession: Session) -> None:
    for day in (25, 4, 11):
        make_premiere(dbsession, make_movie(dbsession, f"June {day}"), date(2026, 6, day))
    march = make_movie(dbsession, "In March")
    make_premiere(dbsession, march, date(2026, 3, 1), precision=DatePrecision.MONTH)
    for number in range(4):
        year = make_movie(dbsession, f"One day {number}")
        given = date(2026, 12 - number, 1)  # usually 1 January: the order is that of the titles
        make_premiere(dbsession, year, given, precision=DatePrecision.YEAR)
    make_premiere(dbsession, make_movie(dbsession, published=False), date(2026, 6, 1))
    make_premiere(dbsession, make_movie(dbsession, "next year"), date(2027, 1, 1))
    found = [
        (each.month, each.number, [listing.movie.title for listing in each.listings])
        for each in year_overview(dbsession, Year(2026), 2, without_month=3)
    ]
    june = (6, 3, ["June 4", "June 11"])
    year_only = (NO_MONTH, 4, ["One day 0", "One day 1", "One day 2"])
    assert found == [(3, 1, ["In March"]), june, year_only]
    assert year_overview(dbsession, Year(2025), 2, without_month=3) == ()


def test_numbers_by_kind_without_the_cancelled(dbsession: Session) -> None:
    make_premiere(dbsession, make_movie(dbsession), date(2026, 6, 4))
    make_premiere(dbsession, make_movie(dbsession), date(2026, 6, 4), kind=PremiereKind.FESTIVAL)
    make_premiere(dbsession, make_movie(dbsession), date(2026, 1, 1), service="MUBI")
    cancelled = make_premiere(dbsession, make_movie(dbsession), date(2027, 6, 4))
    cancelled.cancelled_at = cancelled.announced_at
    make_premiere(dbsession, make_movie(dbsession, published=False), date(2028, 6, 4))
    hidden = make_movie(dbsession, published=False)
    for day in (date(2026, 1, 1), date(2026, 12, 31)):
        make_premiere(dbsession, hidden, day)
    make_premiere(dbsession, hidden, date(2027, 6, 4), cancelled_at=cancelled.announced_at)
    make_premiere(dbsession, hidden, date(2026, 1, 1), service="MUBI")
    dbsession.flush()
    found = {year.name: numbers for year, numbers in numbers_by_year(dbsession).items()}
    assert found == {"2026": YearNumbers(2, 1), "2027": YearNumbers(0, 0)}


def test_numbers_of_a_year_are_counted_up_to_a_limit(
    dbsession: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(year_queries, "MOST_OF_YEAR", 3)
    year_queries._numbers_query.cache_clear()
    hidden = make_movie(dbsession, published=False)
    for number in range(3):
        make_premiere(dbsession, hidden, date(2028, 6, 1 + number))
        make_premiere(dbsession, hidden, date(2029, 6, 1 + number))
    for year, screened, streamed in ((2029, 1, 2), (2026, 2, 3), (2027, 4, 0), (2028, 5, 1)):
        movie = make_movie(dbsession)
        for number in range(screened):
            make_premiere(dbsession, movie, date(year, 6, 1 + number))
        for _ in range(streamed):
            make_premiere(dbsession, movie, date(year, 6, 4), service="MUBI")
        make_premiere(dbsession, hidden, date(year, 1, 1), service="MUBI")
    dbsession.flush()
    found = numbers_by_year(dbsession)
    year_queries._numbers_query.cache_clear()
    assert found == {
        Year(2026): YearNumbers(2, 3),
        Year(2027): YearNumbers(3, 0),
        Year(2028): YearNumbers(3, 1),
        Year(2029): YearNumbers(1, 2),
    }
