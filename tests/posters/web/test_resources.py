"""The resource tree: names, parents, access, and one query in a session of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyramid.config import Router
from pyramid.interfaces import IRootFactory
from pyramid.traversal import lineage, traverse
from sqlalchemy import event, update

from moziweb.db import Database
from moziweb.movies.models import Movie
from moziweb.posters.urls import VariantUrl
from moziweb.posters.web.resources import (
    FoundVariant,
    MoviePosters,
    Root,
    SourceResource,
    VariantResource,
    VariantUnavailable,
    find_variant,
)
from moziweb.request import Request
from moziweb.security import VIEW
from moziweb.services import services_of
from tests.db.faults import terminator
from tests.posters.conftest import source_of
from tests.posters.site import disk_settings, make_site


@pytest.fixture
def site(tmp_path: Path, database_url: str) -> Iterator[Router]:
    site = make_site(disk_settings(tmp_path / "objects", database_url))
    yield site
    services_of(site.registry).database.engine.dispose()


@pytest.fixture
def request_(site: Router) -> Request:
    request = Request.blank("/")
    request.registry, request.services = site.registry, services_of(site.registry)
    return request


def variant_url(source_id: int, slug: str = "dune") -> VariantUrl:
    parsed = VariantUrl.parse(f"7-{slug}.{source_id}.thumb.webp")
    assert parsed
    return parsed


def test_parents_of_a_variant_are_source_movie_and_root(request_: Request, source_id: int) -> None:
    found = traverse(Root(request_), variant_url(source_id).path)
    resources = list(lineage(found["context"]))
    assert found["view_name"] == ""
    assert [resource.__name__ for resource in resources] == [
        ".thumb.webp",
        str(source_id),
        "7-dune",
        "",
    ]
    kinds = [VariantResource, SourceResource, MoviePosters, Root]
    assert [type(resource) for resource in resources] == kinds
    assert all(isinstance(resource.__acl__, list) for resource in resources)


def test_root_factory_is_the_tree(site: Router) -> None:
    assert site.registry.getUtility(IRootFactory) is Root


def test_variant_has_its_canonical_url(request_: Request, source_id: int) -> None:
    variant = Root(request_)["poster"][variant_url(source_id, "duna").segment]
    assert variant.requested_url == variant_url(source_id, "duna")
    assert variant.canonical_url == variant_url(source_id)
    url = request_.resource_url(variant)
    assert url == f"http://localhost/poster/7-dune.{source_id}.thumb.webp"


@pytest.mark.parametrize(
    "segment", ["", "x", "7-dune.1.huge.webp", "8-dune.1.webp", "7-dune.9.jpg"]
)
def test_unknown_segment_raises_key_error(request_: Request, source_id: int, segment: str) -> None:
    with pytest.raises(KeyError):
        Root(request_)["poster"][segment]
    with pytest.raises(KeyError):
        Root(request_)["posters"]


def test_unpublished_movie_denies_all_below_it(
    request_: Request, database: Database, source_id: int
) -> None:
    variant = Root(request_)["poster"][variant_url(source_id).segment]
    assert request_.has_permission(VIEW, variant)
    assert not request_.has_permission("edit", variant)
    with database.write() as session:
        session.execute(update(Movie).values(published=False))
    with pytest.raises(KeyError):
        Root(request_)["poster"][variant_url(source_id).segment]
    closed = MoviePosters(Root(request_), 7, "dune", published=False)
    assert not request_.has_permission(VIEW, SourceResource(closed, source_id))


def test_lookup_takes_one_query(database: Database, source_id: int) -> None:
    statements: list[str] = []

    def note(*call: object) -> None:
        statements.append(str(call[2]))

    event.listen(database.engine, "before_cursor_execute", note)
    found = find_variant(database, variant_url(source_id))
    assert len([text for text in statements if text.startswith("SELECT")]) == 1
    source = source_of(database, source_id)
    assert found == FoundVariant(
        slug="dune",
        published=True,
        state=source.state,
        next_attempt_at=None,
        width=None,
        height=None,
        key=None,
        bucket=None,
    )


def test_unreachable_database_raises_variant_unavailable(database_away: Database) -> None:
    with pytest.raises(VariantUnavailable) as caught:
        find_variant(database_away, variant_url(1))
    assert caught.value.url == variant_url(1)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_lookup_is_run_again_after_a_lost_connection(database: Database, source_id: int) -> None:
    expected = find_variant(database, variant_url(source_id))
    with terminator(database.engine) as fault:
        fault.before = 1
        assert find_variant(database, variant_url(source_id)) == expected
        assert fault.count == 1
