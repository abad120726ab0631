"""The search page."""

import random
import re
from collections.abc import Callable, Iterator
from string import ascii_lowercase
from urllib.parse import quote

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.movies.models import CreditRole, Movie
from moziweb.movies.text_folding import fold
from moziweb.services import services_of
from moziweb.site.views.search import PAGE_SIZE
from tests.conftest import QueryCounter
from tests.factories import THURSDAY, add_people, add_poster, make_movie, make_premiere
from tests.site.cached import CACHED, site
from tests.site.scraper import cards


def titles(app: TestApp, query: str, prefix: str = "") -> list[str]:
    return [card.title for card in cards(app.get(f"{prefix}/search?q={quote(query)}").text)]


def test_movie_is_found_in_both_languages(app: TestApp, dbsession: Session) -> None:
    movie = make_movie(dbsession, "Az ötödik elem", original_title="The Fifth Element")
    make_premiere(dbsession, movie, THURSDAY)
    dbsession.commit()
    assert titles(app, "OTODIK") == ["Az ötödik elem"]
    assert titles(app, "ötödik", "/en") == ["The Fifth Element"]
    page = app.get("/search?q=fifth")
    assert "2026. augusztus 20." in page.text
    assert page.html.find("input", type="search")["value"] == "fifth"
    assert page.html.find("meta", attrs={"name": "robots"})["content"] == "noindex"
    assert page.html.find("link", rel="canonical")["href"].endswith("/search")


def test_without_query_only_the_form_is_shown(app: TestApp) -> None:
    for path in ("/search", "/search?q=", "/search?q=%20%20", "/en/search?q=..."):
        page = app.get(path)
        assert page.html.find("form", action=lambda to: to.endswith("/search"))
        assert not cards(page.text)
    assert app.get("/search").html.find("meta", attrs={"name": "robots"})["content"] != "noindex"
    assert "Nincs találat" not in app.get("/search").text


def test_no_results_message_escapes_the_query(app: TestApp) -> None:
    page = app.get("/search?q=" + quote("<script>alert(1)</script>"))
    assert "Nincs találat" in page.text
    assert "<script>alert" not in page.text


def test_misspelt_query_shows_similar_movies(app: TestApp, dbsession: Session) -> None:
    make_movie(dbsession, "Macskafogó")
    dbsession.commit()
    assert titles(app, "macskafgó") == ["Macskafogó"]
    assert "ezek hasonlítanak rá" in app.get("/search?q=macskafgo").text
    assert "ezek hasonlítanak rá" not in app.get("/search?q=macskafogo").text


def test_guess_is_above_titles_with_the_query_inside_a_word(
    app: TestApp, dbsession: Session
) -> None:
    for title in ("Mohikánok", "Hick", "Férfi"):
        make_movie(dbsession, title)
    add_people(dbsession, make_movie(dbsession, "Hajnal"), CreditRole.CAST, "Robert Hikmet Hico")
    dbsession.commit()
    assert titles(app, "hik") == ["Hick", "Mohikánok", "Hajnal"]
    assert "Hasonló találatok" in app.get("/search?q=hik").text
    # A name is no slip, and a word that begins with the query is likelier than one.
    assert titles(app, "hico") == ["Hajnal", "Hick"]
    make_movie(dbsession, "A nagy hikori")
    dbsession.commit()
    assert titles(app, "hik") == ["A nagy hikori", "Mohikánok", "Hajnal", "Hick"]
    assert titles(app, "hick") == ["Hick"]


def _transposed(title: str, chance: random.Random) -> str:
    pairs = [i for i in range(len(title) - 1) if fold(title[i]) != fold(title[i + 1])]
    place = chance.choice(pairs)
    return title[:place] + title[place + 1] + title[place] + title[place + 2 :]


def _replaced(title: str, chance: random.Random) -> str:
    place = chance.randrange(len(title))
    other = chance.choice([each for each in ascii_lowercase if each != fold(title[place])])
    return title[:place] + other + title[place + 1 :]


def _deleted(title: str, chance: random.Random) -> str:
    place = chance.randrange(len(title))
    return title[:place] + title[place + 1 :]


def _titles_of_section(page: str, key: str) -> list[str]:
    section = re.search(rf'<section [^>]*id="{key}".*?</section>', page, re.DOTALL)
    return [card.title for card in cards(section[0])] if section else []


@pytest.mark.parametrize("slip", [_transposed, _replaced, _deleted])
def test_slips_in_short_titles_of_the_demo_find_the_movie(
    demo_app: TestApp, demo_session: Session, slip: Callable[[str, random.Random], str]
) -> None:
    """Of 30 titles of 4-6 letters at least 28 are found, above any other guess."""
    chance = random.Random(2026)
    every = demo_session.scalars(select(Movie.title).order_by(Movie.title)).all()
    short = [each for each in every if 4 <= len(each) <= 6 and fold(each).isalpha()]
    missed = {}
    for title in chance.sample(short, 30):
        typed = slip(title, chance)
        page = demo_app.get(f"/search?q={quote(typed)}").text
        exact, similar = (_titles_of_section(page, key) for key in ("found", "similar"))
        if title not in exact and similar[:1] != [title]:
            missed[title] = typed
    assert len(missed) <= 2, missed


def test_next_page_of_results_is_linked(app: TestApp, dbsession: Session) -> None:
    for number in range(PAGE_SIZE + 3):
        make_movie(dbsession, f"Dűne & homok {number}")
    dbsession.commit()
    first = app.get("/search?q=" + quote("dűne & homok"))
    link = first.html.find("a", rel="next")
    second = app.get(link["href"])
    shown = [card.title for page in (first, second) for card in cards(page.text)]
    assert len(shown) == len(set(shown)) == PAGE_SIZE + 3
    assert second.html.find("a", rel="next") is None


@pytest.mark.parametrize(
    "query",
    ["q=%ff", "q=a&after=x", "q=a&after=1-" + "9" * 40, "after=%00-1", "q=a&after=1-2147483648"],
)
def test_invalid_cursor_is_400(demo_app: TestApp, query: str) -> None:
    demo_app.get(f"/search?{query}", status=400)


@pytest.mark.parametrize("text", ["%00", "a" * 5000, "%25_\\", "'; DROP", "𝔐", "ﷺ" * 100, "\t\n"])
def test_odd_queries_are_200(demo_app: TestApp, text: str) -> None:
    demo_app.get("/search?q=" + (text if text == "%00" else quote(text)), status=200)


@pytest.mark.parametrize("movies", [1, 20])
def test_search_takes_five_queries(
    app: TestApp, dbsession: Session, query_counter: QueryCounter, movies: int
) -> None:
    for number in range(movies):
        movie = make_movie(dbsession, f"Dűne {number}")
        add_poster(dbsession, movie)
        make_premiere(dbsession, movie)
    dbsession.commit()
    with query_counter(services_of(app.app.registry).database.engine) as statements:
        app.get("/search?q=dune")
    assert len(statements) == 5


@pytest.fixture
def cached(settings: dict[str, str]) -> Iterator[TestApp]:
    with site(settings | CACHED) as app:
        yield app


def test_search_is_not_cached(cached: TestApp, dbsession: Session) -> None:
    make_movie(dbsession, "Dűne")
    dbsession.commit()
    for query in ("dune", "dune", "dune x"):
        assert "X-Cache" not in cached.get(f"/search?q={query}").headers


def test_every_page_links_search(app: TestApp) -> None:
    for path, url in (("/", "/search"), ("/en/about", "/en/search")):
        assert app.get(path).html.find(class_="to-search")["href"] == url
