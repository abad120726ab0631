"""View models of the posters dashboard: failures by host and code, throughput, waiting sources."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from moziweb.movies.calendar import BUDAPEST
from moziweb.posters.generation.host_breaker import STORAGE
from moziweb.posters.maintenance.status import PosterCounts, PosterStatus
from moziweb.posters.maintenance.throughput import Hour
from moziweb.posters.models import PosterHost, SourceState
from moziweb.posters.recipes import RECIPES

from .charts import BarChart, LineChart, Point, bar_chart, line_chart
from .samples import Sample


@dataclass(frozen=True, slots=True)
class HostFailures:
    """Failures of a host by code, and its circuit breaker, None if the host has no failures."""

    name: str
    sources: int
    codes: tuple[tuple[str, int], ...]
    breaker: PosterHost | None

    @property
    def is_storage(self) -> bool:
        """Whether it is the site's own storage."""
        return self.name == STORAGE

    def is_open_at(self, now: datetime) -> bool:
        """Whether the circuit breaker is open at ``now``."""
        until = self.breaker.open_until if self.breaker else None
        return until is not None and until > now


def failures_by_host(found: PosterStatus) -> tuple[HostFailures, ...]:
    """Returns every host with failures or a circuit breaker, the most failures first."""
    by_host: dict[str, Counter[str]] = {}
    for (code, host), count in found.failures.items():
        by_host.setdefault(host, Counter())[code] += count
    breakers = {host.name: host for host in found.hosts}
    sites = (
        HostFailures(name, codes.total(), tuple(codes.most_common()), breakers.get(name))
        for name in by_host.keys() | breakers.keys()
        for codes in [by_host.get(name, Counter())]
    )
    return tuple(sorted(sites, key=lambda site: (-site.sources, site.name)))


def causes_of(found: PosterStatus) -> tuple[tuple[str, int], ...]:
    """Counts failed sources by code, the most first."""
    causes: Counter[str] = Counter()
    for (code, _host), count in found.failures.items():
        causes[code] += count
    return tuple(causes.most_common())


def states_of(counts: PosterCounts | None) -> tuple[tuple[SourceState, int | None], ...]:
    """The number of sources by state, in the order of their lifecycle; None if not counted yet."""
    if counts is None:
        return tuple((state, None) for state in SourceState)
    return tuple((state, counts.sources.get(state, 0)) for state in SourceState)


def made_chart(hours: Sequence[Hour]) -> BarChart:
    """Variants per hour."""
    return bar_chart([Point(_clock(hour.start), hour.made) for hour in hours])


def came_chart(hours: Sequence[Hour]) -> BarChart:
    """New sources per hour."""
    return bar_chart([Point(_clock(hour.start), hour.added) for hour in hours])


def waiting_chart(samples: Sequence[Sample]) -> LineChart:
    """Waiting sources, as sampled."""
    return line_chart(
        [Point(f"{sample.at.astimezone(BUDAPEST):%H:%M:%S}", sample.value) for sample in samples]
    )


def time_left(waiting: int, hours: Sequence[Hour], now: datetime) -> timedelta | None:
    """Estimates the time for ``waiting`` sources from the last two hours; None if unknown."""
    made, since = sum(hour.made for hour in hours[-2:]), hours[-2].start
    if not waiting or not made:
        return None
    return (now - since) * (waiting * len(RECIPES) / made)


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone(BUDAPEST):%H:%M}"
