"""The pages of years."""

from datetime import date
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.movies.collation import sort_key
from moziweb.movies.models import DatePrecision, Movie, Premiere, PremiereKind, Rating
from moziweb.services import services_of
from moziweb.site.page_cache import url_inventory
from moziweb.site.page_cache.url_inventory import UrlInventory
from moziweb.site.views import years
from moziweb.site.views.years import SHOWN_PER_MONTH
from tests.conftest import BASE_URL, QueryCounter
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


def test_premieres_without_a_month_are_all_reached(
    app: TestApp, dbsession: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In blocks, with the number of all: no other page lists them by year."""
    titles = [f"Some day {number}" for number in range(SHOWN_PER_MONTH + 2)]
    for title in titles:
        rating = Rating.AGE_12 if titles.index(title) % 2 == 0 else Rating.AGE_16
        movie = make_movie(dbsession, title, rating=rating)
        make_premiere(dbsession, movie, date(2026, 1, 1), precision=DatePrecision.YEAR)
    dbsession.commit()
    page = app.get("/year/2026")
    assert sections(page.text)["day-unknown"] == titles
    assert not page.html.select(".shelf-note")
    for module in (years, url_inventory):
        monkeypatch.setattr(module, "YEAR_BLOCK", 3)
    for query, shown in (("", titles), ("?rating=12", titles[::2])):
        paths = [f"/en/year/2026{query}"]
        page = app.get(paths[0])
        found = sections(page.text)["day-unknown"]
        assert page.html.select_one(".shelf-note").text == f"3 of {len(shown)} films"
        while link := app.get(paths[-1]).html.select_one(".found-more a[rel=next]"):
            paths.append(link["href"])
            page = app.get(paths[-1])
            assert "noindex" in page.text
            assert page.html.select_one("a.language")["href"] == paths[-1].removeprefix("/en")
            assert page.html.select_one(".shelf-head .more")["href"] == paths[0]
            found += sections(page.text)["day-unknown"]
        assert found == shown
        if not query:
            inventory = [url.path for url in UrlInventory.of(app.app.registry)]
            assert [path for path in inventory if path.startswith("/en/year/2026")] == paths


def test_position_in_a_year_stays_valid(app: TestApp, dbsession: Session) -> None:
    """It redirects to the next title, or to the year; the filter is kept."""
    movies = [make_movie(dbsession, title, rating=Rating.AGE_12) for title in ("Ősz", "Zene & Tél")]
    for movie in movies:
        make_premiere(dbsession, movie, date(2026, 1, 1), precision=DatePrecision.YEAR)
    dbsession.commit()

    def query(title: str, row_id: int) -> str:
        return urlencode({"from": f"{row_id}-{sort_key(title)}"})

    at = query("Ősz", dbsession.scalars(select(Premiere.id)).first() or 0)
    assert sections(app.get(f"/year/2026?{at}").text)["day-unknown"] == ["Ősz", "Zene & Tél"]
    movies[0].published = False
    dbsession.commit()
    second = query("Zene & Tél", dbsession.scalars(select(func.max(Premiere.id))).one())
    for more in ("", "&rating=12"):
        assert app.get(f"/year/2026?{at}{more}", status=302).location == (
            f"{BASE_URL}/year/2026?{second}{more}"
        )
        beyond = f"/year/2026?{query('zzz', 1)}{more}"
        location = app.get(beyond, status=302).location
        assert location == f"{BASE_URL}/year/2026{more.replace('&', '?')}"
    for wrong in ("", "1", "1-", "x-y", "0-a", f"1-{'a' * 161}", "1-a\0"):
        app.get("/year/2026", params={"from": wrong}, status=404)


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
