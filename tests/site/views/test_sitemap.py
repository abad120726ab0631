"""Site maps and their index."""

from datetime import UTC, date, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.movies.models import (
    Credit,
    CreditRole,
    DatePrecision,
    Distributor,
    Movie,
    Person,
)
from moziweb.services import services_of
from moziweb.site.feeds import SITEMAP_BLOCK
from moziweb.site.views import sitemap
from tests.conftest import BASE_URL, QueryCounter
from tests.factories import (
    THURSDAY,
    add_genres,
    add_people,
    make_movie,
    make_premiere,
    set_distributor,
)

NAMES = {"s": "http://www.sitemaps.org/schemas/sitemap/0.9", "x": "http://www.w3.org/1999/xhtml"}


def maps(app: TestApp) -> list[str]:
    """The paths of the site maps in the index, which robots.txt refers to."""
    (named,) = [
        line.removeprefix("Sitemap: ")
        for line in app.get("/robots.txt").text.splitlines()
        if line.startswith("Sitemap: ")
    ]
    root = ET.fromstring(app.get(named.removeprefix(BASE_URL)).body)
    found = [element.text or "" for element in root.findall("s:sitemap/s:loc", NAMES)]
    return [url.removeprefix(BASE_URL) for url in found]


def urls(app: TestApp, path: str) -> dict[str, dict[str, str]]:
    """The URLs of a site map, each with its alternate languages."""
    response = app.get(path)
    assert response.content_type == "application/xml"
    return {
        url.findtext("s:loc", "", NAMES): {
            link.attrib["hreflang"]: link.attrib["href"] for link in url.findall("x:link", NAMES)
        }
        for url in ET.fromstring(response.body).findall("s:url", NAMES)
    }


def test_every_page_is_in_one_site_map_and_is_200(app: TestApp, dbsession: Session) -> None:
    movie = make_movie(dbsession, "Dűne")
    add_genres(dbsession, movie, "Sci-fi/Sci-Fi")
    add_people(dbsession, movie, CreditRole.DIRECTOR, "Egy Rendező")
    set_distributor(dbsession, movie, "Egy Kft.")
    make_premiere(dbsession, movie, THURSDAY)
    make_premiere(dbsession, movie, date(2027, 3, 1), precision=DatePrecision.MONTH)
    make_premiere(dbsession, movie, date(2030, 1, 1), precision=DatePrecision.YEAR)
    hidden = make_movie(dbsession, "Rejtett", published=False)
    add_people(dbsession, hidden, CreditRole.CAST, "Rejtett Színész/Valaki")
    set_distributor(dbsession, hidden, "Rejtett Kft.")
    dbsession.commit()
    (person,) = dbsession.scalars(select(Person.id).where(Person.name == "Egy Rendező"))
    found = [url for path in maps(app) for url in urls(app, path)]
    assert len(found) == len(set(found))
    assert {url.removeprefix(BASE_URL) for url in found} == {
        prefix + path
        for prefix in ("", "/en")
        for path in (
            "/", "/undated", "/about", "/genres", "/services", "/years", "/changes", "/calendar",
            "/genre/sci-fi",
            f"/movie/{movie.id}-dune", f"/person/{person}-egy-rendezo",
            f"/distributor/{movie.distributor_id}-egy-kft", "/year/2026", "/year/2027",
            "/week/2026-W34", "/month/2026-08", "/month/2027-03",
        )
    }  # fmt: skip
    for url in found:
        app.get(url.removeprefix(BASE_URL), status=200)


def test_each_page_has_its_alternate(app: TestApp) -> None:
    hungarian, english = f"{BASE_URL}/undated", f"{BASE_URL}/en/undated"
    named = {"hu": hungarian, "en": english, "x-default": hungarian}
    found = urls(app, "/sitemap-pages.xml")
    assert found[hungarian] == found[english] == named


def test_week_is_in_the_year_of_its_name(app: TestApp, dbsession: Session) -> None:
    """1 January 2027, a Friday, is in the last week of 2026."""
    make_premiere(dbsession, make_movie(dbsession), date(2027, 1, 1))
    dbsession.commit()
    assert f"{BASE_URL}/week/2026-W53" in urls(app, "/sitemap-year-2026.xml")
    expected = [f"{BASE_URL}/year/2027", f"{BASE_URL}/month/2027-01"]
    assert list(urls(app, "/sitemap-year-2027.xml"))[::2] == expected
    assert "/sitemap-year-2026.xml" in maps(app)


def test_movies_are_in_blocks(
    app: TestApp, dbsession: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2, 3, 4, 9):
        make_movie(dbsession, f"Film {number}", id=number, published=number != 4)
    dbsession.commit()
    monkeypatch.setattr(sitemap, "SITEMAP_BLOCK", 2)
    assert [path for path in maps(app) if "movies" in path] == [
        "/sitemap-movies-0.xml", "/sitemap-movies-1.xml", "/sitemap-movies-4.xml",
    ]  # fmt: skip
    assert f"{BASE_URL}/movie/3-film-3" in urls(app, "/sitemap-movies-1.xml")
    app.get("/sitemap-movies-2.xml", status=404)


def test_people_and_distributors_are_in_blocks(
    app: TestApp, dbsession: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last people only: their number must not make the index slow."""
    for number, published in ((1, True), (2, True), (5, True), (7, False), (9, True)):
        movie = make_movie(dbsession, "x", published=published)
        dbsession.add_all(
            [Person(id=number, name="Éva"), Distributor(id=number, name=f"Kft. {number}")]
        )
        dbsession.flush()
        movie.distributor_id = number
        for role in CreditRole:
            dbsession.add(Credit(movie_id=movie.id, person_id=number, role=role, position=0))
    dbsession.commit()
    monkeypatch.setattr(sitemap, "SITEMAP_BLOCK", 2)
    monkeypatch.setattr(sitemap, "PEOPLE_SITEMAPS", 2)
    assert [path for path in maps(app) if "movies" not in path][1:] == [
        *("/sitemap-people-2.xml", "/sitemap-people-4.xml"),
        *("/sitemap-distributors-0.xml", "/sitemap-distributors-2.xml"),
        "/sitemap-distributors-4.xml",
    ]
    people, distributors = urls(app, "/sitemap-people-0.xml"), urls(app, maps(app)[-3])
    assert list(people)[::2] == [f"{BASE_URL}/person/{number}-eva" for number in (1, 2)]
    assert list(distributors)[1::2] == [
        f"{BASE_URL}/en/distributor/{number}-kft-{number}" for number in (1, 2)
    ]  # fmt: skip
    for kind in ("people", "distributors"):
        app.get(f"/sitemap-{kind}-3.xml", status=404)


@pytest.mark.parametrize(
    "name", ["year-1894", "year-2201", "year-02026", "year-x", "movies-x", "movies--1",
             "movies-99999999", "movies-" + "9" * 300, "movies-01", "movies-%00",
             "year-%D9%A2%D9%A0", "people-x", "people-99999999", "distributors-01"],
)  # fmt: skip
def test_unknown_site_map_is_404(demo_app: TestApp, name: str) -> None:
    demo_app.get(f"/sitemap-{name}.xml", status=404)


def test_site_map_fits_into_a_cache_entry(app: TestApp, dbsession: Session) -> None:
    """A cache entry holds 1 MB; the test has the longest slugs and a full block of movies."""
    for number in range(1, SITEMAP_BLOCK + 1):
        movie = make_movie(dbsession, "x", slug="x" * 100)
        longest = f"{'x' * 112}{number:08}"
        dbsession.add_all([Person(id=number, name="x" * 200), Distributor(id=number, name=longest)])
        dbsession.flush()
        movie.distributor_id = number
        dbsession.add(Credit(movie_id=movie.id, person_id=number, role=CreditRole.CAST, position=0))
    dbsession.commit()
    sizes = {path: len(app.get(path).body) for path in maps(app)}
    assert max(sizes.values()) < 1_000_000
    assert [size > 400_000 for size in sizes.values()] == [False, *[True] * 3]


def test_site_maps_take_one_or_two_queries(
    app: TestApp, dbsession: Session, query_counter: QueryCounter
) -> None:
    movie = make_movie(dbsession)
    make_premiere(dbsession, movie)
    add_people(dbsession, movie, CreditRole.DIRECTOR, "Első", "Második")
    set_distributor(dbsession, movie, "Egy Kft.")
    dbsession.commit()
    most = {"/sitemap.xml": 4, "/sitemap-pages.xml": 2}
    for path in (found := ("/sitemap.xml", *maps(app))):
        with query_counter(services_of(app.app.registry).database.engine) as statements:
            app.get(path)
        assert len(statements) == most.get(path, 1), path
    assert len(found) == 6


def last_changes(app: TestApp, kind: str = "movies") -> dict[str, str]:
    """The times of the last changes in the only site map of a kind, by URL."""
    (path,) = [each for each in maps(app) if kind in each]
    root = ET.fromstring(app.get(path).body)
    return {
        url.findtext("s:loc", "", NAMES).removeprefix(BASE_URL): url.findtext(
            "s:lastmod", "", NAMES
        )
        for url in root.findall("s:url", NAMES)
    }


def test_movies_have_the_time_of_their_last_change(app: TestApp, dbsession: Session) -> None:
    movie = make_movie(dbsession, "Dűne")
    at = datetime(2026, 5, 1, 8, 30, 7, tzinfo=UTC)
    dbsession.execute(update(Movie).values(updated_at=at))
    dbsession.commit()
    path = f"/movie/{movie.id}-dune"
    expected = {path: "2026-05-01T08:30:07Z", f"/en{path}": "2026-05-01T08:30:07Z"}
    assert last_changes(app) == expected


def test_people_have_no_time(app: TestApp, dbsession: Session) -> None:
    """The last change of a person's movies would go back when the person loses one of them."""
    add_people(dbsession, make_movie(dbsession), CreditRole.DIRECTOR, "Egy Rendező")
    dbsession.commit()
    assert set(last_changes(app, "people").values()) == {""}


@pytest.mark.parametrize("part", ["title", "premiere", "genre", "moved"])
def test_last_change_follows_the_movie_and_its_parts(
    app: TestApp, dbsession: Session, part: str
) -> None:
    movie, other = make_movie(dbsession, "Dűne"), make_movie(dbsession, "Más")
    premiere = make_premiere(dbsession, movie, THURSDAY)
    dbsession.commit()
    for each in (movie, other):
        dbsession.execute(
            update(Movie)
            .where(Movie.id == each.id)
            .values(updated_at=datetime(2020, 1, 1, tzinfo=UTC))
        )
    dbsession.commit()
    dbsession.expire_all()
    match part:
        case "title":
            movie.title = "Dűne 2"
        case "premiere":
            make_premiere(dbsession, movie, date(2027, 3, 1))
        case "genre":
            add_genres(dbsession, movie, "Kaland/Adventure")
        case "moved":
            premiere.date = THURSDAY + timedelta(days=7)
    dbsession.commit()
    found = last_changes(app)
    assert found[f"/movie/{other.id}-mas"] == "2020-01-01T00:00:00Z"
    assert found[f"/movie/{movie.id}-dune"] > "2026"
