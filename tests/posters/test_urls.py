"""The URLs of variants: parsing, and which one a page links."""

import pytest
import sqlalchemy
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, event, update

from moziweb.db import Database
from moziweb.db.types import MAX_ID
from moziweb.movies.models import Movie
from moziweb.posters.cache_tags import variant_tag
from moziweb.posters.generation.service import PosterService
from moziweb.posters.models import PosterSource, PosterVariant, VariantState
from moziweb.posters.recipes import RECIPES, Recipe, find_recipe
from moziweb.posters.urls import VariantUrl, poster_links
from moziweb.storage import Storage
from moziweb.storage.disk import DiskStorage
from moziweb.storage.s3 import S3Storage
from tests.posters.conftest import DEPLOYMENTS, add_source


@pytest.mark.parametrize(
    ("segment", "name", "format_"),
    [
        ("7-dune.12.jpg", "poster", "jpg"),
        ("7-dune.12.webp", "poster", "webp"),
        ("7-dune.12.thumb.webp", "thumb", "webp"),
        ("7-dune.12.small.jpg", "small", "jpg"),
        ("7-dune.12.blur.jpg", "blur", "jpg"),
    ],
)
def test_url_has_movie_slug_source_and_recipe(segment: str, name: str, format_: str) -> None:
    url = VariantUrl.parse(segment)
    assert url == VariantUrl(7, "dune", 12, _recipe(name, format_))
    assert url.segment == segment
    assert url.path == f"/poster/{segment}"


@pytest.mark.parametrize(
    "segment",
    [
        "",
        "7",
        "7-dune",
        "7-dune.jpg",
        "7-dune.12",
        "7-dune.12.poster.jpg",
        "7-dune.12.huge.jpg",
        "7-dune.12.thumb.png",
        "7-dune.12.thumb.JPG",
        "7-dune.12.thumb.jpg ",
        "7-dune.12.thumb.jpg\n",
        " 7-dune.12.jpg",
        "07-dune.12.jpg",
        "7-dune.012.jpg",
        "0-dune.12.jpg",
        "7-dune.0.jpg",
        "-7-dune.12.jpg",
        "7-Dune.12.jpg",
        "7-dűne.12.jpg",
        "7-.12.jpg",
        "٧-dune.12.jpg",
        "7-dune.१२.jpg",
        f"{MAX_ID + 1}-dune.12.jpg",
        f"7-dune.{MAX_ID + 1}.jpg",
        "99999999999999999999-dune.12.jpg",
        "7-dune.12.jpg\x00",
        "7-du/ne.12.jpg",
    ],
)
def test_malformed_segments_are_not_parsed(segment: str) -> None:
    assert VariantUrl.parse(segment) is None


@given(st.text(max_size=40))
def test_any_text_is_parsed_or_refused(segment: str) -> None:
    url = VariantUrl.parse(segment)
    assert url is None or url.segment == segment


@given(
    st.builds(
        VariantUrl,
        st.integers(1, MAX_ID),
        st.from_regex(r"[a-z0-9-]+", fullmatch=True),
        st.integers(1, MAX_ID),
        st.sampled_from(RECIPES),
    )
)
def test_urls_round_trip(url: VariantUrl) -> None:
    assert VariantUrl.parse(url.segment) == url


def test_variant_that_is_not_ready_is_linked_at_the_route(
    database: Database, disk: DiskStorage, source_id: int
) -> None:
    with database.read() as session:
        links = poster_links(session, disk, {7: "dune"})[7]
    assert links.url("thumb", "webp") == f"/poster/7-dune.{source_id}.thumb.webp"
    assert links.url("poster", "jpg") == f"/poster/7-dune.{source_id}.jpg"
    assert links.size("poster", "jpg") == (780, 1170)
    assert (links.width, links.dominant_colour, links.tone) == (None, None, "tone-none")


@DEPLOYMENTS
def test_ready_variant_is_linked_at_its_storage_url(
    database: Database, storage: Storage, service: PosterService, disk: DiskStorage, source_id: int
) -> None:
    service.ensure_variants(source_id)
    with database.read() as session:
        links = poster_links(session, disk, {7: "dune"})[7]
        elsewhere = poster_links(session, storage, {7: "dune"})[7]
    url = links.url("thumb", "webp")
    key = next(stored.key for stored in disk.list() if stored.key.endswith(".thumb.webp"))
    assert url == disk.url(key)
    assert elsewhere.url("thumb", "webp") == storage.url(key, disk.bucket)
    assert links.size("small", "jpg") == (185, 278)
    assert links.size("poster", "jpg") == (200, 300)
    assert links.tone.startswith("tone-")
    assert links.tone != "tone-none"


def test_readiness_is_that_of_one_variant(
    database: Database, disk: DiskStorage, service: PosterService, source_id: int
) -> None:
    service.ensure_variants(source_id)
    with database.write() as session:
        session.execute(delete(PosterVariant).where(PosterVariant.name == "full"))
        links = poster_links(session, disk, {7: "dune"})[7]
    seen: list[str] = []
    watched = links.with_recorder(seen.append)
    assert watched.is_ready("poster", "webp")
    assert not watched.is_ready("full", "webp")
    assert seen == [variant_tag(source_id, "poster"), variant_tag(source_id, "full")]


def test_sizes_are_computed_from_the_source(
    database: Database, disk: DiskStorage, source_id: int
) -> None:
    with database.write() as session:
        session.execute(update(PosterSource).values(width=3000, height=3000))
    with database.read() as session:
        links = poster_links(session, disk, {7: "dune"})[7]
    assert links.size("thumb", "jpg") == (370, 370)


def test_only_the_chosen_source_is_linked(
    database: Database, disk: DiskStorage, movie_id: int
) -> None:
    add_source(database, movie_id, chosen=False)
    chosen = add_source(database, movie_id)
    with database.read() as session:
        links = poster_links(session, disk, {7: "dune"})
    assert links[7].source_id == chosen


def test_movie_without_a_source_is_omitted(
    database: Database, disk: DiskStorage, movie_id: int
) -> None:
    with database.read() as session:
        assert poster_links(session, disk, {movie_id: "dune", 8: "missing"}) == {}
        assert poster_links(session, disk, {}) == {}


def test_superseded_variant_is_not_linked(
    database: Database, disk: DiskStorage, service: PosterService, source_id: int
) -> None:
    service.ensure_variants(source_id)
    with database.write() as session:
        session.execute(update(PosterVariant).values(state=VariantState.SUPERSEDED))
    with database.read() as session:
        links = poster_links(session, disk, {7: "dune"})[7]
    assert links.url("thumb", "jpg").startswith("/poster/")


def test_unknown_recipe_is_a_lookup_error(
    database: Database, disk: DiskStorage, source_id: int
) -> None:
    with database.read() as session:
        links = poster_links(session, disk, {7: "dune"})[7]
    with pytest.raises(LookupError, match="no recipe"):
        links.url("huge", "jpg")


def test_links_of_a_page_take_one_query_and_no_storage_request(
    database: Database, storage_away: S3Storage, service: PosterService
) -> None:
    with database.write() as session:
        for movie_id in range(1, 5):
            session.add(Movie(id=movie_id, title="a", original_title="a", slug="a"))
    for movie_id in range(1, 5):
        service.ensure_variants(add_source(database, movie_id))
    statements: list[str] = []

    def count(*call: object) -> None:
        statements.append(str(call[2]))

    event.listen(sqlalchemy.engine.Engine, "before_cursor_execute", count)
    try:
        with database.read() as session:
            links = poster_links(session, storage_away, dict.fromkeys(range(1, 5), "a"))
    finally:
        event.remove(sqlalchemy.engine.Engine, "before_cursor_execute", count)
    assert len([statement for statement in statements if statement.startswith("SELECT")]) == 1
    assert len(links) == 4
    assert all(link.url("blur", "jpg").startswith("http://") for link in links.values())


def test_outdated_variant_is_linked_until_its_successor_is_ready(
    database: Database, disk: DiskStorage, service: PosterService, source_id: int
) -> None:
    service.ensure_variants(source_id)
    for older in ({"recipe_hash": PosterVariant.key}, {"source_sha256": "0" * 64}):
        with database.write() as session:
            session.execute(update(PosterVariant).values(older))
        with database.read() as session:
            links = poster_links(session, disk, {7: "dune"})[7]
        assert links.url("thumb", "jpg").startswith("/objects/")


def _recipe(name: str, format_: str) -> Recipe:
    recipe = find_recipe(name, format_)
    assert recipe is not None
    return recipe
