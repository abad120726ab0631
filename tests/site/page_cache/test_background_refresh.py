"""Background refresh of hot pages through the whole application."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy.orm import Session
from webtest import TestApp

from tests import factories
from tests.registry import location_of, page_cache_of
from tests.site.cached import CACHED, Movies, pages, site, week_here, write

HOT = {
    "cache.default.refresh_after": "0",
    "cache.pages.expiration_time": "60",
    "cache.feeds.expiration_time": "60",
    "cache.fragments.expiration_time": "60",
}
"""A hit page is due for a refresh at once, unless midnight ends its validity. The short lifetime
makes that happen only in the last minute before midnight.
"""


@pytest.fixture
def hot(settings: dict[str, str], movies: Movies) -> Iterator[TestApp]:
    with site(settings | CACHED | HOT) as app:
        refresher = page_cache_of(app.app.registry).refresher
        assert refresher is not None
        refresher.start()
        yield app


def created(app: TestApp, path: str) -> float:
    place = location_of(app.app.registry, path)
    entry: Any = place.region.stored([place.key])[place.key]
    return float(entry.created)


@pytest.mark.parametrize("name", ["index", "movie", "api_movie"])
def test_hit_refreshes_page_in_background(hot: TestApp, movies: Movies, name: str) -> None:
    path = pages(movies)[name]
    refresher = page_cache_of(hot.app.registry).refresher
    assert refresher is not None
    body = hot.get(path).body
    first = created(hot, path)
    hit = hot.get(path)
    refresher.join()
    assert hit.headers["X-Cache"] in {"hit", "l1"}
    assert created(hot, path) > first
    again = hot.get(path)
    assert again.body == body
    assert again.headers["X-Cache"] in {"hit", "l1"}
    assert int(again.headers["Age"]) <= 1


def test_refreshed_page_is_invalidated_by_writes(hot: TestApp, movies: Movies) -> None:
    path = pages(movies)["week"]
    refresher = page_cache_of(hot.app.registry).refresher
    assert refresher is not None
    for _ in range(2):
        hot.get(path)
    refresher.join()

    def announce(session: Session) -> None:
        movie = factories.make_movie(session, "Friss")
        factories.make_premiere(session, movie, week_here().thursday)

    write(hot, announce)
    page = hot.get(path)
    assert page.headers["X-Cache"] == "miss"
    assert "Friss" in page.text


def test_without_refresher_threads_nothing_is_refreshed(
    settings: dict[str, str], movies: Movies
) -> None:
    with site(settings | CACHED | HOT | {"cache.refresh_threads": "0"}) as app:
        path = pages(movies)["movie"]
        app.get(path)
        first = created(app, path)
        for _ in range(3):
            app.get(path)
        assert created(app, path) == first
