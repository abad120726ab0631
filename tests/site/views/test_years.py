"""The pages of years."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.movies.models import DatePrecision, Movie, PremiereKind
from moziweb.services import services_of
from moziweb.site.views import years
from moziweb.site.views.years import SHOWN_PER_MONTH
from tests.conftest import QueryCounter
from tests.factories import add_poster, make_movie, make_premiere
from tests.site.cached import Movies, write
from tests.site.views.test_index import sections


def test_year_has_a_row_of_each_month(
    app: TestApp, dbsession: Session, query_counter: QueryCounter
) -> None:
    for number in range(SHOWN_PER_MONTH + 1):
        movie = make_movie(dbsession, f"June {number}")
        add_poster(dbsession, movie)
        make_premiere(dbsession, movie, date(2026, 6, 4))
    make_premiere(dbsession, make_movie(dbsession, "In May"), date(2026, 5, 7))
    dbsession.commit()
    with query_counter(services_of(app.app.registry).database.engine) as statements:
        page = app.get("/year/2026")
    assert len(statements) == 6
    found = sections(page.text)
    assert found["month-2026-05"] == ["In May"]
    assert found["month-2026-06"] == [f"June {number}" for number in range(SHOWN_PER_MONTH)]
    assert "Minden bemutató (7)" in page.text
    assert 'href="/month/2026-06"' in page.text
    assert 'href="/year/2027"' in page.text
    assert "All premieres (7)" in app.get("/en/year/2026").text


def test_premieres_without_a_month_are_all_on_the_page_of_their_year(
    app: TestApp, dbsession: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to a bound, with the number of all: no other page lists them by year."""
    titles = [f"Some day {number}" for number in range(SHOWN_PER_MONTH + 2)]
    for title in titles:
        movie = make_movie(dbsession, title)
        make_premiere(dbsession, movie, date(2026, 1, 1), precision=DatePrecision.YEAR)
    dbsession.commit()
    page = app.get("/year/2026")
    assert sections(page.text)["day-unknown"] == titles
    assert not page.html.select(".shelf-note")
    monkeypatch.setattr(years, "SHOWN_WITHOUT_MONTH", SHOWN_PER_MONTH + 1)
    page = app.get("/year/2026")
    assert sections(page.text)["day-unknown"] == titles[:-1]
    assert page.html.select_one(".shelf-note").text == "8 filmből 7"


def test_empty_filtered_year_links_to_the_nearest_with_matches(
    cached: TestApp, movies: Movies
) -> None:
    """Also to those with premieres of which only the year is known."""

    def links() -> list[Any]:
        page = cached.get("/en/year/2150?kind=festival").html
        assert "No film of 2150 matches the filters." in page.select_one(".empty").text
        return [link["href"] for link in page.select(".ways-out a")]

    def add(day: date, precision: DatePrecision) -> None:
        def premiere(session: Session) -> None:
            movie = session.get_one(Movie, movies.here)
            kind = PremiereKind.FESTIVAL
            make_premiere(session, movie, day, precision=precision, kind=kind)

        write(cached, premiere)

    assert links() == links() == []
    add(date(2141, 3, 2), DatePrecision.DAY)
    assert links() == ["/en/year/2141?kind=festival"]
    add(date(2145, 1, 1), DatePrecision.YEAR)
    add(date(2160, 1, 1), DatePrecision.YEAR)
    assert links() == ["/en/year/2160?kind=festival", "/en/year/2145?kind=festival"]


def test_empty_year_is_not_indexed_and_links_to_no_other(app: TestApp) -> None:
    page = app.get("/year/2031").text
    assert "noindex" in page
    assert 'href="/year/' not in page.partition("<main")[2]
    assert 'href="/years"' in page


@pytest.mark.parametrize(
    "name", ["1894", "2201", "26", "02026", "2026-01", "x", "20 6", "%C2%B2026"]
)
def test_year_outside_the_calendar_is_404(demo_app: TestApp, name: str) -> None:
    demo_app.get(f"/year/{name}", status=404)


def test_years_have_numbers_by_kind(
    app: TestApp, dbsession: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_premiere(dbsession, make_movie(dbsession), date(2026, 6, 4))
    make_premiere(dbsession, make_movie(dbsession), date(2025, 6, 5), service="MUBI")
    dbsession.commit()
    page = app.get("/en/years").text
    assert page.index("/en/year/2026") < page.index("/en/year/2025")
    assert "1 in cinemas, 0 streaming" in page
    assert "0 in cinemas, 1 streaming" in page
    assert "0 moziban, 1 streamingen" in app.get("/years").text
    monkeypatch.setattr(years, "MOST_OF_YEAR", 1)
    assert "1+ in cinemas, 0 streaming" in app.get("/en/years").text
