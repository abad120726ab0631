"""What the console of the cache shows: each region as this process has seen it, and the outbox."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from moziweb.cache import Cache, InProcessCounters
from moziweb.cache.http.url_index import UrlIndex
from moziweb.cache.regions.metrics import RegionCounts, SlowRender
from moziweb.movies.calendar import BUDAPEST
from moziweb.site.page_cache.url_inventory import Priority

from .charts import BarChart, Point, bar_chart

SLOWEST: Final = 8
"""Renders that are listed."""

HITS: Final = ("hit", "l1", "stale")
"""Ways of being served without a render."""

WARMABLE: Final = (Priority.WEEKS, Priority.SHOWN, Priority.CALENDAR, Priority.ARCHIVE)
"""How far a warming may go."""


@dataclass(frozen=True, slots=True)
class RegionShown:
    """A region: what it is made of, what this process counted, and what it served by the minute.

    ``asked`` and ``hits`` are drawn on one scale, the one over the other.
    """

    name: str
    told: Mapping[str, Any]
    counted: RegionCounts
    asked: BarChart
    hits: BarChart
    l1_bytes: int


@dataclass(frozen=True, slots=True)
class SlowShown:
    """A slow render: the address of the page, or "" for a piece of one, and its region."""

    region: str
    path: str
    seconds: float
    at: datetime


def regions_of(
    cache: Cache, told: Mapping[str, Any], tally: InProcessCounters
) -> tuple[RegionShown, ...]:
    """Every region, in the order of the ini file."""
    return tuple(_region(cache, name, told[name], tally) for name in cache.regions)


def slowest_of(cache: Cache, tally: InProcessCounters, book: UrlIndex) -> tuple[SlowShown, ...]:
    """The slowest renders of all regions, with the addresses that this process knows."""
    slow: list[tuple[str, SlowRender]] = [
        (name, each) for name in cache.regions for each in tally.counts_of(name).slowest
    ]
    slow.sort(key=lambda pair: pair[1].seconds, reverse=True)
    paths = book.paths_of(each.key for _name, each in slow[:SLOWEST])
    return tuple(
        SlowShown(name, paths.get(each.key, ""), each.seconds, moment(each.at))
        for name, each in slow[:SLOWEST]
    )


def moment(seconds: float) -> datetime:
    """Unix time as an aware moment."""
    return datetime.fromtimestamp(seconds, UTC)


def _region(
    cache: Cache, name: str, told: Mapping[str, Any], tally: InProcessCounters
) -> RegionShown:
    minutes = tally.served_by_minute(name)
    asked = bar_chart([_point(start, sum(counts.values())) for start, counts in minutes])
    hits = bar_chart([_point(start, _hits(counts)) for start, counts in minutes], asked.top)
    return RegionShown(
        name, told, tally.counts_of(name), asked, hits, cache.regions[name].local_cache_bytes
    )


def _hits(counts: Mapping[str, int]) -> int:
    return sum(counts.get(status, 0) for status in HITS)


def _point(start: float, value: float) -> Point:
    return Point(f"{moment(start).astimezone(BUDAPEST):%H:%M}", value)
