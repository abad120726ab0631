"""A list page is a page template and cards: a write renders only the cards that show the changed
data, and no list is queried again.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from math import ceil

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.cache.http.fragments import FRAGMENTS, PageTemplate, template_key
from moziweb.cache.protocol.entry import encode
from moziweb.movies.models import Movie
from moziweb.posters.models import PosterSource, PosterVariant
from moziweb.services import services_of
from moziweb.site.page_cache.slots import FULL_SHARE, FragmentKey, Loading, Section
from tests import factories
from tests.conftest import QueryCounter
from tests.registry import location_of, page_cache_of
from tests.site.cached import (
    CACHED,
    Movies,
    cache_misses,
    cache_states,
    fill,
    pages,
    ready_variant,
    site,
    warm,
    week_here,
    write,
)
from tests.site.scraper import cards

Created = Counter[tuple[str, str]]


@pytest.fixture
def movies(dbsession: Session) -> Movies:
    found = fill(dbsession)
    for number in range(8):  # more than the first row
        movie = factories.make_movie(dbsession, f"Másik {number}")
        factories.make_premiere(dbsession, movie, week_here().thursday)
        factories.add_poster(dbsession, movie, url=f"https://example.com/{number}.jpg")
    dbsession.commit()
    return found


@contextmanager
def recorded(app: TestApp, query_counter: QueryCounter) -> Iterator[tuple[Created, list[str]]]:
    """Count renders by region and kind, and record the statements of the database."""
    created: Created = Counter()
    observer = page_cache_of(app.app.registry).cache.regions["pages"]._parts.observer

    def listen(region: str, kind: str) -> None:
        created[region, kind] += 1

    with (
        pytest.MonkeyPatch.context() as patch,
        query_counter(services_of(app.app.registry).database.engine) as statements,
    ):
        patch.setattr(observer, "created", listen)
        yield created, statements


def lists(statements: list[str]) -> list[str]:
    """The queries that fetch lists: those with a condition on dates or a limit."""
    return [each for each in statements if "premiere.date BETWEEN" in each or "LIMIT" in each]


def test_new_variant_renders_one_card_without_list_queries(
    cached: TestApp, movies: Movies, query_counter: QueryCounter
) -> None:
    warm(cached, movies)
    write(cached, lambda session: session.add(ready_variant(movies)))
    for name in ("index", "week", "month", "english"):
        key = f"poster/{name}.jpg"
        write(cached, partial(_move_variant, key=key))
        with recorded(cached, query_counter) as (created, statements):
            page = cached.get(pages(movies)[name])
        assert key in page.text
        assert created[("fragments", "template")] == 0
        assert created[("pages", "page")] == 1
        assert lists(statements) == []
        assert len(statements) <= 3


def _move_variant(session: Session, *, key: str) -> None:
    session.scalars(select(PosterVariant)).one().key = key


def test_premiere_has_one_card_per_shape(
    cached: TestApp, movies: Movies, query_counter: QueryCounter
) -> None:
    """The movie is twice in the index (cinema, streaming), and once in each other list."""
    warm(cached, movies)
    write(cached, lambda session: session.add(ready_variant(movies)))
    path = pages(movies)["index"]
    with recorded(cached, query_counter) as (created, _statements):
        assert cached.get(path).text.count("poster/thumb.jpg") >= 2
    assert created == {("pages", "page"): 1, ("fragments", "fragment"): 2}
    with recorded(cached, query_counter) as (created, _statements):
        assert cache_misses(cached, movies) >= {"week", "month", "movie"}
    assert created[("fragments", "template")] == 1  # its own page has its poster beside the cards
    assert created[("fragments", "fragment")] <= created[("pages", "page")] * 2


def test_blurred_poster_renders_only_the_backdrop(
    cached: TestApp, movies: Movies, query_counter: QueryCounter, dbsession: Session
) -> None:
    warm(cached, movies)
    first = cached.get(pages(movies)["index"]).html.select_one("a.movie")["href"]
    movie_id = int(first.split("/")[-1].split("-")[0])
    source = dbsession.query(PosterSource).filter_by(movie_id=movie_id).one()

    def blur(session: Session) -> None:
        variant = ready_variant(movies, "blur")
        variant.source_id = source.id
        session.add(variant)

    write(cached, blur)
    with recorded(cached, query_counter) as (created, _statements):
        page = cached.get(pages(movies)["index"])
    assert "poster/blur.jpg" in page.text
    assert created == {("pages", "page"): 1, ("fragments", "fragment"): 1}


def test_pages_that_do_not_show_it_stay_hits(cached: TestApp, movies: Movies) -> None:
    warm(cached, movies)
    write(cached, lambda session: session.add(ready_variant(movies)))
    now = cache_states(cached, movies)
    for name in ("ahead", "empty", "undated", "other"):
        assert now[name] in {"hit", "l1"}


def test_cold_page_takes_as_many_queries_as_without_cache(
    cached: TestApp, movies: Movies, query_counter: QueryCounter
) -> None:
    budget = {"index": 6, "week": 5, "month": 5, "genre": 6, "undated": 3, "movie": 9}
    for name, most in budget.items():
        page_cache_of(cached.app.registry).cache.stamps.new_epoch()
        with recorded(cached, query_counter) as (_created, statements):
            assert cached.get(pages(movies)[name]).headers["X-Cache"] == "miss"
        assert len(statements) == most, name


def test_evicted_page_is_assembled_without_queries(
    cached: TestApp,
    movies: Movies,
    query_counter: QueryCounter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And without a session."""
    warm(cached, movies)
    database = services_of(cached.app.registry).database
    monkeypatch.setattr(database, "session_for", lambda _: pytest.fail("opened a session"))
    place = location_of(cached.app.registry, pages(movies)["index"])
    place.region.delete(place.key)
    with recorded(cached, query_counter) as (created, statements):
        assert cached.get(pages(movies)["index"]).headers["X-Cache"] == "miss"
    assert created == {("pages", "page"): 1}
    assert statements == []


def test_pages_share_cards(cached: TestApp, movies: Movies, query_counter: QueryCounter) -> None:
    """This week's movies have the same cards on the index and on the page of the week."""
    cached.get(pages(movies)["index"])
    with recorded(cached, query_counter) as (created, _statements):
        assert len(cards(cached.get(pages(movies)["week"]).text)) > 8
    assert created == {
        ("pages", "page"): 1,
        ("fragments", "template"): 1,
        ("fragments", "fragment"): 1,  # the picture of links to the week
    }


@pytest.mark.parametrize("name", ["index", "week"])
def test_missing_fragment_renders_the_list_again(
    cached: TestApp, movies: Movies, name: str
) -> None:
    """The page template may be valid while its movie is being withdrawn: the list is rendered."""
    warm(cached, movies)
    path = pages(movies)[name]

    def withdraw(session: Session) -> None:
        """Bypass the ORM, so that no tag is published."""
        gone = update(Movie).where(Movie.id == movies.here).values(published=False)
        session.connection().execute(gone)

    write(cached, withdraw)
    page_cache_of(cached.app.registry).cache.stamps.publish([f"movie:{movies.here}"])
    page = cached.get(path)
    assert "Itt van" not in page.text
    assert page.status_int == 200


def test_without_fragments_region_pages_are_rendered_whole(
    settings: dict[str, str], movies: Movies, query_counter: QueryCounter
) -> None:
    keys = {k: v for k, v in CACHED.items() if "fragments." not in k}
    keys["cache.regions"] = "pages feeds search"
    with site(settings | keys) as app:
        warm(app, movies)
        assert set(cache_states(app, movies).values()) == {"hit"}
        write(app, lambda session: session.add(ready_variant(movies)))
        with recorded(app, query_counter) as (created, statements):
            assert "poster/thumb.jpg" in app.get(pages(movies)["index"]).text
        assert created == {("pages", "page"): 1}
        assert len(statements) == 6


@pytest.mark.parametrize("off", ["pages", "fragments"])
def test_region_with_null_backend(settings: dict[str, str], movies: Movies, off: str) -> None:
    with site(settings | CACHED | {f"cache.{off}.backend": "dogpile.cache.null"}) as app:
        plain = _plain(settings, movies)
        warm(app, movies)
        assert {name: app.get(path).text for name, path in pages(movies).items()} == plain
        write(app, lambda session: session.add(ready_variant(movies)))
        assert "poster/thumb.jpg" in app.get(pages(movies)["index"]).text


def _plain(settings: dict[str, str], movies: Movies) -> dict[str, str]:
    with site(settings) as app:
        return {name: app.get(path).text for name, path in pages(movies).items()}


NO_KEYS = (
    "",
    "x",
    "large hu 1 1",
    "large hu 1 1 lazy lazy",
    "large hu 1 1 now",
    "huge hu 1 1 lazy",
    "large hu ٣ 1 lazy",
    "large hu 1 -1 lazy",
    f"large hu {1 << 70} 1 lazy",
    f"large hu 1 {'9' * 5000} lazy",
    "large h\0u 1 1 lazy",
)
"""Keys that no page has."""


def test_template_with_a_key_that_no_page_has_is_rendered_again(
    cached: TestApp, movies: Movies
) -> None:
    shown = cached.get("/").body
    pages = page_cache_of(cached.app.registry)
    region, keys = pages.cache.regions[FRAGMENTS], pages.cache.keys[FRAGMENTS]
    place = location_of(cached.app.registry, "/")
    name = template_key(keys, place.key)
    entry = region.stored([name])[name]
    for key in NO_KEYS:
        payload = PageTemplate((b"<p>", b"</p>"), (key,)).encode()
        region._parts.entries.store({name: encode(replace(entry, payload=payload))}, entry.created)
        assert region.stored([name])[name].payload == payload
        for each in (region, place.region):
            pages.cache.stamps.invalidate_local_copies(each.name)
        place.region.delete(place.key)
        assert cached.get("/").body == shown, key
        place.region.delete(place.key)
        assert cached.get("/").body == shown, key


def test_key_of_a_fragment_is_parsed_as_it_was_written() -> None:
    for key in (
        FragmentKey("large", "hu", 5, 7, Loading.FIRST),
        FragmentKey("small", "en", 5, 0),
        FragmentKey("backdrop", "any", 5),
    ):
        assert FragmentKey.parse(str(key)) == key


@pytest.mark.parametrize(
    ("look", "columns"),
    [
        ("large", {1: 5, 3: 5, 4: 4, 5: 5, 6: 6, 7: 4, 8: 4, 12: 6, 13: 5}),
        ("dense", {3: 7, 6: 7, 7: 7, 8: 8, 13: 7, 14: 7, 16: 6}),
        ("compact", {2: 4, 9: 5, 10: 5, 12: 4}),
    ],
)
def test_columns_fill_the_last_row(look: str, columns: dict[int, int]) -> None:
    """As far as a number of columns does; 13 posters in rows of 5 fill 13 of 15 cells."""
    for count, expected in columns.items():
        section = Section("key", "title", "", tuple([None] * count))  # type: ignore[list-item]
        assert section.columns(look) == expected, count


@pytest.mark.parametrize(("look", "shortest"), [("large", 4), ("dense", 11), ("compact", 3)])
def test_longer_lists_always_fill_enough(look: str, shortest: int) -> None:
    for count in range(shortest, 60):
        section = Section("key", "title", "", tuple([None] * count))  # type: ignore[list-item]
        columns = section.columns(look)
        rows = ceil(count / columns)
        assert count / (rows * columns) >= FULL_SHARE
