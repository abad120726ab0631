"""The page of a watchlist, without scripts: the movies of its URL."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.movies.models import DatePrecision
from moziweb.services import services_of
from tests.conftest import BASE_URL, NOW, QueryCounter
from tests.factories import THURSDAY, make_movie, make_premiere, move_premiere
from tests.site.cached import Movies
from tests.site.scraper import cards


@pytest.fixture
def ids(dbsession: Session) -> list[int]:
    """Movies in an order that is not that of their premieres."""
    later, past, undated, moved, year = (
        make_movie(dbsession, title) for title in ("Később", "Régen", "Egyszer", "Elmarad", "Évben")
    )
    put_off = make_premiere(dbsession, later, THURSDAY + timedelta(weeks=8))
    move_premiere(dbsession, put_off, THURSDAY + timedelta(weeks=9), at=NOW)
    make_premiere(dbsession, past, THURSDAY - timedelta(weeks=9))
    make_premiere(dbsession, moved, THURSDAY + timedelta(weeks=1), cancelled_at=NOW)
    make_premiere(dbsession, year, THURSDAY.replace(month=1, day=1), precision=DatePrecision.YEAR)
    hidden = make_movie(dbsession, "Rejtett", published=False)
    dbsession.commit()
    return [each.id for each in (later, past, undated, moved, year, hidden)]


def test_reads_of_a_list_are_not_recorded(cached: TestApp, movies: Movies) -> None:
    """Their times would say when one person looks at the calendar."""
    services = services_of(cached.app.registry)
    listed = [
        f"{path}?m={ids}"
        for path in ("/watchlist", "/en/watchlist", "/my.ics")
        for ids in (f"{movies.here}", f"{movies.ahead}.{movies.here}", "x", "")
    ]
    for path in (*listed, "/premieres.ics", "/watchlist") * 2:
        cached.get(path, status="*")
    _bits, reads, left_out = services.cache_reads.take()
    assert len(reads["feeds"]) == 2
    assert len(reads["pages"]) == 2
    assert (left_out["pages"], left_out["feeds"]) == (4, 2), "the others are negative entries"
    assert left_out["fragments"] >= 1, "templates of pages"


def path_of(ids: list[int]) -> str:
    return f"/watchlist?m={'.'.join(map(str, sorted(ids)))}"


def test_movies_are_sorted_by_their_premieres(app: TestApp, ids: list[int]) -> None:
    page = app.get(path_of(ids))
    shown = cards(page.text)
    for flag, title in (("flag-cancelled", "Elmarad"), ("flag-moved", "Később")):
        assert [card.title for card in shown if flag in card.body] == [title]
    titles = [card.title for card in shown]
    assert titles == ["Évben", "Elmarad", "Később", "Egyszer", "Régen"]
    assert [each["id"] for each in page.html.select(".shelf")] == ["coming", "unannounced", "past"]
    assert page.text.index('id="past"') < page.text.index("watchlist-tools"), "films come first"
    assert "noindex" in page.text
    query = path_of(ids).partition("?")[2]
    assert f'href="/en/watchlist?{query}"' in page.text
    assert f"{BASE_URL}/my.ics?{query}" in page.text
    assert f"webcal:{BASE_URL.partition(':')[2]}/my.ics?{query}" in page.text


def test_ids_have_one_order(app: TestApp, ids: list[int]) -> None:
    moved = app.get(f"/en/watchlist?m={ids[1]}.{ids[0]}.{ids[1]}", status=301)
    assert moved.location == f"{BASE_URL}/en/watchlist?m={ids[0]}.{ids[1]}"
    assert app.get("/watchlist?m=", status=301).location == f"{BASE_URL}/watchlist"
    assert "m=x" in app.get("/watchlist?m=x", status=404).text


def test_list_without_movies(app: TestApp, ids: list[int]) -> None:
    page = app.get("/watchlist")
    assert "JavaScript" in page.html.find("noscript").text
    assert not cards(page.text)
    gone = app.get(f"/watchlist?m={ids[-1]}")
    assert "egyik film sincs műsoron" in gone.text


def test_number_of_queries(app: TestApp, ids: list[int], query_counter: QueryCounter) -> None:
    with query_counter(services_of(app.app.registry).database.engine) as statements:
        app.get(path_of(ids))
    assert len(statements) == 4
    with query_counter(services_of(app.app.registry).database.engine) as statements:
        app.get("/watchlist")
    assert not statements


def test_movie_page_says_that_the_list_needs_scripts(app: TestApp, ids: list[int]) -> None:
    page = app.get(f"/movie/{ids[0]}", status=301).follow().html
    assert "JavaScript" in page.find("noscript").text
    assert page.find("button", attrs={"data-movie": str(ids[0])})
