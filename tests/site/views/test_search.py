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

from moziweb.movies import search_queries
from moziweb.movies.models import CreditRole, Movie
from moziweb.movies.search_queries import MAX_PEOPLE
from moziweb.movies.search_results import PAGE_SIZE
from moziweb.movies.text_folding import fold
from moziweb.services import services_of
from moziweb.site.views import search as views
from moziweb.site.views.search import SUGGESTED_MOVIES
from tests.conftest import QueryCounter
from tests.factories import (
    THURSDAY,
    add_people,
    add_poster,
    make_movie,
    make_premiere,
    set_distributor,
)
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


def test_language_switch_keeps_the_query(app: TestApp, dbsession: Session) -> None:
    make_movie(dbsession, "Az ötödik elem", original_title="The Fifth Element")
    dbsession.commit()
    for prefix, href in (("", "/en/search"), ("/en", "/search")):
        page = app.get(f"{prefix}/search?q={quote('ötödik & elem')}")
        link = page.html.find("a", class_="language")["href"]
        assert link == f"{href}?q=%C3%B6t%C3%B6dik+%26+elem"
        assert app.get(link).html.find("input", type="search")["value"] == "ötödik & elem"
    assert app.get("/search").html.find("a", class_="language")["href"] == "/en/search"
    further = app.get("/search?q=elem&after=0-9").html.find("a", class_="language")["href"]
    assert further == "/en/search?q=elem&after=0-9"


def test_page_says_how_many_films_were_found(app: TestApp, dbsession: Session) -> None:
    for number in range(PAGE_SIZE + 3):
        make_movie(dbsession, f"Dűne {number}", original_title=f"Dune {number}")
    dbsession.commit()

    def said(path: str) -> str:
        return str(app.get(path).html.main.find(role="status").text).strip()

    first = app.get("/search?q=dune")
    assert said("/search?q=dune") == f"{PAGE_SIZE + 3} film"
    assert said(first.html.find("a", rel="next")["href"]) == f"{PAGE_SIZE + 3} film"
    assert said("/en/search?q=dune") == f"{PAGE_SIZE + 3} films"
    assert said("/en/search?q=dune+30") == "1 film"


def test_large_number_is_not_counted_to_its_end(
    app: TestApp, dbsession: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (search_queries, views):
        monkeypatch.setattr(module, "MAX_COUNTED", PAGE_SIZE + 1)
    for number in range(PAGE_SIZE + 3):
        make_movie(dbsession, f"Dűne {number}")
    dbsession.commit()
    assert f"Több mint {PAGE_SIZE + 1} film" in app.get("/search?q=dune").text


def test_people_distributors_and_services_are_found(app: TestApp, dbsession: Session) -> None:
    movie = make_movie(dbsession, "Hajnal")
    add_people(dbsession, movie, CreditRole.CAST, "Törőcsik Mari", "Mari Törőcsik-Nagy")
    add_people(dbsession, make_movie(dbsession, "Titok", published=False), CreditRole.CAST,
               "Törőcsik Titkos")  # fmt: skip
    set_distributor(dbsession, movie, "Törőcsik Film")
    make_premiere(dbsession, movie, service="Törőcsik TV")
    dbsession.commit()
    page = app.get("/search?q=torocsik")
    section = page.html.find(class_="found-names")
    links = [(each["href"], each.span.text) for each in section.find_all("a")]
    assert [kind for _href, kind in links] == ["Alkotó", "Alkotó", "Forgalmazó", "Streaming"]
    for href, _kind in links:
        app.get(href, status=200)
    html = page.text
    assert html.index("found-names") < html.index('id="found"')  # no title has the word
    assert "found-names" not in app.get("/search?q=hajnal").text
    assert "found-names" not in app.get("/search?q=torocsik&after=0-1").text


def test_first_people_are_shown_and_the_page_says_so(app: TestApp, dbsession: Session) -> None:
    movie = make_movie(dbsession, "Hajnal")
    people = [f"Törőcsik {number}" for number in range(MAX_PEOPLE)]
    add_people(dbsession, movie, CreditRole.CAST, *people)
    set_distributor(dbsession, movie, "Törőcsik Film")
    dbsession.commit()
    section = app.get("/search?q=torocsik").html.find(class_="found-names")
    assert len(section.find_all("a")) == MAX_PEOPLE + 1
    assert section.find("p") is None
    add_people(dbsession, movie, CreditRole.DIRECTOR, "Törőcsik Utolsó")
    dbsession.commit()
    for prefix, text in (("", "Az első 30 alkotó."), ("/en", "The first 30 people.")):
        section = app.get(f"{prefix}/search?q=torocsik").html.find(class_="found-names")
        assert len(section.find_all("a")) == MAX_PEOPLE + 1
        assert section.p.text == text


def test_only_names_found_are_no_films(app: TestApp, dbsession: Session) -> None:
    make_premiere(dbsession, make_movie(dbsession, "Hajnal"), service="MUBI")
    dbsession.commit()
    page = app.get("/en/search?q=mubi").html
    assert [each.text for each in page.select(".found-names a")] == ["MUBI Streaming"]
    assert page.find(class_="found-note") is None
    assert app.get("/en/search?q=hajnal").html.find(class_="found-note").text.strip() == "1 film"


def test_headings_are_no_status(app: TestApp) -> None:
    """A role replaces the one of the heading."""
    for path in ("/search?q=zzyzx", "/search?q=", "/en/search?q=zzyzx"):
        page = app.get(path).html
        assert not [each for each in page.find_all(["h1", "h2", "h3"]) if each.get("role")]
    assert "zzyzx" in app.get("/search?q=zzyzx").html.main.find("p", role="status").text


def suggested(app: TestApp, query: str, prefix: str = "") -> list[tuple[str, str]]:
    answer = app.get(f"{prefix}/suggest?q={quote(query)}").json
    return [(each["text"], each["note"]) for each in answer["items"]]


def test_suggestions_are_the_best_results(app: TestApp, dbsession: Session) -> None:
    for number in range(SUGGESTED_MOVIES + 2):
        make_movie(dbsession, f"A dűne {number}")
    dune = make_movie(dbsession, "Dűne", original_title="Dune")
    make_premiere(dbsession, dune, THURSDAY)
    add_people(dbsession, dune, CreditRole.CAST, "Dűne Péter")
    dbsession.commit()
    found = suggested(app, "dun")
    assert found[:2] == [("Dűne", "2026. augusztus 20."), ("A dűne 7", "")]
    assert len(found) == SUGGESTED_MOVIES + 1
    assert suggested(app, "dűne")[0] == ("Dűne", "2026. augusztus 20.")
    assert suggested(app, "dűne", "/en")[0] == ("Dune", "20 August 2026")
    assert suggested(app, "dűne")[-1] == ("Dűne Péter", "Alkotó")
    assert suggested(app, "pet") == [("Dűne Péter", "Alkotó"), ("Dűne", "2026. augusztus 20.")]
    answer = app.get("/en/suggest?q=pet").json
    assert answer["status"] == "2 suggestions"
    for each in answer["items"]:
        assert each["href"].startswith("/en/")
        app.get(each["href"], status=200)


def test_misspelt_title_is_suggested(app: TestApp, dbsession: Session) -> None:
    make_movie(dbsession, "Avatar")
    dbsession.commit()
    assert suggested(app, "avtaar") == [("Avatar", "")]


@pytest.mark.parametrize("query", ["", " ", "..", "zzyzx"])
def test_nothing_to_suggest_is_said(app: TestApp, query: str) -> None:
    answer = app.get(f"/suggest?q={quote(query)}")
    assert answer.json == {"status": "Nincs javaslat", "items": []}


def test_suggestions_take_four_queries(
    app: TestApp, dbsession: Session, query_counter: QueryCounter
) -> None:
    movie = make_movie(dbsession, "Dűne")
    make_premiere(dbsession, movie)
    dbsession.commit()
    with query_counter(services_of(app.app.registry).database.engine) as statements:
        app.get("/suggest?q=dune")
    assert len(statements) == 4


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
    demo_app.get(f"/suggest?{query}", status=400)


@pytest.mark.parametrize("text", ["%00", "a" * 5000, "%25_\\", "'; DROP", "𝔐", "ﷺ" * 100, "\t\n"])
def test_odd_queries_are_200(demo_app: TestApp, text: str) -> None:
    query = text if text == "%00" else quote(text)
    demo_app.get(f"/search?q={query}", status=200)
    demo_app.get(f"/suggest?q={query}", status=200)


@pytest.mark.parametrize("movies", [1, 20])
def test_search_takes_six_queries(
    app: TestApp, dbsession: Session, query_counter: QueryCounter, movies: int
) -> None:
    for number in range(movies):
        movie = make_movie(dbsession, f"Dűne {number}")
        add_poster(dbsession, movie)
        make_premiere(dbsession, movie)
    dbsession.commit()
    with query_counter(services_of(app.app.registry).database.engine) as statements:
        app.get("/search?q=dune")
    assert len(statements) == 6


@pytest.fixture
def cached(settings: dict[str, str]) -> Iterator[TestApp]:
    with site(settings | CACHED) as app:
        yield app


def test_pages_of_the_search_are_not_cached(cached: TestApp, dbsession: Session) -> None:
    make_movie(dbsession, "Dűne")
    dbsession.commit()
    for query in ("dune", "dune", "dune x"):
        assert "X-Cache" not in cached.get(f"/search?q={query}").headers
        assert "X-Cache" not in cached.get(f"/suggest?q={query}").headers


def test_every_page_links_search(app: TestApp) -> None:
    for path, url in (("/", "/search"), ("/en/about", "/en/search")):
        assert app.get(path).html.find(class_="to-search")["href"] == url
