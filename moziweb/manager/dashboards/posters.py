"""What the console of posters shows: failures by site and by cause, the pace, what waits."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from moziweb.movies.calendar import BUDAPEST
from moziweb.posters.generation.host_breaker import STORAGE
from moziweb.posters.maintenance.status import HostView, PosterStatus
from moziweb.posters.maintenance.throughput import Hour
from moziweb.posters.models import SourceState
from moziweb.posters.recipes import RECIPES

from .charts import BarChart, LineChart, Point, bar_chart, line_chart
from .samples import Sample

NO_HOST: Final = ""
"""The host of what is from no other site: uploads, and what the demo draws."""


@dataclass(frozen=True, slots=True)
class Site:
    """A site that pictures are fetched from: how many failed, by code, and its breaker.

    ``breaker`` is None for a site in good health.
    """

    name: str
    sources: int
    codes: tuple[tuple[str, int], ...]
    breaker: HostView | None

    @property
    def is_storage(self) -> bool:
        """Whether it is our own file store."""
        return self.name == STORAGE

    def rests_at(self, now: datetime) -> bool:
        """Whether it is left alone at ``now``."""
        until = self.breaker.open_until if self.breaker else None
        return until is not None and until > now


def sites_of(found: PosterStatus) -> tuple[Site, ...]:
    """Every site with failures or a breaker, those with the most failures first."""
    by_host: dict[str, Counter[str]] = {}
    for (code, host), count in found.failures.items():
        by_host.setdefault(host, Counter())[code] += count
    breakers = {host.name: host for host in found.hosts}
    sites = (
        Site(name, codes.total(), tuple(codes.most_common()), breakers.get(name))
        for name in by_host.keys() | breakers.keys()
        for codes in [by_host.get(name, Counter())]
    )
    return tuple(sorted(sites, key=lambda site: (-site.sources, site.name)))


def causes_of(found: PosterStatus) -> tuple[tuple[str, int], ...]:
    """How many sources failed with each code, the most first."""
    causes: Counter[str] = Counter()
    for (code, _host), count in found.failures.items():
        causes[code] += count
    return tuple(causes.most_common())


def states_of(found: PosterStatus) -> tuple[tuple[SourceState, int], ...]:
    """How many sources are in each state, in the order that they go through them."""
    return tuple((state, found.sources.get(state, 0)) for state in SourceState)


def made_chart(hours: Sequence[Hour]) -> BarChart:
    """Pictures by the hour of Budapest."""
    return bar_chart([Point(_clock(hour.start), hour.made) for hour in hours])


def came_chart(hours: Sequence[Hour]) -> BarChart:
    """New sources by the hour of Budapest."""
    return bar_chart([Point(_clock(hour.start), hour.added) for hour in hours])


def waiting_chart(samples: Sequence[Sample]) -> LineChart:
    """What waited, as somebody looked."""
    return line_chart(
        [Point(f"{sample.at.astimezone(BUDAPEST):%H:%M:%S}", sample.value) for sample in samples]
    )


def time_left(waiting: int, hours: Sequence[Hour], now: datetime) -> timedelta | None:
    """How long what waits takes at the pace of the last hour or two; None where there is none."""
    made, since = sum(hour.made for hour in hours[-2:]), hours[-2].start
    if not waiting or not made:
        return None
    return (now - since) * (waiting * len(RECIPES) / made)


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone(BUDAPEST):%H:%M}"
