"""Counting of needless renders, the strategy that empties the cache, and the chart."""

import xml.etree.ElementTree as ET

import pytest

from benchmarks.storm import Day, Page
from benchmarks.storm_app import reset_on_variants
from benchmarks.storm_picture import Curve, draw
from moziweb.cache import StampStore, tag
from moziweb.cache.protocol.clock import epoch_of
from moziweb.cache.stores.memory import MemoryAtomicStore


def rendered(at: float, *movies: int, path: str = "/", cache: str = "miss") -> Page:
    return Page(due=at, took=0.1, path=path, cache=cache, movies=frozenset(movies), at=at)


@pytest.mark.parametrize(
    ("saves", "needless"),
    [
        ([], 1),
        ([(15.0, 1)], 0),
        ([(15.0, 2)], 0),
        ([(15.0, 3)], 1),
        ([(5.0, 1)], 1),
        ([(25.0, 1)], 1),
    ],
    ids=["nothing", "a film of both", "a new film", "another's", "long before", "after"],
)
def test_a_render_is_needless_when_nothing_on_the_page_was_saved(
    saves: list[tuple[float, int]], needless: int
) -> None:
    day = Day("tags", pages=[rendered(20.0, 1, 2), rendered(10.0, 1)], saves=saves)
    assert day.needless() == needless


def test_the_first_render_and_hits_are_not_counted() -> None:
    pages = [rendered(10.0, 1), rendered(20.0, 1, cache="l1"), rendered(30.0, 1, path="/week")]
    day = Day("tags", pages=pages)
    assert (day.needless(), len(day.renders()), len(day.renders("/"))) == (0, 2, 1)


def test_only_a_variant_empties_the_cache() -> None:
    stamps = StampStore(MemoryAtomicStore(), 3600)
    reset_on_variants(stamps)
    epoch = epoch_of(stamps.read_clock())
    stamps.publish([tag("movie", 2)])
    assert epoch_of(stamps.read_clock()) == epoch
    stamps.publish([tag("variant", 2)])
    assert epoch_of(stamps.read_clock()) != epoch


def test_chart_names_every_strategy() -> None:
    curve = Curve("tags & more", [1.0, 4.0], [0.0, 0.0], [2.0, 1.0])
    picture = draw([curve, curve], rate=20)
    root = ET.fromstring(picture)
    assert len(root.findall(".//{http://www.w3.org/2000/svg}polyline")) == 6
    assert "tags & more" in "".join(root.itertext())
    assert "prefers-color-scheme: dark" in picture
