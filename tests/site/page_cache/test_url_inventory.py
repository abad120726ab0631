"""The inventory of URLs, and the pages that depend on tags."""

from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.cache import tag
from moziweb.movies.models import Movie
from moziweb.movies.tags import movie_tag
from moziweb.services import services_of
from moziweb.site.page_cache.url_inventory import Priority, SiteUrl, UrlInventory, pages_showing
from tests.conftest import QueryCounter
from tests.registry import page_cache_of
from tests.site.cached import (
    Movies,
    cache_misses,
    pages,
    warm,
    week_here,
    write,
)


def every(app: TestApp) -> list[SiteUrl]:
    return list(UrlInventory.of(app.app.registry))


def test_each_url_is_200_and_listed_once_by_priority(app: TestApp, movies: Movies) -> None:
    found = every(app)
    for url in found:
        app.get(url.path, status=200)
    assert len({url.path for url in found}) == len(found)
    priorities = [url.priority for url in found]
    assert priorities == sorted(priorities)
    assert set(priorities) == set(Priority)


def test_every_cached_route_is_in_the_inventory(cached: TestApp, movies: Movies) -> None:
    """A new cached route fails this test until the inventory has its URLs.

    Only visitors know the lists of movies of their calendars.
    """
    registry = cached.app.registry
    routes = page_cache_of(registry).routes
    matched = filter(None, (routes._cached(url.path) for url in every(cached)))
    found = {request.matched_route.name for _, request in matched}
    assert routes.names() - found == {"my_calendar"}


def test_priorities_order_the_inventory(cached: TestApp, movies: Movies) -> None:
    paths = [url.path for url in every(cached)]
    assert paths[:2] == ["/", "/en/"]
    order = [
        f"/week/{week_here().name}",
        f"/en/week/{week_here().next.name}",
        f"/movie/{movies.here}-itt-van",
        "/undated",
        f"/week/{week_here().shifted(5).name}",
        f"/movie/{movies.ahead}-majd-jon",
    ]
    assert sorted(order, key=paths.index) == order


def test_through_returns_a_prefix(app: TestApp, movies: Movies) -> None:
    registry = app.app.registry
    found = list(UrlInventory.of(registry).through(Priority.SHOWN))
    assert found == every(app)[: len(found)]
    assert found[-1].priority is Priority.SHOWN


def test_unpublished_movie_is_not_in_the_inventory(
    app: TestApp, movies: Movies, dbsession: Session
) -> None:
    dbsession.get_one(Movie, movies.here).published = False
    dbsession.commit()
    assert not any(f"/movie/{movies.here}" in url.path for url in every(app))


def test_pages_showing_equals_invalidated_pages(cached: TestApp, movies: Movies) -> None:
    warm(cached, movies)
    named = {path: name for name, path in pages(movies).items()}
    candidates = every(cached)
    found = pages_showing(page_cache_of(cached.app.registry), {movie_tag(movies.here)}, candidates)
    shown = {named[url.path] for url in found if url.path in named}

    def rename(session: Session) -> None:
        session.get_one(Movie, movies.here).title = "Más"

    write(cached, rename)
    assert shown == cache_misses(cached, movies) & {named.get(each.path) for each in candidates}
    assert {"index", "week", "movie"} <= shown


def test_pages_showing_ignores_pages_that_are_not_cached(cached: TestApp, movies: Movies) -> None:
    tags = {movie_tag(movies.here)}
    assert list(pages_showing(page_cache_of(cached.app.registry), tags, every(cached))) == []


def test_unused_tag_concerns_no_page(cached: TestApp, movies: Movies) -> None:
    warm(cached, movies)
    assert (
        list(pages_showing(page_cache_of(cached.app.registry), {tag("no", "such")}, every(cached)))
        == []
    )


def test_pages_showing_takes_no_queries(
    cached: TestApp, movies: Movies, query_counter: QueryCounter
) -> None:
    warm(cached, movies)
    candidates = every(cached)
    with query_counter(services_of(cached.app.registry).database.engine) as statements:
        assert list(
            pages_showing(page_cache_of(cached.app.registry), {movie_tag(movies.here)}, candidates)
        )
    assert statements == []
