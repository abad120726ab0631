"""The pages of genres, of undated movies, and about the site."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.services import services_of
from moziweb.site.views.genre import SHOWN_PER_SECTION
from tests.conftest import QueryCounter
from tests.factories import THURSDAY, add_genres, add_poster, make_movie, make_premiere
from tests.site.scraper import cards
from tests.site.views.test_index import sections

WEEK = timedelta(weeks=1)


def test_genre_lists_future_then_past_premieres(app: TestApp, dbsession: Session) -> None:
    for shift in (-2, -1, 0, 1):
        movie = make_movie(dbsession, f"week {shift}")
        add_genres(dbsession, movie, "Vígjáték/Comedy")
        make_premiere(dbsession, movie, THURSDAY + shift * WEEK)
    make_premiere(dbsession, make_movie(dbsession, "other"))
    dbsession.commit()
    page = app.get("/genre/vigjatek")
    assert "<h1>Vígjáték</h1>" in page.text
    assert sections(page.text) == {"coming": ["week 0", "week 1"], "past": ["week -1", "week -2"]}
    assert "<h1>Comedy</h1>" in app.get("/en/genre/vigjatek").text


@pytest.mark.parametrize("slug", ["nincs", "Vigjatek", "x" * 41, "a b", "%00", "..", "1e999"])
def test_unknown_genre_is_404(app: TestApp, slug: str) -> None:
    app.get(f"/genre/{slug}", status=404)


@pytest.mark.parametrize("movies", [1, SHOWN_PER_SECTION + 1])
def test_genre_takes_five_queries_and_is_limited(
    app: TestApp, dbsession: Session, query_counter: QueryCounter, movies: int
) -> None:
    for _ in range(movies):
        movie = make_movie(dbsession)
        add_genres(dbsession, movie, "Dráma")
        add_poster(dbsession, movie)
        make_premiere(dbsession, movie)
    dbsession.commit()
    with query_counter(services_of(app.app.registry).database.engine) as statements:
        shown = cards(app.get("/genre/drama").text)
    assert len(shown) == min(movies, SHOWN_PER_SECTION)
    assert len(statements) == 5


def test_undated_page_without_movies_says_so(app: TestApp, dbsession: Session) -> None:
    make_premiere(dbsession, make_movie(dbsession))
    dbsession.commit()
    assert cards(app.get("/undated").text) == []
    assert "Every film that we know of has a date." in app.get("/en/undated").text


def test_about_page_exists(app: TestApp) -> None:
    assert "CC0" in app.get("/about").text
    assert "CC0" in app.get("/en/about").text
