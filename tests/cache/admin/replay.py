"""Generated reads, and a replay of them on a real region."""

import math
import random
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate

from moziweb.cache import CacheEvents, RenderContext, Rendered, from_settings, tag
from moziweb.cache.admin.forecast import Read, SimulatedSettings
from moziweb.cache.regions.rendering import CacheStatus
from tests.cache.clock_source import ClockSource

PAGES = 600
SECONDS = 6 * 3600.0
START = 1_800_000_000.0
POINTS = 0.02
"""The largest difference between a forecast and what happens: two points."""


def popular(generator: random.Random, count: int) -> Iterator[int]:
    """Numbers of pages: Zipf's distribution, as of the requests of web sites."""
    weights = list(accumulate(1 / (rank + 1) for rank in range(PAGES)))
    for _ in range(count):
        yield bisect_left(weights, generator.random() * weights[-1])


def size_of(page: int) -> int:
    return 4_000 + 37 * (page * page % 1_009)


def history() -> list[Read]:
    """Six hours of reads; every other minute a write changes one of the popular pages."""
    generator = random.Random(7)
    times = sorted(START + generator.random() * SECONDS for _ in range(5_000))
    writes: dict[int, list[float]] = {page: [] for page in range(PAGES)}
    for minute in range(0, int(SECONDS / 60), 2):
        writes[int(generator.random() ** 2 * PAGES / 4)].append(START + 60.0 * minute)
    last: dict[int, float] = {}
    reads = []
    for at, page in zip(times, popular(generator, len(times)), strict=True):
        since = last.get(page, math.inf)
        changed = [write for write in writes[page] if since < write <= at]
        changed_at = max(changed, default=None)
        reads.append(Read(at, f"{page}", size_of(page), changed_at, tags=1 + page % 20))
        last[page] = at
    return reads


class Replay:
    """Replays reads on a real region; a write is published at its time."""

    def __init__(self, settings: SimulatedSettings, observer: CacheEvents | None = None) -> None:
        keys: dict[str, str] = {
            "cache.regions": "pages",
            "cache.pages.arguments.max_bytes": str(int(settings.size)),
            "cache.pages.expiration_time": str(settings.expiration_time),
            "cache.pages.l1_bytes": str(int(settings.l1_bytes)),
            "cache.pages.refresh_after": str(settings.refresh_after),
        }
        self.now = START
        self.cache = from_settings(keys, observer=observer, now=lambda: self.now)
        self.region = self.cache.regions["pages"]
        self.due: list[str] = []
        self.region.on_refresh_due(self.due.append)
        self.renders = 0

    def run(self, reads: Sequence[Read]) -> Mapping[CacheStatus, int]:
        """Read everything; the number of reads by status."""
        found = dict.fromkeys(CacheStatus, 0)
        for read in reads:
            self.now = read.at
            if read.changed_at is not None:
                self.cache.stamps.publish([tag("page", read.key)])
            found[self._read(read)] += 1
            for key in set(self.due):
                self.region.refresh_if_due(key, self._renderer(read), source=self._source())
            self.due.clear()
        return found

    def _read(self, read: Read) -> CacheStatus:
        key = self.cache.keys["pages"].key(read.key)
        return self.region.get_or_render(key, self._renderer(read), source=self._source()).status

    def _renderer(self, read: Read) -> Callable[[RenderContext], Rendered]:
        def render(context: RenderContext) -> Rendered:
            self.renders += 1
            context.depend(tag("page", read.key))
            context.depend(*(tag("part", read.key, number) for number in range(1, read.tags)))
            return Rendered(b"x" * read.size)

        return render

    def _source(self) -> ClockSource:
        return ClockSource(self.cache.stamps)


def hits_of(statuses: Mapping[CacheStatus, int]) -> int:
    return statuses[CacheStatus.HIT] + statuses[CacheStatus.L1]
