"""Bounded negative caching: 404s, redirects and empty pages are cached with their tags."""

from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.cache.regions.negative import NegativeEntries
from moziweb.movies.models import Movie
from moziweb.services import services_of
from tests import factories
from tests.conftest import QueryCounter
from tests.registry import location_of, page_cache_of
from tests.site.cached import CACHED, Movies, pages, site, write


@pytest.fixture
def cached(settings: dict[str, str], movies: Movies) -> Iterator[TestApp]:
    few = {"cache.pages.negative_slots": "4", "cache.pages.negative_ttl": "60"}
    with site(settings | CACHED | few) as app:
        yield app


def x_cache(app: TestApp, path: str, status: int) -> str:
    return str(app.get(path, status=status).headers["X-Cache"])


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/movie/9999", 404), ("/en/movie/9999", 404), ("/week/2026-W99", 404),
        ("/genre/nincs", 404), ("/api/movie/9999", 404), ("/movie/1", 301),
    ],
)  # fmt: skip
def test_errors_and_redirects_are_cached(
    cached: TestApp, query_counter: QueryCounter, path: str, status: int
) -> None:
    first = cached.get(path, status=status)
    assert first.headers["X-Cache"] == "miss"
    with query_counter(services_of(cached.app.registry).database.engine) as statements:
        second = cached.get(path, status=status)
    assert statements == []
    assert second.headers["X-Cache"] in {"hit", "l1"}
    assert second.body == first.body
    assert second.headers.get("Location") == first.headers.get("Location")


def test_new_movie_replaces_cached_404(cached: TestApp, movies: Movies) -> None:
    assert x_cache(cached, "/movie/4", 404) == "miss"
    assert x_cache(cached, "/movie/4", 404) == "hit"
    write(cached, lambda session: factories.make_movie(session, "Új"))
    assert "Új" in cached.get("/movie/4-uj").text


def test_published_movie_replaces_cached_404(cached: TestApp, movies: Movies) -> None:
    path = pages(movies)["other"]

    def publish(session: Session, published: bool) -> None:
        session.get_one(Movie, movies.ahead).published = published

    write(cached, lambda session: publish(session, published=False))
    cached.get(path, status=404)
    assert x_cache(cached, path, 404) == "hit"
    write(cached, lambda session: publish(session, published=True))
    assert "Majd jön" in cached.get(path, status=200).text


def test_filters_of_empty_periods_add_no_tags(settings: dict[str, str], movies: Movies) -> None:
    """Each tag gets a stamp, and the calendar has thousands of periods."""
    found = "genre=vigjatek&kind=cinema&service=netflix"
    with site(settings | CACHED | {"cache.debug": "true"}) as app:
        for first, second in (
            ("week/1990-W10", "week/1991-W10"), ("month/1990-03", "month/1991-03"),
            ("year/1990", "year/1991"),
        ):  # fmt: skip
            one, other = (
                set(app.get(f"/{path}?{found}").headers["X-Cache-Tags"].split(" "))
                for path in (first, second)
            )
            assert one == other


def test_404_has_no_url_and_a_short_ttl(cached: TestApp) -> None:
    registry = cached.app.registry
    page = cached.get("/movie/987654?q=evil", status=404)
    assert "987654" not in page.text
    place = location_of(registry, "/movie/987654")
    negative = NegativeEntries(place.region, page_cache_of(registry).cache.keys["pages"])
    found = negative.find(place.key)
    assert found is not None
    entry = found.entry
    assert entry.expires - entry.created <= 60
    assert not any("987654" in each for each in entry.tags)
    assert "list:movies" in entry.tags


def test_negative_entries_are_bounded(cached: TestApp, movies: Movies) -> None:
    cached_pages = {
        path: cached.get(path).body for name, path in pages(movies).items() if name != "empty"
    }
    entries = page_cache_of(cached.app.registry).cache.dogpile["pages"].actual_backend._values
    before = len(entries)
    for number in range(5000, 5060):
        cached.get(f"/movie/{number}", status=404)
        cached.get(f"/movie/{movies.here}-{number}", status=301)
        assert cached.get(f"/en/week/{number - 2900}-W07").headers["X-Cache"] == "miss"
    assert before < len(entries) <= before + 4
    for path, body in cached_pages.items():
        page = cached.get(path)
        assert page.headers["X-Cache"] in {"hit", "l1"}
        assert page.body == body


def test_empty_week_is_cached_until_a_premiere_is_added(cached: TestApp, movies: Movies) -> None:
    path, day = "/week/2150-W01", date.fromisocalendar(2150, 1, 4)
    empty = cached.get(path)
    again = cached.get(path)
    assert (empty.headers["X-Cache"], again.headers["X-Cache"]) == ("miss", "hit")
    assert again.body == empty.body
    assert (
        cached.get(path).headers["X-Cache"] == "hit"
    )  # negative entries are not kept in the local cache

    def announce(session: Session) -> None:
        factories.make_premiere(session, session.get_one(Movie, movies.undated), day)

    write(cached, announce)
    assert "Valamikor" in cached.get(path).text
    assert cached.get(path).headers["X-Cache"] == "hit"
    assert cached.get(path).headers["X-Cache"] == "l1"


def test_colliding_redirects_are_not_mixed_up(cached: TestApp, movies: Movies) -> None:
    """All negative entries share four slots, so they overwrite each other."""
    for _ in range(2):
        for number in range(20):
            for movie, slug in ((movies.here, "itt-van"), (movies.ahead, "majd-jon")):
                moved = cached.get(f"/movie/{movie}-{number}", status=301)
                assert moved.headers["Location"].endswith(f"/movie/{movie}-{slug}")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_bypass_the_cache(cached: TestApp, movies: Movies, method: str) -> None:
    path = pages(movies)["week"]
    page = cached.get(path)
    answered = cached.request(path, method=method, status="*")
    assert answered.status_int in {204, 405}
    assert "X-Cache" not in answered.headers
    again = cached.get(path)
    assert (again.body, again.headers["X-Cache"]) == (page.body, "hit")
