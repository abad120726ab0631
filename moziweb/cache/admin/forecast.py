"""Simulates a region on its past reads, with other settings: hits, renders and memory.

The simulated stores evict the least recently used entry, expire and refresh as the real ones do.
Each combination of settings takes one pass over the reads, about a second for a million of them.

The reads may be those of a sample of the keys, chosen by a hash (Waldspurger et al., "Efficient MRC
Construction with SHARDS", FAST 2015): a store for a share of the keys is simulated with the same
share of its bytes. Reads that are missing from the sample, or too many in it, are of the most
popular keys, which are hits with any settings.
"""

import math
from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from ..regions.local_cache import COPY_OVERHEAD_BYTES, TAG_BYTES

ENTRY_OVERHEAD_BYTES: Final = 500
"""Bytes, about, of a stored entry beside its payload: key, tags, metadata, the store's own."""


MAX_READS: Final = 500_000
"""Reads of a forecast; more are reduced to a sample of the keys. They take 100 MB."""


def is_sampled(number: int, zero_bits: int) -> bool:
    """Whether the key with this CRC-32 is in the sample of those that end in so many zero bits.

    Each sample contains those with more zero bits.
    """
    return number & ((1 << zero_bits) - 1) == 0


@dataclass(frozen=True, slots=True)
class Read:
    """A read of the entry ``key`` by a process; ``at`` is Unix time.

    ``size`` is that of its payload and encoded forms, in bytes; ``tags`` is their number.
    ``changed_at`` is the time of the latest invalidation since the read before; None if there was
    none.
    """

    at: float
    key: str
    size: int
    changed_at: float | None = None
    process: int = 0
    tags: int = 0


@dataclass(frozen=True, slots=True)
class SimulatedSettings:
    """Settings of a region, as in the ini file; ``size`` is the bytes of its store.

    With ``is_private`` each process has a store of this size.
    """

    size: float = math.inf
    expiration_time: float = 3600.0
    l1_bytes: float = 0.0
    grace: float = 0.0
    refresh_after: float = 1.0
    is_private: bool = False

    def of_sample(self, rate: float) -> "SimulatedSettings":
        """The settings for a sample of this share of the keys."""
        return replace(self, size=self.size * rate, l1_bytes=self.l1_bytes * rate)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a region does with its reads.

    ``local`` are the hits from local copies. ``waited`` are reads that came while another one
    rendered the entry, and had no entry that was valid within the grace. ``renders`` includes
    ``refreshes``, those in the background. ``stored_bytes`` and ``local_bytes`` are the most at any
    time, the sum of all processes.
    """

    reads: float
    hits: float
    local: float
    waited: float
    stale: float
    renders: float
    refreshes: float
    stored_bytes: float
    local_bytes: float

    @property
    def hit_ratio(self) -> float:
        """The share of reads that rendered nothing, from 0 to 1."""
        return self.hits / self.reads if self.reads else 0.0

    @property
    def memory(self) -> float:
        """The bytes of the entries and of the local copies."""
        return self.stored_bytes + self.local_bytes

    def of_all(self, rate: float, reads: float) -> "Forecast":
        """The forecast for all ``reads``, from that for a sample of the keys."""
        return Forecast(
            reads=reads,
            hits=max(0.0, reads - (self.reads - self.hits) / rate),
            local=max(0.0, reads - (self.reads - self.local) / rate) if self.local else 0.0,
            waited=self.waited / rate,
            stale=self.stale / rate,
            renders=self.renders / rate,
            refreshes=self.refreshes / rate,
            stored_bytes=self.stored_bytes / rate,
            local_bytes=self.local_bytes / rate,
        )


@dataclass(slots=True)
class _Kept:
    """An entry that is rendered from ``rendered_at`` until ``ready_at``.

    ``outdated_at`` is when the entry became outdated that it replaces; None if there was none.
    """

    size: int
    tags: int
    rendered_at: float
    ready_at: float
    expires: float
    outdated_at: float | None


class _Lru:
    """Entries of at most ``limit`` bytes; the least recently used are evicted.

    Each takes ``overhead`` bytes and ``tag_bytes`` for each of its tags.
    """

    def __init__(self, limit: float, overhead: int, tag_bytes: int = 0) -> None:
        self._limit = limit
        self._overhead = overhead
        self._tag_bytes = tag_bytes
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._used = 0
        self.peak = 0

    def get(self, key: str) -> _Kept | None:
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
        return kept

    def put(self, key: str, kept: _Kept) -> None:
        self.drop(key)
        cost = self._cost(kept)
        if cost > self._limit:
            return
        self._kept[key] = kept
        self._used += cost
        while self._used > self._limit:
            self.drop(next(iter(self._kept)))
        self.peak = max(self.peak, self._used)

    def drop(self, key: str) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._used -= self._cost(kept)

    def _cost(self, kept: _Kept) -> int:
        return kept.size + self._overhead + self._tag_bytes * kept.tags


def simulate(
    reads: Iterable[Read], settings: SimulatedSettings, render_seconds: float = 0.0
) -> Forecast:
    """Return what a region that begins empty does with ``reads``, which are in order of time.

    ``render_seconds`` is the time of a render.
    """
    simulation = _Simulation(settings, render_seconds)
    for read in reads:
        simulation.read(read)
    return simulation.forecast()


class _Simulation:
    def __init__(self, settings: SimulatedSettings, render_seconds: float) -> None:
        self._settings = settings
        self._render_seconds = render_seconds
        self._stores = defaultdict[int, _Lru](lambda: _Lru(settings.size, ENTRY_OVERHEAD_BYTES))
        self._copies = defaultdict[int, _Lru](
            lambda: _Lru(settings.l1_bytes, COPY_OVERHEAD_BYTES, TAG_BYTES)
        )
        self._changed: dict[str, float] = {}
        self._reads = self._hits = self._local = 0
        self._waited = self._stale = self._renders = self._refreshes = 0

    def read(self, read: Read) -> None:
        if read.changed_at is not None:
            self._changed[read.key] = read.changed_at
        self._reads += 1
        copies = self._copies[read.process]
        store = self._store_of(read.process)
        copy = copies.get(read.key)
        if copy is not None and self._is_valid(read, copy):
            self._local += 1
            self._hit(read, copy, store)
            return
        stored = store.get(read.key)
        if stored is not None and self._is_valid(read, stored):
            copies.put(read.key, stored)
            self._hit(read, stored, store)
            return
        copies.drop(read.key)
        outdated_at = None
        if stored is not None:
            changed = self._changed.get(read.key, math.inf)
            outdated_at = min(stored.expires, max(changed, stored.rendered_at))
        self._render(read, store, outdated_at)

    def _hit(self, read: Read, kept: _Kept, store: _Lru) -> None:
        self._hits += 1
        if read.at < kept.ready_at:
            since = kept.outdated_at
            if since is not None and read.at - since <= self._settings.grace:
                self._stale += 1
            else:
                self._waited += 1
            return
        life = kept.expires - kept.rendered_at
        if read.at >= kept.rendered_at + self._settings.refresh_after * life:
            self._refreshes += 1
            self._copies[read.process].drop(read.key)
            self._render(read, store, None, seconds=0.0)

    def _render(
        self, read: Read, store: _Lru, outdated_at: float | None, seconds: float | None = None
    ) -> None:
        self._renders += 1
        took = self._render_seconds if seconds is None else seconds
        expires = read.at + self._settings.expiration_time
        kept = _Kept(read.size, read.tags, read.at, read.at + took, expires, outdated_at)
        store.put(read.key, kept)

    def _is_valid(self, read: Read, kept: _Kept) -> bool:
        changed = self._changed.get(read.key)
        return read.at < kept.expires and (changed is None or kept.rendered_at >= changed)

    def _store_of(self, process: int) -> _Lru:
        return self._stores[process if self._settings.is_private else 0]

    def forecast(self) -> Forecast:
        return Forecast(
            reads=self._reads,
            hits=self._hits,
            local=self._local,
            waited=self._waited,
            stale=self._stale,
            renders=self._renders,
            refreshes=self._refreshes,
            stored_bytes=sum(store.peak for store in self._stores.values()),
            local_bytes=sum(copies.peak for copies in self._copies.values()),
        )
