"""Locations of pages by URL, and the digest in their keys."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.cache.http.routes import EntryLocation
from moziweb.caching import digest_of
from moziweb.services import services_of
from tests.conftest import BASE_URL, QueryCounter
from tests.registry import page_cache_of
from tests.site.cached import CACHED, Movies, every_page, feeds, fill, pages, site, warm


@pytest.fixture
def movies(dbsession: Session) -> Movies:
    return fill(dbsession)


@pytest.fixture
def cached(settings: dict[str, str], movies: Movies) -> Iterator[TestApp]:
    with site(settings | CACHED) as app:
        yield app


def location_of(app: TestApp, url: str) -> EntryLocation | None:
    return page_cache_of(app.app.registry).routes.location_of(url)


def is_stored(location: EntryLocation | None) -> bool:
    return location is not None and location.key in location.region.stored([location.key])


NEGATIVE = {"empty", "empty_filtered", "month_rated", "year_imax"}
"""Pages without a premiere; they are negative entries."""


def test_page_is_stored_at_the_location_of_its_url(cached: TestApp, movies: Movies) -> None:
    urls = [url for name, url in every_page(movies).items() if name not in NEGATIVE]
    assert not any(is_stored(location_of(cached, url)) for url in urls)
    warm(cached, movies, every_page)
    stored = {
        name for name, path in every_page(movies).items() if is_stored(location_of(cached, path))
    }
    assert stored == set(every_page(movies)) - NEGATIVE


def test_each_url_has_its_own_location(cached: TestApp, movies: Movies) -> None:
    locations = [location_of(cached, url) for url in every_page(movies).values()]
    assert len({location.key for location in locations if location}) == len(every_page(movies))


def test_wrong_slug_in_the_path_of_a_page_redirects(cached: TestApp, movies: Movies) -> None:
    with_slug = re.compile(r"/(\d+)-[a-z-]+")
    paths = [*every_page(movies).values(), *feeds(movies).values()]
    paths = [path for path in paths if with_slug.search(path)]
    assert len(paths) == 7
    for path in paths:
        moved = cached.get(with_slug.sub(r"/\1-x", path), status=301)
        assert moved.location == BASE_URL + path


def test_location_needs_no_query(
    cached: TestApp, movies: Movies, query_counter: QueryCounter
) -> None:
    with query_counter(services_of(cached.app.registry).database.engine) as statements:
        assert location_of(cached, pages(movies)["movie"]) is not None
    assert statements == []


def test_location_of_a_dated_page_ends_with_its_time_window(
    cached: TestApp, movies: Movies
) -> None:
    index, week = (location_of(cached, pages(movies)[name]) for name in ("index", "week"))
    assert index is not None
    assert week is not None
    assert index.until < week.until == float("inf")


@pytest.mark.parametrize("url", ["/about", "/jump?date=2026-08-20", "/nowhere", "/%FF"])
def test_url_that_is_not_cached_has_no_location(cached: TestApp, url: str) -> None:
    assert location_of(cached, url) is None


PARTS = {
    "site/week.py": "code",
    "templates/week.jinja2": "template",
    "locale/hu/LC_MESSAGES/moziweb.mo": "catalogue",
    "static/site.css": "style",
    "managers.py": "a module of the site",
    "manager/movies.py": "code of the manager",
    "templates/manager/movie.jinja2": "template of the manager",
    "cli/cache.py": "command",
    "README.md": "not in pages",
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
def test_digest_changes_with_the_files_that_pages_depend_on(
    package: Callable[[dict[str, str]], Path], name: str, drops: bool
) -> None:
    before = digest_of(package({}), {})
    assert (digest_of(package({name: "changed"}), {}) != before) is drops
    assert digest_of(package({}), {}) == before


def test_digest_changes_with_the_settings_that_pages_depend_on(
    package: Callable[[dict[str, str]], Path],
) -> None:
    settings = {"site.base_url": "https://a.example", "storage.s3.secret_access_key": "s"}
    before = digest_of(package({}), settings)
    assert digest_of(package({}), settings | {"site.base_url": "https://b.example"}) != before
    assert digest_of(package({}), settings | {"storage.s3.secret_access_key": "t"}) == before
