"""The place of an address is where its page is stored, found without rendering it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.cache.http.routes import EntryLocation
from moziweb.caching import digest_of
from moziweb.services import services_of
from tests.conftest import QueryCounter
from tests.registry import page_cache_of
from tests.site.cached import CACHED, Movies, fill, pages, site, warm


@pytest.fixture
def movies(dbsession: Session) -> Movies:
    return fill(dbsession)


@pytest.fixture
def cached(settings: dict[str, str], movies: Movies) -> Iterator[TestApp]:
    with site(settings | CACHED) as app:
        yield app


def place_of(app: TestApp, address: str) -> EntryLocation | None:
    return page_cache_of(app.app.registry).routes.location_of(address)


def is_stored(place: EntryLocation | None) -> bool:
    return place is not None and place.key in place.region.stored([place.key])


def test_every_page_lies_where_its_address_says(cached: TestApp, movies: Movies) -> None:
    # A week that shows nothing lies among the strays instead.
    addresses = [address for name, address in pages(movies).items() if name != "empty"]
    assert not any(is_stored(place_of(cached, address)) for address in addresses)
    warm(cached, movies)
    lie_there = {name for name, path in pages(movies).items() if is_stored(place_of(cached, path))}
    assert lie_there == set(pages(movies)) - {"empty"}, "that lies among the strays"


def test_each_address_has_a_place_of_its_own(cached: TestApp, movies: Movies) -> None:
    places = [place_of(cached, address) for address in pages(movies).values()]
    assert len({place.key for place in places if place}) == len(pages(movies))


def test_finding_a_place_asks_no_database(
    cached: TestApp, movies: Movies, query_counter: QueryCounter
) -> None:
    with query_counter(services_of(cached.app.registry).database.engine) as statements:
        assert place_of(cached, pages(movies)["movie"]) is not None
    assert statements == []


def test_today_decides_how_long_a_place_is_good_for(cached: TestApp, movies: Movies) -> None:
    index, week = (place_of(cached, pages(movies)[name]) for name in ("index", "week"))
    assert index is not None
    assert week is not None
    assert index.until < week.until == float("inf")


@pytest.mark.parametrize("address", ["/about", "/jump?date=2026-08-20", "/nowhere", "/%FF"])
def test_where_nothing_is_cached_there_is_no_place(cached: TestApp, address: str) -> None:
    assert place_of(cached, address) is None


PARTS = {
    "site/week.py": "code",
    "templates/week.jinja2": "template",
    "locale/hu/LC_MESSAGES/moziweb.mo": "catalogue",
    "static/site.css": "style",
    "managers.py": "whatever it is",
    "manager/movies.py": "code of the manager",
    "templates/manager/movie.jinja2": "template of the manager",
    "cli/cache.py": "command",
    "README.md": "no part of pages",
}


@pytest.fixture
def package(tmp_path: Path) -> Callable[[dict[str, str]], Path]:
    def write(changed: dict[str, str]) -> Path:
        for name, text in (PARTS | changed).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("name", "drops"), [(name, number < 5) for number, name in enumerate(PARTS)]
)
def test_a_deploy_drops_pages_if_it_changes_what_they_are_made_with(
    package: Callable[[dict[str, str]], Path], name: str, drops: bool
) -> None:
    before = digest_of(package({}), {})
    assert (digest_of(package({name: "changed"}), {}) != before) is drops
    assert digest_of(package({}), {}) == before


def test_a_setting_that_stands_in_pages_drops_them(
    package: Callable[[dict[str, str]], Path],
) -> None:
    settings = {"site.base_url": "https://a.example", "storage.s3.secret_access_key": "s"}
    before = digest_of(package({}), settings)
    assert digest_of(package({}), settings | {"site.base_url": "https://b.example"}) != before
    assert digest_of(package({}), settings | {"storage.s3.secret_access_key": "t"}) == before
