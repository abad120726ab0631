"""Recorded reads of the cache: what each process samples, and what commands make of it."""

from collections import Counter
from dataclasses import replace
from zlib import crc32

import pytest

from moziweb.cache import CompositeEvents, DependencyGroup, Entry, InProcessCounters, Kind
from moziweb.cache.admin.forecast import SimulatedSettings
from moziweb.cache.protocol.entry import PERSONAL
from moziweb.db import Database
from moziweb.ops import cache_reads
from moziweb.ops.cache_reads import (
    MAX_ZERO_BITS,
    CacheReadRecorder,
    ReadSampler,
    recorded_workloads,
)
from moziweb.ops.models import CacheReadMinute
from moziweb.ops.performance import KEEP_READ_MINUTES, PerformanceRecorder
from moziweb.ops.transactions import TransactionCounters
from tests.cache.admin.replay import POINTS, SECONDS, START, Replay, history, hits_of

MINUTE = 28_000_000
TAGS = (DependencyGroup(1, ("movie:1", "movie:2")), DependencyGroup(2, ("week:2026-W34",)))
ENTRY = Entry(Kind.PAGE, b"x" * 70, TAGS, 0.0, 1.0, encodings={"gzip": b"x" * 30})
PERSONAL_ENTRY = replace(ENTRY, content={PERSONAL: 1})


class Clock:
    """Unix time that the test sets."""

    def __init__(self) -> None:
        self.now = MINUTE * 60.0

    def __call__(self) -> float:
        return self.now


def test_every_read_is_recorded_while_there_are_few() -> None:
    clock = Clock()
    sampler = ReadSampler(limit=10, now=clock)
    sampler.read("pages", "a", ENTRY, False)
    clock.now += 12.34
    sampler.read("feeds", "b", ENTRY, True)
    sampler.read("pages", "a", ENTRY, False)
    a, b = crc32(b"a"), crc32(b"b")
    reads = {"pages": [(a, 0, 100, 0, 3), (a, 123, 100, 0, 3)], "feeds": [(b, 123, 100, 1, 3)]}
    assert sampler.take() == (0, reads, {})
    assert sampler.take() == (0, {}, {})


def test_many_reads_are_those_of_a_sample_of_the_keys() -> None:
    sampler = ReadSampler(limit=100)
    for number in range(2_000):
        sampler.read("pages", f"{number % 500}", ENTRY, False)
    bits, reads, _left_out = sampler.take()
    assert 4 <= bits <= 6
    assert 20 < len(reads["pages"]) <= 100
    counted = Counter(number for number, *_ in reads["pages"])
    sampled = {crc32(f"{page}".encode()) for page in range(500)}
    assert counted.keys() == {number for number in sampled if number % 2**bits == 0}
    assert set(counted.values()) == {4}, "all reads of a sampled key"
    for _ in range(bits):  # quiet minutes: it grows again
        sampler.take()
    assert sampler.take()[0] == 0


def test_reads_of_one_key_are_bounded_by_the_smallest_sample() -> None:
    sampler = ReadSampler(limit=10)
    key = next(f"{n}" for n in range(10**6) if not crc32(f"{n}".encode()) % 2**MAX_ZERO_BITS)
    for _ in range(12):
        sampler.read("pages", key, ENTRY, False)
    assert sampler.take()[0] == MAX_ZERO_BITS


def test_personal_reads_are_neither_sampled_nor_counted() -> None:
    counters, sampler = InProcessCounters(), ReadSampler()
    recorder = CacheReadRecorder(sampler, counters)
    for region, entry in (("pages", ENTRY), ("pages", PERSONAL_ENTRY), ("feeds", PERSONAL_ENTRY)):
        counters.served(region, "hit")
        sampler.read(region, f"{entry.content}", entry, False)
    row = recorder.row(MINUTE, "a")
    assert row
    assert row.counts == {"pages": [1, 0, 0.0]}
    assert [number for number, *_ in row.reads["pages"]] == [crc32(b"{}")]
    assert row.reads.keys() == {"pages"}
    sampler.read("feeds", "a list", PERSONAL_ENTRY, False)
    assert recorder.row(MINUTE + 1, "a") is None


def add(database: Database, minute: int, process: str, bits: int, *reads: tuple[int, ...]) -> None:
    with database.write() as session:
        row = CacheReadMinute(
            minute=minute, process=process, zero_bits=bits,
            counts={"pages": [100, 4, 0.2]}, reads={"pages": [list(read) for read in reads]},
        )  # fmt: skip
        session.add(row)


def test_workload_has_the_smallest_sample_of_all_processes(database: Database) -> None:
    """Rows of before the number of tags was recorded have four values."""
    add(database, MINUTE - 9, "a", 0, (8, 0, 10, 0))
    add(database, MINUTE, "a", 0, (8, 15, 10, 1, 7), (3, 20, 10, 0, 7), (4, 599, 30, 0, 7))
    add(database, MINUTE, "b", 2, (4, 10, 30, 0))
    with database.read() as session:
        found = recorded_workloads(session, MINUTE * 60.0)["pages"]
    assert (found.total, found.rate) == (200, 0.25)
    assert found.render_seconds == pytest.approx(0.05)
    start = MINUTE * 60.0
    read = [(round(each.at - start, 1), each.key, each.size, each.process) for each in found.reads]
    a, b = found.reads[1].process, found.reads[0].process
    assert read == [(1.0, "4", 30, b), (1.5, "8", 10, a), (59.9, "4", 30, a)]
    assert a != b
    assert [each.changed_at for each in found.reads] == [None, start + 1.5, None]
    assert [each.tags for each in found.reads] == [0, 7, 7]


def test_a_busy_minute_does_not_reduce_the_sample_of_the_others(database: Database) -> None:
    """Its row is left out, and its reads are counted."""
    for minute in range(39):
        reads = ((number, 0, 10, 0) for number in range(8))
        add(database, MINUTE + minute, "a", int(minute % 3 == 0), *reads)
    add(database, MINUTE + 39, "a", MAX_ZERO_BITS, (2**MAX_ZERO_BITS, 0, 10, 0))
    with database.read() as session:
        found = recorded_workloads(session, MINUTE * 60.0)["pages"]
    assert (found.rate, found.total, found.left_out) == (0.5, 39 * 100, 100)
    assert Counter(read.key for read in found.reads) == dict.fromkeys("0246", 39)


def test_rows_are_written_each_minute_and_pruned(database: Database) -> None:
    clock, counters, sampler = Clock(), InProcessCounters(), ReadSampler()
    add(database, MINUTE - KEEP_READ_MINUTES - 2, "old", 0)
    recorder = PerformanceRecorder(
        database, TransactionCounters(0.5), "r1", clock,
        cache_reads=CacheReadRecorder(sampler, counters),
    )  # fmt: skip
    for count in (2, 1, 0):
        for _ in range(count):
            counters.served("pages", "miss")
            counters.rendered("pages", 0.25, ["a"])
            sampler.read("pages", "a", ENTRY, False)
        clock.now += 60
        recorder.record()
    with database.read() as session:
        rows = session.query(CacheReadMinute).order_by(CacheReadMinute.minute).all()
        assert [(row.minute, row.counts) for row in rows] == [
            (MINUTE, {"pages": [2, 2, 0.5]}),
            (MINUTE + 1, {"pages": [1, 1, 0.25]}),
        ]
        assert len(rows[0].reads["pages"]) == 2


@pytest.mark.parametrize("limit", [200, 20])
def test_recorded_reads_forecast_what_happened(database: Database, limit: int) -> None:
    """With a limit of 20 reads a minute, half of the keys are a sample."""
    clock, counters = Clock(), InProcessCounters()
    sampler = ReadSampler(limit, clock)
    settings = SimulatedSettings(size=2_000_000, expiration_time=1800, l1_bytes=500_000)
    real = Replay(settings, CompositeEvents(counters, sampler))
    recorder = CacheReadRecorder(sampler, counters)
    reads, minute, hits = history(), int(START // 60), 0
    with database.write() as session:
        for number in range(int(SECONDS / 60)):
            now = [read for read in reads if int(read.at // 60) == minute + number]
            for read in now:
                clock.now = read.at
                hits += hits_of(real.run([read]))
            session.add_all(filter(None, [recorder.row(minute + number, "a")]))
    with database.read() as session:
        workload = recorded_workloads(session, START)["pages"]
    assert (workload.rate < 1) == (limit == 20)
    assert workload.total == len(reads)
    forecast = workload.forecast(settings)
    assert forecast.hit_ratio == pytest.approx(hits / len(reads), abs=POINTS)


def test_many_reads_are_reduced_to_a_smaller_sample(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_reads, "MAX_READS", 3)
    for minute in range(2):
        add(database, MINUTE + minute, "a", 0, *((number, 0, 10, 0) for number in range(8)))
    with database.read() as session:
        found = recorded_workloads(session, MINUTE * 60.0)["pages"]
    assert (found.rate, [read.key for read in found.reads]) == (0.125, ["0", "0"])
