"""View models of the cache dashboard: regions as counted by this process."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pyramid.i18n import TranslationString

from moziweb.cache import Cache, InProcessCounters
from moziweb.cache.http.url_index import UrlIndex
from moziweb.cache.protocol.invalidation_log import LogCheck, LogReset
from moziweb.cache.regions.metrics import RegionCounts, SlowRender
from moziweb.i18n import _
from moziweb.movies.calendar import BUDAPEST
from moziweb.site.page_cache.url_inventory import Priority

from .charts import BarChart, Point, bar_chart

MAX_SLOW_RENDERS: Final = 8
"""Slow renders that are listed."""

CHECKS: Final = {
    LogCheck.CONFIRMED: _("valid by the log"),
    LogCheck.PUBLISHED: _("checked by stamps: a tag was published"),
    LogCheck.BEFORE_START: _("checked by stamps: from before the records that it knows"),
    LogCheck.NOT_READ: _("checked by stamps: the latest records are not known yet"),
}
"""What the invalidation log said of copies and entries."""

RESETS: Final = {
    LogReset.MISSING: _("started again: a record was missing"),
    LogReset.MANY: _("started again: too many tags in one invalidation"),
    LogReset.BEHIND: _("started again: too far behind"),
    LogReset.EPOCH: _("started again: the clock began a new epoch"),
    LogReset.FULL: _("started again: too many tags to remember"),
}
"""Why this process forgot what it knew of the invalidation log."""

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
class LogView:
    """The invalidation log as this process follows it: counters with their names.

    ``size`` are the records in the store and their bytes; None if it does not answer.
    """

    size: Mapping[str, int] | None
    fetches: int
    checks: tuple[tuple[TranslationString, int], ...]
    resets: tuple[tuple[TranslationString, int], ...]


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


def log_of(cache: Cache, size: Mapping[str, int] | None) -> LogView:
    """Returns the state of the invalidation log; resets that have not happened are left out."""
    counts = cache.stamps.log.counts()
    return LogView(
        size,
        counts.fetches,
        tuple((text, counts.checks.get(check, 0)) for check, text in CHECKS.items()),
        tuple(
            (text, counts.resets[each]) for each, text in RESETS.items() if each in counts.resets
        ),
    )


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
