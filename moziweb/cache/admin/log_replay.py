"""Turns the requests of an access log into the reads of regions, with the writes of the outbox."""

import math
import statistics
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final
from zlib import crc32

from sqlalchemy import Engine

from ..http.page_cache import PageCache
from ..http.routes import EntryLocation
from .access_log import LoggedRequest, logged_requests
from .advice import Workload
from .forecast import MAX_READS, Read, is_sampled

RENDERED_PAGES: Final = 500
"""The most requested pages without a stored entry, which are rendered to know their tags."""

OUTBOX_ROWS: Final = 20_000

URLS_PER_FETCH: Final = 200

KNOWN_LOCATIONS: Final = 100_000

Entries = dict[str, tuple[int, tuple[str, ...]]]
"""Bytes and tags of entries, by key or by URL."""

_DAY: Final = 86_400.0
_UNKNOWN_BYTES: Final = 20_000


@dataclass
class LogReplay:
    """Reads an access log. ``render`` requests a URL of the site, so that its page is stored.

    ``processes`` have answered the requests in turn.
    """

    pages: PageCache
    engine: Engine
    render: Callable[[str], object]
    processes: int = 1
    _locations: dict[str, EntryLocation | None] = field(default_factory=dict)

    def workloads(self, lines: Iterable[str]) -> dict[str, Workload]:
        """The workload of each region whose pages were requested."""
        cached, totals, bits = self._cached(lines)
        entries = self._entries(cached)
        sizes = _Sizes(cached, entries)
        changes = _Changes(entries, self._writes())
        reads: dict[str, list[Read]] = defaultdict(list)
        renders: dict[str, list[float]] = defaultdict(list)
        for number, (request, location) in enumerate(cached):
            region, key = location.region.name, _key_at(location, request.at)
            changed_at = changes.since_last_read(location.key, key, request.at)
            process, size, tags = number % self.processes, sizes.of(location), sizes.tags(location)
            reads[region].append(Read(request.at, key, size, changed_at, process, tags))
            if request.render_seconds is not None:
                renders[region].append(request.render_seconds)
        return {
            name: Workload(found, totals[name], statistics.mean(renders[name] or [0.0]), 0.5**bits)
            for name, found in reads.items()
        }

    def _cached(
        self, lines: Iterable[str]
    ) -> tuple[list[tuple[LoggedRequest, EntryLocation]], Counter[str], int]:
        """The requests of pages, of a sample of the keys; all reads by region; its zero bits."""
        found: list[tuple[LoggedRequest, EntryLocation]] = []
        totals: Counter[str] = Counter()
        bits = 0
        for request in logged_requests(lines):
            location = self._find(request) if request else None
            if request is None or location is None:
                continue
            totals[location.region.name] += 1
            if is_sampled(crc32(location.key.encode()), bits):
                found.append((request, location))
            while len(found) > MAX_READS:
                bits += 1
                found = [each for each in found if is_sampled(crc32(each[1].key.encode()), bits)]
        found.sort(key=lambda each: each[0].at)
        return found, totals, bits

    def _find(self, request: LoggedRequest) -> EntryLocation | None:
        url = request.url
        if len(self._locations) > KNOWN_LOCATIONS:
            self._locations.clear()
        if url not in self._locations:
            self._locations[url] = self.pages.routes.location_of(url)
        location = self._locations[url]
        return None if location and location.has_params and request.is_path else location

    def _entries(self, cached: Sequence[tuple[LoggedRequest, EntryLocation]]) -> Entries:
        """The stored entries of the requested pages; missing ones are rendered, if not too many."""
        counts = Counter(request.url for request, _location in cached)
        urls = [url for url, _count in counts.most_common()]
        found = self._stored(urls)
        missing = [url for url in urls if url not in found][:RENDERED_PAGES]
        for url in missing:
            self.render(url)
        found |= self._stored(missing)
        keys = {request.url: location.key for request, location in cached}
        return {keys[url]: entry for url, entry in found.items()}

    def _stored(self, urls: Sequence[str]) -> Entries:
        found: Entries = {}
        for start in range(0, len(urls), URLS_PER_FETCH):
            entries = self.pages.routes.stored(urls[start : start + URLS_PER_FETCH])
            found |= {url: (entry.size, entry.tags) for url, entry in entries.items()}
        return found

    def _writes(self) -> dict[str, list[float]]:
        """The times of the invalidations of each tag, in order."""
        times: dict[str, list[float]] = defaultdict(list)
        with self.engine.connect() as connection:
            for row in reversed(self.pages.outbox.latest(connection, limit=OUTBOX_ROWS)):
                for tag in row.tags:
                    times[tag].append(row.created)
        return times


def _key_at(location: EntryLocation, at: float) -> str:
    """The key of a page in the past. One with a time window has another key every day."""
    if math.isinf(location.until):
        return location.key
    return f"{location.key} {math.floor((location.until - at) / _DAY)}"


@dataclass
class _Sizes:
    """The sizes of pages: of their entries, else what the log says, else the median."""

    cached: Sequence[tuple[LoggedRequest, EntryLocation]]
    entries: Entries

    def of(self, location: EntryLocation) -> int:
        entry = self.entries.get(location.key)
        return entry[0] if entry else self._logged.get(location.key, self._median)

    def tags(self, location: EntryLocation) -> int:
        entry = self.entries.get(location.key)
        return len(entry[1]) if entry else self._median_tags

    @cached_property
    def _logged(self) -> dict[str, int]:
        return {location.key: request.size for request, location in self.cached if request.size}

    @cached_property
    def _median(self) -> int:
        known = [size for size, _tags in self.entries.values()]
        return int(statistics.median(known)) if known else _UNKNOWN_BYTES

    @cached_property
    def _median_tags(self) -> int:
        return int(statistics.median([len(tags) for _size, tags in self.entries.values()] or [0]))


class _Changes:
    """When invalidations made entries outdated, by their tags."""

    def __init__(self, entries: Entries, writes: Mapping[str, Sequence[float]]) -> None:
        self._entries = entries
        self._writes = writes
        self._times: dict[str, list[float]] = {}
        self._last_reads: dict[str, float] = {}

    def since_last_read(self, entry_key: str, key: str, at: float) -> float | None:
        """The latest invalidation of an entry since its last read; remembers this one."""
        before = self._last_reads.get(key)
        self._last_reads[key] = at
        times = self._times_of(entry_key)
        index = bisect_right(times, at)
        if before is None or not index or times[index - 1] <= before:
            return None
        return times[index - 1]

    def _times_of(self, entry_key: str) -> list[float]:
        times = self._times.get(entry_key)
        if times is None:
            _size, tags = self._entries.get(entry_key, (0, ()))
            times = sorted({at for tag in tags for at in self._writes.get(tag, ())})
            self._times[entry_key] = times
        return times
