"""Records reads of the cache every minute, for ``moziweb cache advise``.

Each process records the reads of a sample of the keys: those whose CRC-32 ends in some zero bits.
There are as many zero bits as keep the sample below ``READS_PER_MINUTE``, so a small site records
every read. Reads of personal entries (``Entry.is_personal``) are left out.
"""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from zlib import crc32

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from moziweb.cache import CacheEvents, Entry, InProcessCounters
from moziweb.cache.admin.advice import Workload
from moziweb.cache.admin.forecast import MAX_READS, Read, is_sampled

from .models import CacheReadMinute

READS_PER_MINUTE: Final = 200
"""Reads that a process records at most: about 4 KB, or 40 MB in a week."""

MAX_ZERO_BITS: Final = 16

USED_ROWS: Final = 0.95
"""The share of the rows whose sample contains the one of a workload.

The other rows are those of the busiest minutes. Their samples are so small that they would leave
few keys of all the other minutes.
"""

SampledRead = tuple[int, int, int, int, int]
"""The CRC-32 of the key, tenths of a second in the minute, bytes, 1 if it was invalidated, and the
number of tags, which earlier rows do not have."""


class ReadSample(NamedTuple):
    """The zero bits of a sample, its reads, and the number of reads left out, by region."""

    zero_bits: int
    reads: Mapping[str, list[SampledRead]]
    left_out: Mapping[str, int]


class ReadSampler(CacheEvents):
    """Samples reads. Thread-safe. ``now`` is Unix time."""

    def __init__(self, limit: int = READS_PER_MINUTE, now: Callable[[], float] = time.time) -> None:
        self._limit = limit
        self._now = now
        self._lock = threading.Lock()
        self._zero_bits = 0
        self._mask = 0
        self._reads: list[tuple[str, SampledRead]] = []
        self._left_out: Counter[str] = Counter()

    def read(self, region: str, key: str, entry: Entry, changed: bool) -> None:
        """See ``CacheEvents``. Called for every hit, so it does little."""
        if entry.is_personal:
            with self._lock:
                self._left_out[region] += 1
            return
        number = crc32(key.encode())
        if number & self._mask:
            return
        tenths = int(self._now() % 60 * 10)
        with self._lock:
            if len(self._reads) > 2 * self._limit:  # nothing takes them, or one key is that hot
                return
            read = number, tenths, entry.size, int(changed), len(entry.tags)
            self._reads.append((region, read))
            while len(self._reads) > self._limit and self._zero_bits < MAX_ZERO_BITS:
                self._set_zero_bits(self._zero_bits + 1)

    def _set_zero_bits(self, bits: int) -> None:
        self._zero_bits, self._mask = bits, (1 << bits) - 1
        self._reads = [each for each in self._reads if not each[1][0] & self._mask]

    def take(self) -> ReadSample:
        """Return the sample, and begin another one."""
        with self._lock:
            bits, reads, left_out = self._zero_bits, self._reads, self._left_out
            self._reads, self._left_out = [], Counter()
            if bits and len(reads) < self._limit / 4:
                self._set_zero_bits(bits - 1)
        by_region: dict[str, list[SampledRead]] = defaultdict(list)
        for region, read in reads:
            by_region[region].append(read)
        return ReadSample(bits, by_region, left_out)


@dataclass(slots=True)
class CacheReadRecorder:
    """Returns the reads of each minute as rows, with the counts of all reads and renders."""

    sampler: ReadSampler
    counters: InProcessCounters
    _before: Mapping[str, tuple[int, int, float]] = field(default_factory=dict, init=False)

    def row(self, minute: int, process: str) -> CacheReadMinute | None:
        """The row of the reads since the last call; None without any."""
        totals, sample = self._totals(), self.sampler.take()
        counts: dict[str, list[float]] = {}
        for region, total in totals.items():
            earlier = self._before.get(region, (0, 0, 0.0))
            reads, *renders = (now - before for now, before in zip(total, earlier, strict=True))
            recorded = reads - sample.left_out.get(region, 0)
            if recorded > 0:
                counts[region] = [recorded, *renders]
        self._before = totals
        if not counts:
            return None
        return CacheReadMinute(
            minute=minute, process=process, zero_bits=sample.zero_bits, counts=counts,
            reads=dict(sample.reads),
        )  # fmt: skip

    def _totals(self) -> dict[str, tuple[int, int, float]]:
        """Reads, rendered entries and seconds of renders by region."""
        regions = {region for region, _status in self.counters.served_totals()}
        counted = {region: self.counters.counts_of(region) for region in regions}
        return {
            region: (each.requests, each.rendered, each.render_seconds)
            for region, each in counted.items()
        }


def recorded_workloads(session: Session, since: float) -> dict[str, Workload]:
    """The workload of each region since ``since`` (Unix time), from the rows of all processes.

    The sample is one that ``USED_ROWS`` of the rows contain; the other rows are left out, and
    their reads counted. It is reduced further if there are more than ``MAX_READS``.
    """
    bits = _common_bits(session, since)
    left_out = _reads_above(session, since, bits)
    query = (
        select(CacheReadMinute)
        .where(CacheReadMinute.minute >= since // 60, CacheReadMinute.zero_bits <= bits)
        .order_by(CacheReadMinute.minute)
        .execution_options(yield_per=100)
    )
    numbers: dict[str, int] = {}
    reads: dict[str, list[Read]] = defaultdict(list)
    sums: dict[str, list[float]] = defaultdict(lambda: [0, 0, 0.0])
    for row in session.scalars(query):
        process = numbers.setdefault(row.process, len(numbers))
        for region, counts in row.counts.items():
            before = sums[region]
            sums[region] = [total + count for total, count in zip(before, counts, strict=True)]
        for region, sampled in row.reads.items():
            reads[region] += _reads_of(sampled, row.minute, process, bits)
        while sum(map(len, reads.values())) > MAX_READS:
            bits += 1
            for region, kept in reads.items():
                reads[region] = [read for read in kept if is_sampled(int(read.key), bits)]
    return {
        region: Workload(
            reads=sorted(reads[region], key=lambda read: read.at),
            total=total,
            render_seconds=seconds / rendered if rendered else 0.0,
            rate=0.5**bits,
            left_out=left_out[region],
        )
        for region, (total, rendered, seconds) in sums.items()
    }


def _common_bits(session: Session, since: float) -> int:
    """The least zero bits of which at least ``USED_ROWS`` of the rows have no more."""
    query = (
        select(CacheReadMinute.zero_bits, func.count())
        .where(CacheReadMinute.minute >= since // 60)
        .group_by(CacheReadMinute.zero_bits)
        .order_by(CacheReadMinute.zero_bits)
    )
    rows = [(bits, count) for bits, count in session.execute(query)]
    needed, seen = USED_ROWS * sum(count for _bits, count in rows), 0
    for bits, count in rows:
        seen += count
        if seen >= needed:
            return bits
    return 0


def _reads_above(session: Session, since: float, bits: int) -> Counter[str]:
    """The number of reads of the rows that have more zero bits, by region."""
    query = select(CacheReadMinute.counts).where(
        CacheReadMinute.minute >= since // 60, CacheReadMinute.zero_bits > bits
    )
    reads: Counter[str] = Counter()
    for counts in session.scalars(query):
        reads.update({region: int(numbers[0]) for region, numbers in counts.items()})
    return reads


def _reads_of(
    sampled: Iterable[Iterable[int]], minute: int, process: int, bits: int
) -> Iterator[Read]:
    for number, tenths, size, changed, *tags in sampled:
        if is_sampled(number, bits):
            at = 60 * minute + tenths / 10
            changed_at = at if changed else None
            yield Read(at, str(number), size, changed_at, process, tags[0] if tags else 0)
