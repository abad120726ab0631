"""Enumerations return everything that is published once, and hold no session between pages."""

import random
from datetime import date, timedelta

import pytest
from sqlalchemy.orm import Session

from moziweb.db import Database
from moziweb.movies import enumeration
from moziweb.movies.calendar import week_of
from moziweb.movies.models import DatePrecision
from moziweb.movies.queries import DAYS, DAYS_AND_MONTHS
from tests import factories
from tests.conftest import QueryCounter

FIRST = date(2026, 8, 20)


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enumeration, "ENUMERATED_PER_QUERY", 3)


def test_every_published_movie_comes_once(database: Database, dbsession: Session) -> None:
    made = [factories.make_movie(dbsession, f"Film {n}") for n in range(8)]
    made[4].published = False
    dbsession.commit()
    expected = [(movie.id, movie.slug) for movie in made if movie.published]
    assert list(enumeration.every_movie(database)) == expected


def test_one_query_per_page(
    database: Database, dbsession: Session, query_counter: QueryCounter
) -> None:
    for number in range(7):
        factories.make_movie(dbsession, f"Film {number}")
    dbsession.commit()
    with query_counter(database.engine) as statements:
        assert len(list(enumeration.every_movie(database))) == 7
    assert len(statements) == 4  # three, three, one, none


def test_row_added_during_iteration_is_returned(database: Database, dbsession: Session) -> None:
    first = factories.make_movie(dbsession, "Első")
    dbsession.commit()
    names = enumeration.every_movie(database)
    assert next(names)[0] == first.id
    later = factories.make_movie(dbsession, "Második")
    dbsession.commit()
    assert [movie_id for movie_id, _ in names] == [later.id]


def test_every_day_comes_once_and_in_order(database: Database, dbsession: Session) -> None:
    days = [FIRST + timedelta(days=7 * n) for n in range(5)]
    for day in (*reversed(days), days[2]):
        factories.make_premiere(dbsession, factories.make_movie(dbsession, "Film"), day)
    hidden = factories.make_movie(dbsession, "Rejtett")
    hidden.published = False
    factories.make_premiere(dbsession, hidden, FIRST + timedelta(days=1))
    month = factories.make_movie(dbsession, "Havi")
    factories.make_premiere(dbsession, month, date(2027, 5, 1), precision=DatePrecision.MONTH)
    dbsession.commit()
    assert list(enumeration.every_day(database, DAYS)) == days
    assert list(enumeration.every_day(database, DAYS_AND_MONTHS)) == [*days, date(2027, 5, 1)]


def test_movies_of_a_period_come_latest_first(dbsession: Session) -> None:
    early, late, outside = (factories.make_movie(dbsession, name) for name in ("a", "b", "c"))
    for movie, day in ((early, 0), (late, 7), (outside, 8), (early, 3)):
        factories.make_premiere(dbsession, movie, FIRST + timedelta(days=day))
    dbsession.commit()
    found = enumeration.movies_opening(dbsession, FIRST, FIRST + timedelta(days=7))
    assert [movie_id for movie_id, _ in found] == [late.id, early.id]


def test_years_are_those_of_months_and_of_weeks(dbsession: Session) -> None:
    """A week belongs to the year of its Thursday, a month to its own."""
    generator = random.Random(5)
    days = [date(year, month, day) for year in (1895, 1999, 2026, 2199) for month, day in (
        (1, 1), (1, 2), (1, 3), (1, 4), (1, 5), (1, 6), (1, 7), (12, 31)
    )]  # fmt: skip
    expected = set()
    for day in generator.sample(days, 12):
        precision = generator.choice(list(DatePrecision))
        movie = factories.make_movie(dbsession, published=generator.random() > 0.3)
        factories.make_premiere(dbsession, movie, day, precision=precision)
        if movie.published and precision in DAYS_AND_MONTHS:
            expected.add(day.year)
        if movie.published and precision in DAYS:
            expected.add(week_of(day).thursday.year)
    dbsession.commit()
    assert enumeration.premiere_years(dbsession) == sorted(expected)


def test_blocks_are_those_with_published_movies(dbsession: Session) -> None:
    for movie_id in (1, 9, 10, 11, 40, 41, 75, 1_000_000):
        factories.make_movie(dbsession, id=movie_id, published=movie_id != 75)
    dbsession.commit()
    assert enumeration.movie_blocks(dbsession, 10) == [0, 1, 3, 4, 99_999]
    assert enumeration.movie_blocks(dbsession, 10_000_000) == [0]


def test_without_movies_there_are_no_blocks_and_no_years(dbsession: Session) -> None:
    factories.make_movie(dbsession, published=False)
    dbsession.commit()
    assert enumeration.movie_blocks(dbsession, 10) == []
    assert enumeration.premiere_years(dbsession) == []
