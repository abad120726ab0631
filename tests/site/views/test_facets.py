"""The pages of genres, people, distributors and services; of undated movies; about the site."""

import re
from datetime import date, timedelta
from html import unescape

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.movies.facet_queries import BLOCK
from moziweb.movies.models import (
    Credit,
    CreditRole,
    DatePrecision,
    Distributor,
    Movie,
    Person,
    Premiere,
)
from moziweb.services import services_of
from moziweb.site.page_cache.url_inventory import UrlInventory
from moziweb.site.views import undated
from tests.conftest import BASE_URL, QueryCounter
from tests.factories import (
    THURSDAY,
    add_genres,
    add_people,
    add_poster,
    make_movie,
    make_premiere,
    set_distributor,
)
from tests.site.cached import Movies, write
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


@pytest.mark.parametrize("slug", ["nincs", "x" * 41, "a b", "%00", "..", "1e999"])
def test_unknown_genre_is_404(demo_app: TestApp, slug: str) -> None:
    demo_app.get(f"/genre/{slug}", status=404)


@pytest.mark.parametrize("movies", [1, BLOCK + 1])
def test_genre_takes_six_queries_and_is_limited(
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
    assert len(shown) == min(movies, BLOCK)
    assert len(statements) == 6


def more_links(html: str) -> list[str]:
    """The links to further blocks of the page."""
    return [unescape(href) for href in re.findall(r'rel="next" href="([^"]+from=[^"]+)"', html)]


def test_every_premiere_of_a_genre_is_reached(app: TestApp, dbsession: Session) -> None:
    for number in range(BLOCK + 2):
        for day in (THURSDAY + number * WEEK, THURSDAY - (number + 1) * WEEK):
            movie = make_movie(dbsession)
            add_genres(dbsession, movie, "Dráma")
            make_premiere(dbsession, movie, day)
    dbsession.commit()
    first = app.get("/genre/drama")
    found = [card.href for card in cards(first.text)]
    later, earlier = more_links(first.text)
    for path in (later, earlier):
        page = app.get(path)
        assert "noindex" in page.text
        assert more_links(page.text) == []
        assert len(cards(page.text)) == 2
        assert 'href="/genre/drama"' in page.text
        found += [card.href for card in cards(page.text)]
    assert len(set(found)) == len(found) == 2 * (BLOCK + 2)


def test_position_that_does_not_exist_is_404(app: TestApp, dbsession: Session) -> None:
    movie = make_movie(dbsession)
    add_genres(dbsession, movie, "Dráma")
    premieres = [make_premiere(dbsession, movie, THURSDAY + number * WEEK) for number in (0, 1)]
    dbsession.commit()
    for wrong in (
        "", "x", "past", "past-", "past-1", "past-2026-02-30-1", "past-2026-08-20-0",
        "coming-2026-08-20", "past-2026-08-20-99999999999", "later-2026-08-20-1",
        "past-2026-08-20-1 ", "PAST-2026-08-20-1", "unannounced-2026-08-20-1", "unannounced-0",
    ):  # fmt: skip
        app.get("/genre/drama", params={"from": wrong}, status=404)
    second = f"from=coming-{premieres[1].date}-{premieres[1].id}"
    assert len(cards(app.get(f"/genre/drama?{second}").text)) == 1
    app.get(f"/genre/drama?{second}&{second}", status=404)


def test_position_stays_valid_when_its_premiere_moves(app: TestApp, dbsession: Session) -> None:
    """It redirects to the next premiere, or to the first block; so does one between rows."""
    titles = ("Első", "Második", "Harmadik")
    movies = [make_movie(dbsession, title) for title in titles]
    premieres = [
        make_premiere(dbsession, movie, THURSDAY + number * WEEK)
        for number, movie in enumerate(movies)
    ]
    for movie in movies:
        add_genres(dbsession, movie, "Dráma")
    dbsession.commit()

    def path(premiere: Premiere) -> str:
        return f"/en/genre/drama?from=coming-{premiere.date}-{premiere.id}"

    former = path(premieres[1])
    assert sections(app.get(former).text) == {"coming": ["Második", "Harmadik"]}
    premieres[1].date = THURSDAY + 5 * WEEK
    dbsession.commit()
    assert app.get(former, status=302).location == BASE_URL + path(premieres[2])
    assert sections(app.get(former).follow().text) == {"coming": ["Harmadik", "Második"]}
    beyond = "/en/genre/drama?from=coming-2199-01-01-1"
    assert app.get(beyond, status=302).location == f"{BASE_URL}/en/genre/drama"
    past = "/en/genre/drama?from=past-2026-01-01-1"
    assert app.get(past, status=302).location == f"{BASE_URL}/en/genre/drama"


def test_language_is_switched_at_the_same_position(app: TestApp, dbsession: Session) -> None:
    movie = make_movie(dbsession)
    add_genres(dbsession, movie, "Dráma")
    add_people(dbsession, movie, CreditRole.CAST, "Színész/Pincér")
    set_distributor(dbsession, movie, "Fórum")
    opening = make_premiere(dbsession, movie, service="MUBI")
    undated = make_movie(dbsession)
    dbsession.commit()
    person = dbsession.scalars(select(Person)).one()
    at = f"from=coming-{opening.date}-{opening.id}"
    for path in (
        f"/genre/drama?{at}", f"/service/mubi?{at}", f"/person/{person.id}-szinesz?{at}",
        f"/distributor/{movie.distributor_id}-forum?{at}", f"/undated?from={undated.id}",
    ):  # fmt: skip
        head = app.get(path).html
        assert head.select_one("a.language")["href"] == f"/en{path}"
        assert head.select_one("link[rel=canonical]")["href"] == BASE_URL + path
        assert app.get(f"/en{path}").html.select_one("a.language")["href"] == path


def test_person_has_the_movies_and_roles(app: TestApp, dbsession: Session) -> None:
    first, second, third = (make_movie(dbsession, title) for title in ("Első", "Második", "Sose"))
    add_people(dbsession, first, CreditRole.DIRECTOR, "Enyedi Ildikó")
    opening = make_premiere(dbsession, first)
    person = dbsession.scalars(select(Person)).one()
    for movie in (second, third):
        credit = Credit(movie_id=movie.id, person_id=person.id, role=CreditRole.CAST, position=0)
        dbsession.add(credit)
    make_premiere(dbsession, second, THURSDAY - WEEK, service="MUBI")
    dbsession.commit()
    path = f"/person/{person.id}-enyedi-ildiko"
    page = app.get(path)
    assert "<h1>Enyedi Ildikó</h1>" in page.text
    assert "Rendező, Színész" in page.text
    assert "Director, Actor" in app.get(f"/en{path}").text
    expected = {"coming": ["Első"], "past": ["Második"], "unannounced": ["Sose"]}
    assert sections(page.text) == expected
    for wrong in (f"/person/{person.id}", f"/person/{person.id}-other"):
        assert app.get(wrong, status=301).headers["Location"].endswith(path)
    make_premiere(dbsession, first, THURSDAY + WEEK)
    dbsession.commit()
    at = f"?from=coming-{opening.date}-{opening.id}"
    assert app.get(f"/person/{person.id}{at}", status=301).location.endswith(path + at)


def test_distributor_and_service_have_their_movies(app: TestApp, dbsession: Session) -> None:
    movie = make_movie(dbsession, "Film")
    set_distributor(dbsession, movie, "Fórum Hungary")
    make_premiere(dbsession, movie)
    make_premiere(dbsession, make_movie(dbsession, "Sorozat"), service="MUBI")
    dbsession.commit()
    distributor = dbsession.scalars(select(Distributor)).one()
    page = app.get(f"/distributor/{distributor.id}-forum-hungary")
    assert sections(page.text) == {"coming": ["Film"]}
    page = app.get("/service/mubi")
    assert sections(page.text) == {"coming": ["Sorozat"]}
    assert 'href="/services"' in page.text


def test_person_of_unpublished_movies_is_404(app: TestApp, dbsession: Session) -> None:
    hidden = make_movie(dbsession, published=False)
    add_people(dbsession, hidden, CreditRole.CAST, "Titkos Ember")
    set_distributor(dbsession, hidden, "Titkos Cég")
    dbsession.commit()
    person = dbsession.scalars(select(Person)).one()
    distributor = dbsession.scalars(select(Distributor)).one()
    for path in (f"/person/{person.id}", f"/distributor/{distributor.id}"):
        app.get(path, status=404)


@pytest.mark.parametrize("path", ["/person/0", "/person/x", "/distributor/9-a", "/service/nincs"])
def test_unknown_facet_is_404(demo_app: TestApp, path: str) -> None:
    demo_app.get(path, status=404)


def test_movie_links_to_its_facets(app: TestApp, dbsession: Session) -> None:
    movie = make_movie(dbsession, "Film")
    add_genres(dbsession, movie, "Dráma")
    add_people(dbsession, movie, CreditRole.DIRECTOR, "Tarr Béla")
    add_people(dbsession, movie, CreditRole.CAST, "B. Miklós/Szerep")
    set_distributor(dbsession, movie, "Fórum")
    make_premiere(dbsession, movie, service="MUBI")
    dbsession.commit()
    page = app.get(f"/movie/{movie.id}-{movie.slug}").text
    links = re.findall(r'href="(/(?:person|distributor|service|genre)/[^"]+)"', page)
    assert {path.split("/")[1] for path in links} == {"person", "distributor", "service", "genre"}
    for path in links:
        assert cards(app.get(path).text)[0].title == "Film"


def test_undated_page_without_movies_says_so(app: TestApp, dbsession: Session) -> None:
    make_premiere(dbsession, make_movie(dbsession))
    dbsession.commit()
    assert cards(app.get("/undated").text) == []
    assert "Every film that we know of has a date." in app.get("/en/undated").text


def test_every_undated_movie_is_reached(
    app: TestApp, dbsession: Session, query_counter: QueryCounter
) -> None:
    """Those with a year first, in blocks; the inventory has each block."""
    movies = [make_movie(dbsession) for _ in range(2 * BLOCK + 1)]
    for movie in movies[: BLOCK + 2]:
        add_poster(dbsession, movie)
        make_premiere(dbsession, movie, date(2031, 1, 1), precision=DatePrecision.YEAR)
    dbsession.commit()
    found: list[str] = []
    numbers, paths = [], ["/en/undated"]
    while True:
        with query_counter(services_of(app.app.registry).database.engine) as statements:
            page = app.get(paths[-1])
        assert len(statements) == 3
        assert ("noindex" in page.text) == (len(paths) > 1) == ('class="kicker"' in page.text)
        numbers.append(len(cards(page.text)))
        found += [card.href for card in cards(page.text)]
        if not (links := more_links(page.text)):
            break
        paths += links
    assert numbers == [BLOCK, BLOCK, 1]
    assert len(set(found)) == len(found) == len(movies)
    inventory = [url.path for url in UrlInventory.of(app.app.registry)]
    assert [path for path in inventory if path.startswith("/en/undated")] == paths


def test_undated_position_stays_valid(app: TestApp, dbsession: Session) -> None:
    """Also if its movie gets a day: then it redirects to the next movie."""
    first, second, third = (make_movie(dbsession) for _ in range(3))
    year = make_premiere(dbsession, third, date(2031, 1, 1), precision=DatePrecision.YEAR)
    dbsession.commit()

    def shown(path: str) -> list[str]:
        return [card.href for card in cards(app.get(path).maybe_follow().text)]

    def paths_of(*movies: Movie) -> list[str]:
        return [f"/movie/{each.id}-{each.slug}" for each in movies]

    assert shown(f"/undated?from=2031-01-01-{third.id}") == paths_of(third, second, first)
    assert shown(f"/undated?from={second.id}") == paths_of(second, first)
    year.precision = DatePrecision.DAY
    make_premiere(dbsession, second)
    dbsession.commit()
    for former in (f"2031-01-01-{third.id}", str(second.id), str(2**31 - 1)):
        found = app.get(f"/undated?from={former}", status=302)
        assert found.location == f"{BASE_URL}/undated?from={first.id}", former
    make_premiere(dbsession, first)
    dbsession.commit()
    assert app.get(f"/undated?from={first.id}", status=302).location == f"{BASE_URL}/undated"


def test_undated_position_that_does_not_exist_is_404(app: TestApp, dbsession: Session) -> None:
    movie = make_movie(dbsession)
    dbsession.commit()
    for wrong in ("", "x", "0", "01", "2031-01-01", "2031-13-01-1", str(2**70)):
        app.get("/undated", params={"from": wrong}, status=404)
    app.get(f"/undated?from={movie.id}&from={movie.id}", status=404)


def test_cached_link_to_the_next_block_follows_its_movie(
    cached: TestApp, movies: Movies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The movie that it leads to is not on the page."""
    added: list[int] = []
    write(cached, lambda session: added.extend(make_movie(session).id for _ in range(2)))
    monkeypatch.setattr(undated, "BLOCK", 1)

    def link() -> str:
        return str(cached.get("/undated").html.select_one("a[rel=next]")["href"])

    assert link() == link() == f"/undated?from={added[0]}"
    write(cached, lambda session: make_premiere(session, session.get_one(Movie, added[0])))
    assert link() == f"/undated?from={movies.undated}"


def test_about_page_exists(app: TestApp) -> None:
    assert "CC0" in app.get("/about").text
    assert "CC0" in app.get("/en/about").text
