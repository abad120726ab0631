"""The pages of weeks and months, and /jump."""

import re
from datetime import date, timedelta

import pytest
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.movies.models import DatePrecision
from moziweb.services import services_of
from tests.conftest import BASE_URL, QueryCounter
from tests.factories import THURSDAY, add_genres, add_poster, make_movie, make_premiere
from tests.site.scraper import cards
from tests.site.views.test_index import sections

WEEK = timedelta(weeks=1)


def titles(app: TestApp, path: str) -> list[str]:
    return [card.title for card in cards(app.get(path).text)]


def test_week_lists_cinemas_then_streaming(app: TestApp, dbsession: Session) -> None:
    make_premiere(dbsession, make_movie(dbsession, "stream"), THURSDAY, service="MUBI")
    make_premiere(dbsession, make_movie(dbsession, "cinema"), THURSDAY + timedelta(days=6))
    make_premiere(dbsession, make_movie(dbsession, "before"), THURSDAY - timedelta(days=1))
    make_premiere(dbsession, make_movie(dbsession, "after"), THURSDAY + WEEK)
    dbsession.commit()
    page = app.get("/week/2026-W34")
    assert sections(page.text) == {"cinema": ["cinema"], "streaming": ["stream"]}
    assert "2026. aug. 20–26." in page.text
    assert "20–26 Aug 2026" in app.get("/en/week/2026-W34").text


def test_month_lists_weeks_then_unknown_days(app: TestApp, dbsession: Session) -> None:
    for title, day in (
        ("first", date(2026, 8, 1)),
        ("last", date(2026, 8, 31)),
        ("july", date(2026, 7, 31)),
        ("september", date(2026, 9, 1)),
    ):
        make_premiere(dbsession, make_movie(dbsession, title), day)
    for title, precision in (("some day", DatePrecision.MONTH), ("some year", DatePrecision.YEAR)):
        movie = make_movie(dbsession, title)
        make_premiere(dbsession, movie, date(2026, 8, 1), precision=precision)
    dbsession.commit()
    page = app.get("/month/2026-08")
    assert titles(app, "/month/2026-08") == ["first", "last", "some day"]
    assert re.findall(r'<section class="shelf[^"]*" id="([^"]+)"', page.text) == [
        "week-2026-W31",
        "week-2026-W35",
        "day-unknown",
    ]


def test_empty_period_links_to_nearest_filled_ones(app: TestApp, dbsession: Session) -> None:
    for shift in (-5, 9):
        make_premiere(dbsession, make_movie(dbsession), THURSDAY + shift * WEEK)
    dbsession.commit()
    week = app.get("/week/2026-W34")
    assert cards(week.text) == []
    assert cards(week.click(href="^/week/2026-W29$").text)
    assert cards(week.click(href="^/week/2026-W43$").text)
    month = app.get("/en/month/2026-09")
    links = re.search(r'<ul class="ways-out">.*?</ul>', month.text, re.DOTALL)
    assert links
    assert re.findall('href="([^"]+)"', links[0]) == ["/en/month/2026-10", "/en/month/2026-07"]


def test_empty_calendar_links_to_no_filled_period(app: TestApp) -> None:
    assert "ways-out" not in app.get("/week/2026-W34").text


def test_crawl_of_the_calendar_ends(app: TestApp, dbsession: Session) -> None:
    """The calendar has 39,000 pages of weeks and months, but three premieres.

    Crawlers do not follow links with `nofollow`, which lead to filtered pages.
    """
    for shift in (0, 3, 12):
        make_premiere(dbsession, make_movie(dbsession), THURSDAY + shift * WEEK)
    dbsession.commit()
    far = "/week/2150-W03"  # an external link
    found, ahead = {"/", far}, ["/", far]
    while ahead:
        html = app.get(ahead.pop()).text
        followed = r'href="(/(?:week|month)/[^"]+)"(?! rel="nofollow")'
        new = set(re.findall(followed, html)) - found
        found |= new
        ahead += new
    weeks, months = sorted(f for f in found if "W" in f), sorted(f for f in found if "month" in f)
    # One week beyond the premieres, and the months in the navigation.
    assert (weeks[0], *weeks[-2:], len(weeks)) == ("/week/2026-W33", "/week/2026-W47", far, 16)
    assert (months[0], months[-2], len(months)) == ("/month/2026-05", "/month/2027-07", 16)
    assert months[-1] == "/month/2150-01"


def test_empty_period_is_noindex(app: TestApp, dbsession: Session) -> None:
    make_premiere(dbsession, make_movie(dbsession), THURSDAY)
    dbsession.commit()
    robots = {
        path: app.get(path).html.find("meta", {"name": "robots"})["content"]
        for path in ("/week/2026-W34", "/week/2026-W35", "/month/2026-08", "/en/month/2150-01")
    }
    assert list(robots.values()) == ["index, follow", "noindex", "index, follow", "noindex"]


def test_ends_of_the_calendar_have_one_neighbour(app: TestApp, dbsession: Session) -> None:
    for day in (date(1895, 1, 31), date(2200, 12, 1)):
        make_premiere(dbsession, make_movie(dbsession), day)
    dbsession.commit()
    first, last = app.get("/month/1895-01").text, app.get("/month/2200-12").text
    assert 'href="/month/1895-02"' in first
    assert "1894" not in first
    assert 'href="/month/2200-11"' in last
    assert "2201" not in last


@pytest.mark.parametrize(
    ("day", "week"),
    [("2026-08-13", "2026-W33"), ("2026-08-19", "2026-W33"), ("2027-01-01", "2026-W53")],
)
def test_jump_redirects_to_the_week_of_a_date(demo_app: TestApp, day: str, week: str) -> None:
    assert demo_app.get("/jump", {"date": day}).location == f"{BASE_URL}/week/{week}"
    assert demo_app.get("/en/jump", {"date": day}).location == f"{BASE_URL}/en/week/{week}"


def test_week_page_has_jump_form(app: TestApp) -> None:
    form = app.get("/en/week/2026-W34").forms[0]
    assert form["date"].value == "2026-08-20"
    form["date"] = "2026-12-24"
    assert form.submit().location == f"{BASE_URL}/en/week/2026-W52"


def test_jump_keeps_the_filters(app: TestApp, dbsession: Session) -> None:
    movie = make_movie(dbsession)
    add_genres(dbsession, movie, "Dráma/Drama")
    dbsession.commit()
    for path in ("/en/", "/en/week/2026-W34", "/en/month/2026-08", "/en/year/2026"):
        form = app.get(f"{path}?genre=drama&kind=cinema").forms[0]
        form["date"] = "2026-12-24"
        found = form.submit()
        assert found.location == f"{BASE_URL}/en/week/2026-W52?genre=drama&kind=cinema", path
        assert found.follow().status_int == 200
    plain = app.get("/jump?date=2026-12-24&kind=&q=x")
    assert plain.location == f"{BASE_URL}/week/2026-W52"


@pytest.mark.parametrize(
    "query", ["", "?date=", "?date=x", "?date=2026-02-30", "?date=1800-05-05", "?date=%ff", "?%ff"]
)
def test_jump_to_invalid_date_is_400(demo_app: TestApp, query: str) -> None:
    demo_app.get(f"/jump{query}", status=400)


@pytest.mark.parametrize("path", ["/week/2026-W34", "/month/2026-08"])
@pytest.mark.parametrize("movies", [0, 1, 40])
def test_period_takes_at_most_five_queries(
    app: TestApp, dbsession: Session, query_counter: QueryCounter, path: str, movies: int
) -> None:
    for _ in range(movies):
        movie = make_movie(dbsession)
        add_genres(dbsession, movie, "Dráma", "Krimi")
        add_poster(dbsession, movie)
        make_premiere(dbsession, movie)
    dbsession.commit()
    with query_counter(services_of(app.app.registry).database.engine) as statements:
        assert len(titles(app, path)) == movies
    assert len(statements) == (5 if movies else 4)
