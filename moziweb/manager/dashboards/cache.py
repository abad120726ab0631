"""View models of the cache dashboard: regions as counted by this process."""

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

MAX_SLOW_RENDERS: Final = 8
"""Slow renders that are listed."""

HITS: Final = ("hit", "l1", "stale")
"""Statuses of requests that were served without a render."""

WARMABLE: Final = (Priority.WEEKS, Priority.SHOWN, Priority.CALENDAR, Priority.ARCHIVE)
"""Priorities that warming may reach."""


@dataclass(frozen=True, slots=True)
class RegionView:
    """A region: its statistics, this process's counters, and charts of requests per minute.

    ``asked`` and ``hits`` have the same scale and are drawn on top of each other.
    """

    name: str
    statistics: Mapping[str, Any]
    counted: RegionCounts
    asked: BarChart
    hits: BarChart
    l1_bytes: int


@dataclass(frozen=True, slots=True)
class SlowRenderView:
    """A slow render: its region and the page's path, "" for a fragment."""

    region: str
    path: str
    seconds: float
    at: datetime


def regions_of(
    cache: Cache, statistics: Mapping[str, Any], counters: InProcessCounters
) -> tuple[RegionView, ...]:
    """Returns all regions, in the order of the ini file."""
    return tuple(_region(cache, name, statistics[name], counters) for name in cache.regions)


def slowest_of(
    cache: Cache, counters: InProcessCounters, url_index: UrlIndex
) -> tuple[SlowRenderView, ...]:
    """Returns the slowest renders of all regions, with paths known to this process."""
    slow: list[tuple[str, SlowRender]] = [
        (name, each) for name in cache.regions for each in counters.counts_of(name).slowest
    ]
    slow.sort(key=lambda pair: pair[1].seconds, reverse=True)
    paths = url_index.paths_of(each.key for _name, each in slow[:MAX_SLOW_RENDERS])
    return tuple(
        SlowRenderView(name, paths.get(each.key, ""), each.seconds, moment(each.at))
        for name, each in slow[:MAX_SLOW_RENDERS]
    )


def moment(seconds: float) -> datetime:
    """Converts Unix time to an aware datetime."""
    return datetime.fromtimestamp(seconds, UTC)


def _region(
    cache: Cache, name: str, statistics: Mapping[str, Any], counters: InProcessCounters
) -> RegionView:
    minutes = counters.served_by_minute(name)
    asked = bar_chart([_point(start, sum(counts.values())) for start, counts in minutes])
    hits = bar_chart([_point(start, _hits(counts)) for start, counts in minutes], asked.top)
    l1_bytes = cache.regions[name].local_cache_bytes
    return RegionView(name, statistics, counters.counts_of(name), asked, hits, l1_bytes)


def _hits(counts: Mapping[str, int]) -> int:
    return sum(counts.get(status, 0) for status in HITS)


def _point(start: float, value: float) -> Point:
    return Point(f"{moment(start).astimezone(BUDAPEST):%H:%M}", value)
