"""Queries of pages, on both databases."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, delete, event, insert, select, text
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import Session

from moziweb.db import Database
from moziweb.db.types import MAX_ID
from moziweb.movies.enumeration import movies_opening
from moziweb.movies.list_position import ListPosition
from moziweb.movies.models import (
    UNANNOUNCED,
    CreditRole,
    DatePrecision,
    Movie,
    Premiere,
    PremiereKind,
)
from moziweb.movies.queries import (
    DAYS_AND_MONTHS,
    Listing,
    genres_of,
    neighbours,
    premieres_between,
    published_movie,
    undated_movies,
    undated_positions,
)
from tests.conftest import QueryCounter
from tests.factories import (
    THURSDAY,
    add_genres,
    add_people,
    add_trailer,
    make_movie,
    make_premiere,
    move_premiere,
    set_distributor,
)

WEEK = timedelta(days=7)
TODAY = THURSDAY


def titles(listings: tuple[Listing, ...]) -> list[str]:
    return [listing.movie.title for listing in listings]


def test_premieres_come_by_date_then_title(dbsession: Session) -> None:
    for title, day in (
        ("Z", THURSDAY),
        ("Ábel", THURSDAY),
        ("B", THURSDAY - WEEK),
        ("C", THURSDAY),
    ):
        make_premiere(dbsession, make_movie(dbsession, title), day)
    found = premieres_between(dbsession, THURSDAY - WEEK, THURSDAY)
    assert titles(found) == ["B", "Ábel", "C", "Z"]


def test_premieres_of_a_movie_on_one_day_come_by_id(dbsession: Session) -> None:
    movie = make_movie(dbsession)
    premieres = [make_premiere(dbsession, movie, service=name) for name in ("a", "b", "c")]
    dbsession.commit()
    # The column is indexed, so PostgreSQL stores the changed row behind the others.
    premieres[0].service_id = premieres[1].service_id
    dbsession.commit()
    found = premieres_between(dbsession, THURSDAY, THURSDAY)
    assert [each.premiere for each in found] == premieres


def test_both_ends_of_a_period_are_included(dbsession: Session) -> None:
    start, end = THURSDAY, THURSDAY + timedelta(days=6)
    for shift in (-1, 0, 6, 7):
        day = THURSDAY + timedelta(days=shift)
        make_premiere(dbsession, make_movie(dbsession, str(day)), day)
    assert titles(premieres_between(dbsession, start, end)) == [str(start), str(end)]


def test_unpublished_movies_are_in_no_list(dbsession: Session) -> None:
    hidden = make_movie(dbsession, published=False)
    make_premiere(dbsession, hidden)
    make_movie(dbsession, published=False)
    assert premieres_between(dbsession, THURSDAY, THURSDAY) == ()
    assert undated_movies(dbsession, TODAY, 10) == ()
    assert neighbours(dbsession, THURSDAY - WEEK, THURSDAY - WEEK).after is None


def test_listing_has_service_distributor_and_the_latest_change(dbsession: Session) -> None:
    movie = make_movie(dbsession)
    set_distributor(dbsession, movie, "Fórum")
    premiere = make_premiere(dbsession, movie, THURSDAY - 2 * WEEK, service="MUBI")
    move_premiere(dbsession, premiere, THURSDAY - WEEK)
    move_premiere(dbsession, premiere, THURSDAY)
    (found,) = premieres_between(dbsession, THURSDAY, THURSDAY)
    assert (found.service, found.distributor) == ("MUBI", "Fórum")
    assert found.moved
    assert found.moved.old_date == THURSDAY - WEEK


def test_synopses_are_not_loaded_for_lists(dbsession: Session) -> None:
    make_premiere(dbsession, make_movie(dbsession, synopsis="Hosszú."))
    dbsession.expire_all()
    dbsession.expunge_all()
    (found,) = premieres_between(dbsession, THURSDAY, THURSDAY)
    with pytest.raises(InvalidRequestError):
        _ = found.movie.synopsis


def test_week_lists_days_and_month_lists_days_and_months(dbsession: Session) -> None:
    first = date(2026, 8, 1)
    for title, precision in (("nap", "day"), ("hónap", "month"), ("év", "year")):
        make_premiere(
            dbsession, make_movie(dbsession, title), first, precision=DatePrecision(precision)
        )
    assert titles(premieres_between(dbsession, first, first)) == ["nap"]
    in_month = premieres_between(dbsession, first, first, DAYS_AND_MONTHS)
    assert titles(in_month) == ["hónap", "nap"]


def test_undated_movies_exclude_past_months_and_years(dbsession: Session) -> None:
    def imprecise(title: str, day: date, precision: DatePrecision, **values: Any) -> None:
        make_premiere(dbsession, make_movie(dbsession, title), day, precision=precision, **values)

    imprecise("past month", date(2026, 7, 1), DatePrecision.MONTH)
    imprecise("this month", date(2026, 8, 1), DatePrecision.MONTH)
    imprecise("past year", date(2025, 1, 1), DatePrecision.YEAR)
    imprecise("this year", date(2026, 1, 1), DatePrecision.YEAR)
    imprecise("next year", date(2027, 1, 1), DatePrecision.YEAR)
    cancelled = datetime(2026, 8, 1, tzinfo=UTC)
    imprecise("cancelled", date(2027, 1, 1), DatePrecision.YEAR, cancelled_at=cancelled)
    make_movie(dbsession, "nothing known")
    dated = make_movie(dbsession, "dated too")
    make_premiere(dbsession, dated, date(2027, 1, 1), precision=DatePrecision.YEAR)
    make_premiere(dbsession, dated)

    found = undated_movies(dbsession, TODAY, 10)
    assert titles(found) == ["this year", "this month", "next year", "nothing known"]
    assert found[-1].premiere is None
    assert titles(undated_movies(dbsession, TODAY, 2)) == ["this year", "this month"]


def test_undated_movie_is_listed_once(dbsession: Session) -> None:
    movie = make_movie(dbsession)
    for year in (2028, 2027):
        make_premiere(dbsession, movie, date(year, 1, 1), precision=DatePrecision.YEAR)
    (found,) = undated_movies(dbsession, TODAY, 10)
    assert found.premiere
    assert found.premiere.date.year == 2027


def test_movie_without_premieres_is_undated(dbsession: Session) -> None:
    """By whatever the premieres were lost; triggers of the database keep the list."""
    moved, lost, kept, never = (
        make_movie(dbsession, name) for name in ("moved", "lost", "kept", "never")
    )
    premieres = [make_premiere(dbsession, movie) for movie in (moved, lost, kept, kept)]
    deleted = make_movie(dbsession, "deleted")
    dbsession.commit()
    assert titles(undated_movies(dbsession, TODAY, 10)) == ["deleted", "never"]
    premieres[0].movie_id = never.id
    dbsession.execute(delete(Premiere).where(Premiere.id.in_([each.id for each in premieres[1:3]])))
    dbsession.execute(delete(Movie).where(Movie.id == deleted.id))
    dbsession.commit()
    assert titles(undated_movies(dbsession, TODAY, 10)) == ["lost", "moved"]
    dbsession.execute(delete(Movie).where(Movie.id == kept.id))  # and its premiere
    make_premiere(dbsession, lost)
    dbsession.commit()
    assert titles(undated_movies(dbsession, TODAY, 10)) == ["moved"]
    assert dbsession.scalars(select(UNANNOUNCED)).all() == [moved.id]


def test_limit_of_undated_movies_is_that_of_both_kinds(dbsession: Session) -> None:
    for number in range(3):
        make_movie(dbsession, f"none {number}")
        later = make_movie(dbsession, f"later {number}")
        day = date(2027 + number, 1, 1)
        make_premiere(dbsession, later, day, precision=DatePrecision.YEAR)
        make_premiere(dbsession, later, day.replace(month=3), precision=DatePrecision.MONTH)
    found = [titles(undated_movies(dbsession, TODAY, limit)) for limit in (2, 4)]
    assert found == [["later 0", "later 1"], ["later 0", "later 1", "later 2", "none 2"]]


def test_blocks_of_undated_movies_have_each_once(dbsession: Session) -> None:
    """Also those of the same date."""
    years = (2028, 2027, 2027, 2027, 2028, None, None, None)
    movies = [make_movie(dbsession, str(number)) for number in range(len(years))]
    for movie, year in zip(movies, years, strict=True):
        if year:
            make_premiere(dbsession, movie, date(year, 1, 1), precision=DatePrecision.YEAR)
    make_premiere(dbsession, make_movie(dbsession, "dated"))
    every = titles(undated_movies(dbsession, TODAY, 20))
    assert every == ["3", "2", "1", "4", "0", "7", "6", "5"]
    positions = undated_positions(dbsession, TODAY)
    assert [ListPosition.parse(str(each)) for each in positions] == positions
    listed = [dbsession.get_one(Movie, each.row_id) for each in positions]
    assert [str(movies.index(each)) for each in listed] == every
    for number, position in enumerate(positions):
        for size in (1, 2, 3, 5):
            found = titles(undated_movies(dbsession, TODAY, size, position))
            assert found == every[number : number + size]
    for beyond, rest in (
        (ListPosition(date(2027, 5, 1), 10**6), every[3:]),
        (ListPosition(date(2030, 1, 1), 1), every[5:]),
        (ListPosition(None, 10**6), every[5:]),
        (ListPosition(None, movies[5].id - 1), []),
    ):
        assert titles(undated_movies(dbsession, TODAY, 20, beyond)) == rest


def test_neighbours_are_the_nearest_days_outside(dbsession: Session) -> None:
    for shift in (-9, -3, 0, 4, 8):
        make_premiere(dbsession, make_movie(dbsession), THURSDAY + shift * WEEK)
    found = neighbours(dbsession, THURSDAY - WEEK, THURSDAY + WEEK)
    assert (found.before, found.after) == (THURSDAY - 3 * WEEK, THURSDAY + 4 * WEEK)


def test_empty_calendar_has_no_neighbours(dbsession: Session) -> None:
    found = neighbours(dbsession, THURSDAY, THURSDAY)
    assert (found.before, found.after) == (None, None)


@pytest.mark.parametrize("query", [premieres_between, neighbours, movies_opening])
def test_a_period_is_read_from_the_index_of_dates(
    dbsession: Session, query: Callable[[Session, date, date], object]
) -> None:
    """Otherwise the cost of a week would grow with the number of published movies."""
    engine = dbsession.get_bind()
    assert isinstance(engine, Engine)
    movie = {"title": "x", "original_title": "x", "slug": "x", "synopsis": "", "published": True}
    ids = dbsession.scalars(insert(Movie).returning(Movie.id), [movie] * 2000).all()
    opening = [
        {
            "movie_id": key,
            "date": THURSDAY + timedelta(days=number - 1000),
            "precision": DatePrecision.DAY,
            "kind": PremiereKind.CINEMA,
        }
        for number, key in enumerate(ids)
    ]
    dbsession.execute(insert(Premiere), opening)
    if engine.dialect.name == "postgresql":  # SQLite has no statistics in the product either
        dbsession.execute(text("ANALYZE movie, premiere"))
    sent: list[tuple[str, Any]] = []
    event.listen(engine, "before_cursor_execute", lambda *args: sent.append(args[2:4]))
    query(dbsession, THURSDAY, THURSDAY + WEEK)
    statement, parameters = sent[-1]
    explain = "EXPLAIN " if engine.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN "
    plan = dbsession.connection().exec_driver_sql(explain + statement, parameters)
    lines = " ".join(str(row) for row in plan)
    assert "ix_movie_published" not in lines
    assert "ix_premiere_date" in lines


def test_month_precision_counts_for_months_only(dbsession: Session) -> None:
    later = date(2026, 10, 1)
    make_premiere(dbsession, make_movie(dbsession), later, precision=DatePrecision.MONTH)
    assert neighbours(dbsession, THURSDAY, THURSDAY).after is None
    assert neighbours(dbsession, THURSDAY, THURSDAY, DAYS_AND_MONTHS).after == later


def test_genres_are_in_display_order(dbsession: Session) -> None:
    first, second, without = (make_movie(dbsession) for _ in range(3))
    add_genres(dbsession, first, "Vígjáték", "Akció")
    add_genres(dbsession, second, "Akció")
    found = genres_of(dbsession, [first.id, second.id, without.id, first.id])
    assert {key: [genre.name for genre in genres] for key, genres in found.items()} == {
        first.id: ["Vígjáték", "Akció"],
        second.id: ["Akció"],
    }


def test_published_movie_takes_five_queries(
    database: Database, dbsession: Session, query_counter: QueryCounter
) -> None:
    movie = make_movie(dbsession, synopsis="Egy történet.")
    set_distributor(dbsession, movie, "Fórum")
    add_genres(dbsession, movie, "Vígjáték", "Akció")
    add_people(dbsession, movie, CreditRole.CAST, "A/Első", "B", "C")
    add_people(dbsession, movie, CreditRole.DIRECTOR, "D")
    add_trailer(dbsession, movie)
    move_premiere(dbsession, make_premiere(dbsession, movie, service="MUBI"), THURSDAY + WEEK)
    make_premiere(dbsession, movie, kind=PremiereKind.FESTIVAL)
    dbsession.commit()

    with query_counter(database.engine) as statements, database.read() as session:
        found = published_movie(session, movie.id)
        assert found
        assert len(statements) == 5
        assert [link.genre.name for link in found.genre_links] == ["Vígjáték", "Akció"]
        assert [each.person.name for each in found.credits] == ["A", "B", "C", "D"]
        assert [each.kind for each in found.premieres] == ["festival", "streaming"]
        assert found.premieres[1].service
        assert [each.old_date for each in found.premieres[1].changes] == [THURSDAY]
        assert (found.synopsis, len(found.trailers)) == ("Egy történet.", 1)
        assert len(statements) == 5


@pytest.mark.parametrize("movie_id", [0, -1, 1, MAX_ID, MAX_ID + 1, 2**63, 10**40])
def test_out_of_range_id_is_unknown(dbsession: Session, movie_id: int) -> None:
    assert published_movie(dbsession, movie_id) is None


def test_unpublished_movie_is_unknown(dbsession: Session) -> None:
    assert published_movie(dbsession, make_movie(dbsession, published=False).id) is None
