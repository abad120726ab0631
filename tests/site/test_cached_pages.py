"""A write invalidates exactly the pages that show the changed data: on both databases, with entries
in memory and in memcached.
"""

import gzip
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy.orm import Session
from webob import Request, Response
from webtest import TestApp

from moziweb.cache.protocol.entry import encode
from moziweb.movies.models import Genre, Movie, Premiere
from moziweb.posters.models import PosterSource, SourceState
from moziweb.services import services_of, set_services
from tests import factories
from tests.registry import location_of, page_cache_of

from .cached import (
    CACHED,
    Movies,
    cache_misses,
    cache_states,
    deployed_with,
    pages,
    ready_variant,
    site,
    warm,
    week_here,
    write,
)

SHOW_THE_MOVIE = {"index", "english", "week", "month", "genre", "movie", "api", "api_movie"}


@pytest.fixture
def cached(
    request: pytest.FixtureRequest, settings: dict[str, str], movies: Movies
) -> Iterator[TestApp]:
    with site(settings | deployed_with(settings, request)) as app:
        warm(app, movies)
        yield app


def test_second_request_is_a_hit_and_third_is_from_local_cache(
    cached: TestApp, movies: Movies
) -> None:
    assert set(cache_states(cached, movies).values()) == {"hit"}
    assert cache_states(cached, movies) == {**dict.fromkeys(pages(movies), "l1"), "empty": "hit"}


def test_pages_with_filters_are_known_to_the_fast_path(cached: TestApp, movies: Movies) -> None:
    """Else the index would never be answered in the loop."""
    urls = page_cache_of(cached.app.registry).urls
    index, week = pages(movies)["index"], pages(movies)["week"]
    plain = location_of(cached.app.registry, index)
    assert urls.find(index, "", 0.0) == plain
    page, filtered = cached.get(index).body, cached.get(f"{index}?rating=12")
    assert filtered.headers["X-Cache"] == "miss"
    assert urls.find(index, "", 0.0) == plain
    assert cached.get(f"{index}?utm_source=x").body == page == cached.get(index).body
    assert urls.find(week, "", 0.0) is not None
    assert urls.find(index, "rating=12", 0.0) is None


def test_variant_invalidates_pages_that_show_it(cached: TestApp, movies: Movies) -> None:
    write(cached, lambda session: session.add(ready_variant(movies)))
    assert cache_misses(cached, movies) == SHOW_THE_MOVIE
    assert "poster/thumb.jpg" in cached.get(pages(movies)["index"]).text


def test_poster_invalidates_nothing_until_chosen(cached: TestApp, movies: Movies) -> None:
    def add(session: Session) -> None:
        movie = session.get_one(Movie, movies.here)
        factories.add_poster(session, movie, chosen=False, width=600, height=900)

    def choose(session: Session) -> None:
        session.get_one(PosterSource, movies.source).chosen = False
        session.flush()
        session.query(PosterSource).filter_by(width=600).one().chosen = True

    write(cached, add)
    assert cache_misses(cached, movies) == set()
    write(cached, choose)
    assert cache_misses(cached, movies) == SHOW_THE_MOVIE
    write(cached, lambda session: session.delete(session.get_one(PosterSource, movies.source)))
    assert cache_misses(cached, movies) == set()


def test_lease_invalidates_nothing(cached: TestApp, movies: Movies) -> None:
    def lease(session: Session) -> None:
        session.get_one(PosterSource, movies.source).state = SourceState.GENERATING

    write(cached, lease)
    assert cache_misses(cached, movies) == set()


def test_title_invalidates_pages_that_show_it(cached: TestApp, movies: Movies) -> None:
    def rename(session: Session) -> None:
        session.get_one(Movie, movies.ahead).title = "Más cím"

    write(cached, rename)
    assert cache_misses(cached, movies) == {"ahead", "other", "genre"} | _same_month(movies)


def test_moved_premiere_invalidates_old_and_new_week(
    cached: TestApp, movies: Movies, dbsession: Session
) -> None:
    def move(session: Session) -> None:
        premiere = session.query(Premiere).filter_by(movie_id=movies.ahead).one()
        premiere.date = week_here().shifted(20).thursday + timedelta(days=1)

    write(cached, move)
    assert cache_misses(cached, movies) == {"ahead", "empty", "other", "genre"} | _same_month(
        movies
    )
    assert "Majd jön" in cached.get(pages(movies)["empty"]).text
    assert "Majd jön" not in cached.get(pages(movies)["ahead"]).text


def test_new_movie_is_listed_as_undated(cached: TestApp, movies: Movies) -> None:
    write(cached, lambda session: factories.make_movie(session, "Egészen új"))
    assert cache_misses(cached, movies) == {"index", "english", "undated", "api"}
    assert "Egészen új" in cached.get("/undated").text


def test_new_premiere_is_listed_in_its_week(cached: TestApp, movies: Movies) -> None:
    def announce(session: Session) -> None:
        movie = session.get_one(Movie, movies.undated)
        factories.make_premiere(session, movie, week_here().shifted(5).thursday)

    write(cached, announce)
    shown = {"ahead", "index", "english", "undated", "api"}  # the index listed it as undated
    linking = {"empty", "other"}  # the nearest week, and its neighbour in the week
    assert cache_misses(cached, movies) == shown | linking | _same_month(movies)
    assert "Valamikor" in cached.get(pages(movies)["ahead"]).text


def test_premiere_invalidates_no_other_week(cached: TestApp, movies: Movies) -> None:
    """The links of an empty week do not change either, if another premiere is nearer."""
    write(cached, lambda session: factories.make_movie(session, "Egy"))
    # Each of the first two is the nearest premiere after the empty week.
    for weeks, expected in ((3000, {"empty"}), (30, {"empty"}), (-40, set()), (50, set())):

        def announce(session: Session, weeks: int = weeks) -> None:
            movie = factories.make_movie(session, "Máskor")
            factories.make_premiere(session, movie, week_here().shifted(weeks).thursday)

        warm(cached, movies)
        write(cached, announce)
        misses = cache_misses(cached, movies) - {"index", "english", "undated", "api"}
        assert misses == expected, weeks


def test_unpublished_movie_is_in_no_list(cached: TestApp, movies: Movies) -> None:
    def withdraw(session: Session) -> None:
        session.get_one(Movie, movies.here).published = False

    write(cached, withdraw)
    for name in ("index", "week", "month", "genre"):
        assert "Itt van" not in cached.get(pages(movies)[name]).text
    cached.get(pages(movies)["movie"], status=404)


def test_bulk_update_invalidates_every_page(cached: TestApp, movies: Movies) -> None:
    """A bulk statement has no rows, so it invalidates the tag of the model."""
    write(cached, lambda session: session.query(Genre).update({Genre.name: "Komédia"}))
    assert cache_misses(cached, movies) == set(pages(movies))


def test_rolled_back_change_invalidates_nothing(cached: TestApp, movies: Movies) -> None:
    def fail(session: Session) -> None:
        session.get_one(Movie, movies.here).title = "Sosem lesz"
        session.flush()
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        write(cached, fail)
    assert cache_misses(cached, movies) == set()


def test_request_headers_do_not_poison_the_cache(cached: TestApp, movies: Movies) -> None:
    path = pages(movies)["week"]
    plain = cached.get(path).body
    write(cached, lambda session: session.add(ready_variant(movies)))
    poison = {
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "gopher",
        "Cookie": "_LOCALE_=en; session=1",
        "Accept-Language": "en",
    }
    cached.get(path + "?_LOCALE_=en", headers=poison, status=404)
    rendered = cached.get(path + "?utm_source=evil&fbclid=en", headers=poison)
    assert rendered.headers["X-Cache"] == "miss"
    served = cached.get(path)
    assert served.headers["X-Cache"] in {"hit", "l1"}
    assert b"evil" not in served.body
    assert served.body.replace(b"/objects/poster/thumb.jpg", b"") != plain
    assert served.html.find("html")["lang"] == "hu"


def answered(app: TestApp, path: str, **headers: str) -> Response:
    """The response as it is sent; WebTest would decompress it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request.blank(path, headers=named).get_response(app.app)


def test_conditional_and_compressed_requests(cached: TestApp, movies: Movies) -> None:
    path = pages(movies)["index"]
    plain = answered(cached, path)
    packed = answered(cached, path, Accept_Encoding="gzip")
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert packed.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    for response, coding in ((plain, "identity"), (packed, "gzip")):
        again = answered(
            cached, path, Accept_Encoding=coding, If_None_Match=response.headers["ETag"]
        )
        assert (again.status_int, again.body) == (304, b"")


def test_head_is_get_without_body(cached: TestApp, movies: Movies) -> None:
    response = cached.head(pages(movies)["index"])
    assert response.body == b""
    assert response.headers["X-Cache"] == "hit"


def test_redirect_is_cached_until_the_slug_changes(cached: TestApp, movies: Movies) -> None:
    path = f"/movie/{movies.here}"
    assert cached.get(path, status=301).headers["X-Cache"] == "miss"
    assert cached.get(path, status=301).headers["X-Cache"] == "hit"

    def rename(session: Session) -> None:
        session.get_one(Movie, movies.here).slug = "uj-cim"

    write(cached, rename)
    assert cached.get(path, status=301).headers["Location"].endswith(f"{movies.here}-uj-cim")


def _same_month(movies: Movies) -> set[str]:
    """The month's page if the week of "ahead" is in that month."""
    later = week_here().shifted(5).thursday
    return {"month"} if later.month == week_here().thursday.month else set()


def test_movie_page_expires_when_lead_premiere_changes(
    settings: dict[str, str], dbsession: Session
) -> None:
    """The application's clock is set to the past, so the page has expired by the cache's clock."""
    turning, standing = factories.make_movie(dbsession), factories.make_movie(dbsession)
    long_ago = datetime(2020, 1, 2, 12, tzinfo=UTC)
    factories.make_premiere(dbsession, turning, long_ago.date())
    factories.make_premiere(dbsession, turning, date(2020, 3, 5))
    factories.make_premiere(dbsession, standing, date(2019, 3, 7))
    dbsession.commit()
    with site(settings | CACHED) as app:
        set_services(
            app.app.registry, replace(services_of(app.app.registry), clock=lambda: long_ago)
        )
        seen = [
            [app.get(f"/movie/{movie.id}-{movie.slug}").headers["X-Cache"] for _ in range(3)]
            for movie in (turning, standing)
        ]
    assert seen == [["bypass", "bypass", "bypass"], ["miss", "hit", "l1"]]


FOREIGN: tuple[dict[str, str | int], ...] = (
    {},
    {"status": 200},
    {"status": 200, "etag": "e", "Location": "/\r\nSet-Cookie: a=b"},
)


def test_poisoned_entry_is_rendered_again(cached: TestApp, movies: Movies) -> None:
    """The entry is complete, valid and has a correct checksum, but its content is foreign."""
    path = pages(movies)["week"]
    place = location_of(cached.app.registry, path)
    for content in FOREIGN:
        stored = place.region.stored([place.key])[place.key]
        poison = replace(stored, payload=b"evil", content=content)
        place.region.delete(place.key)
        place.region._parts.entries.store({place.key: encode(poison)}, stored.created)
        response = cached.get(path)
        assert response.headers["X-Cache"] == "miss", content
        assert "Itt van" in response.text
        assert "Set-Cookie" not in response.headers
        assert cached.get(path).headers["X-Cache"] in {"hit", "l1"}
