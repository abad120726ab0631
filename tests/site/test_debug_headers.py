"""Debug headers of pages: X-Cache, Age, Server-Timing and X-Cache-Tags."""

import re
from collections.abc import Iterator

import pytest
from webtest import TestApp

from tests.site.cached import CACHED, Movies, pages, site, week_here

TIMING = re.compile(r"[a-z0-9]+;dur=[0-9]+\.[0-9]{2}")


@pytest.fixture
def cached(settings: dict[str, str], movies: Movies) -> Iterator[TestApp]:
    with site(settings | CACHED) as app:
        yield app


def timing(app: TestApp, path: str) -> dict[str, float]:
    """Milliseconds by name."""
    parts = app.get(path).headers["Server-Timing"].split(", ")
    assert all(map(TIMING.fullmatch, parts))
    return {name: float(dur) for name, _, dur in (part.partition(";dur=") for part in parts)}


def test_server_timing_covers_every_cache_state(cached: TestApp, movies: Movies) -> None:
    path = pages(movies)["index"]
    miss, hit, l1 = (timing(cached, path) for _ in range(3))
    assert miss.keys() >= {"clock", "fetch", "render", "total"}
    assert {"clock", "total"} <= hit.keys()
    assert {"clock", "total"} <= l1.keys()
    assert "render" not in hit.keys() | l1.keys()
    assert l1["total"] < miss["render"] <= miss["total"]


def test_age_counts_from_the_render(cached: TestApp, movies: Movies) -> None:
    ages = [int(cached.get(pages(movies)["week"]).headers["Age"]) for _ in range(3)]
    assert ages[0] == 0
    assert ages == sorted(ages)


def test_tags_header_needs_debug(settings: dict[str, str], movies: Movies) -> None:
    path = pages(movies)["week"]
    with site(settings | CACHED) as app:
        assert "X-Cache-Tags" not in app.get(path).headers
    with site(settings | CACHED | {"cache.debug": "true"}) as app:
        for status in ("miss", "hit", "l1"):
            headers = app.get(path).headers
            assert headers["X-Cache"] == status
            tags = headers["X-Cache-Tags"].split(" ")
            assert {f"movie:{movies.here}", f"week:{week_here().name}"} <= set(tags)
