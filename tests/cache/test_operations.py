"""The table of operations in docs/cache.md is what the code does, with and without the log.

A page is one entry with ``n`` tags.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from moziweb.cache.protocol.invalidation_log import RECORD_PATIENCE, InvalidationLog
from moziweb.cache.protocol.stamps import StampStore
from moziweb.cache.regions.rendering import CacheStatus
from moziweb.cache.stores.memcached_client import MemcachedClient
from tests.cache.regions.bench import Bench
from tests.services.memcached import MemcachedServer

DOCS = Path(__file__).parents[2] / "docs" / "cache.md"
HEADING = "| for k published tags, an entry of n tags |"

TAGS = [f"movie:{number}" for number in range(1, 18)]
OTHERS = [f"week:{number}" for number in range(30)]
NUMBERS = {19: "n + 2", 37: "2n + 3"}
SIZES = {1: "1", 2: "2", 18: "n + 1", 30: "k", 31: "k + 1"}

SINGLE = ("get", "add", "gets", "cas", "incr")
MULTI = ("get_multi", "set_multi")
ORDER = ("get", "get_multi", "add", "gets", "cas", "incr", "set_multi")

Counts = Counter[tuple[str, str]]


class CountedBench(Bench):
    """A bench whose operations are counted, those on stamps and leases together."""

    def __init__(self, *, log: bool) -> None:
        super().__init__()
        self.log = log
        self.stamp_counts: Counts = Counter()
        self.entry_counts: Counts = Counter()
        self.leases.store = self.atomic_store
        for name in (*SINGLE, *MULTI):
            self._count(self.atomic_store, name, name, self.stamp_counts)
        self._count(self.backend, "get_serialized_multi", "get_multi", self.entry_counts)
        self._count(self.backend, "set_serialized_multi", "set_multi", self.entry_counts)

    def _count(self, store: Any, name: str, shown: str, counts: Counts) -> None:
        """Count the calls of a method; those of several keys by their number."""
        original = getattr(store, name)

        def counted(*arguments: Any, **options: Any) -> Any:
            keys = list(arguments[0]) if shown in MULTI else ()
            if not self.log:  # a version without the log has no records
                keys = [key for key in keys if not key.startswith("log:")]
            if keys or shown in SINGLE:
                counts[shown, SIZES[len(keys)] if keys else ""] += 1
            first = keys if shown == "get_multi" else arguments[0]
            return original(first, *arguments[1:], **options)

        setattr(store, name, counted)

    def page(self, *, known: bool = True) -> CacheStatus:
        """Answer a request: by the fast path if its URL is known, or else by the view."""
        served = self.region.get_valid("a") if known else None
        if served is None:
            source = _LazySource(self.stamps)
            served = self.region.get_or_render("a", self.render(*TAGS), source=source)
        return served.status


class _LazySource:
    """A snapshot whose clock is read when its transaction begins."""

    def __init__(self, stamps: StampStore) -> None:
        self._stamps = stamps
        self._clock: int | None = None

    def snapshot_clock(self) -> int | None:
        if self._clock is None:
            self._clock = self._stamps.clock()
        return self._clock

    def wrote(self) -> bool:
        return False


def warm(bench: CountedBench) -> None:
    """The page is in the store and in memory, and all of its tags have numbers."""
    for _ in range(3):
        bench.page()


def forget(bench: CountedBench) -> None:
    """The page is not in memory any more."""
    bench.region = bench.open(bench.region.policy)


def publish(bench: CountedBench) -> None:
    bench.stamps.publish(OTHERS)


def hit_in_memory(bench: CountedBench) -> None:
    assert bench.page() is CacheStatus.L1


def hit_in_store(bench: CountedBench) -> None:
    assert bench.page() is CacheStatus.HIT


def miss(bench: CountedBench) -> None:
    assert bench.page() is CacheStatus.MISS


def first_miss(bench: CountedBench) -> None:
    assert bench.page(known=False) is CacheStatus.MISS


def stale(bench: CountedBench) -> None:
    assert bench.page() is CacheStatus.STALE


def after_publish(bench: CountedBench) -> None:
    publish(bench)


def after_other_reader(bench: CountedBench) -> None:
    """After a publish, when another page of the process has read the records."""
    publish(bench)
    bench.stamps.log.catch_up(bench.stamps.read_clock())


def after_forget(bench: CountedBench) -> None:
    forget(bench)


def after_lost_record(bench: CountedBench) -> None:
    publish(bench)
    bench.lose_log()


def after_missed_record(bench: CountedBench) -> None:
    after_lost_record(bench)
    bench.stamps.log.catch_up(bench.stamps.read_clock())


def after_given_up_record(bench: CountedBench) -> None:
    after_lost_record(bench)
    for _ in range(2):
        bench.stamps.log.catch_up(bench.stamps.read_clock())
        bench.now += RECORD_PATIENCE


def after_eviction(bench: CountedBench) -> None:
    """The entry is lost, and its lease has ended."""
    forget(bench)
    bench.backend.delete_multi(["a"])
    bench.now += bench.leases.options.ttl


def after_write(bench: CountedBench) -> None:
    bench.now += bench.leases.options.ttl
    bench.stamps.clock()
    bench.stamps.publish(TAGS[:1])


def after_lease(bench: CountedBench) -> None:
    after_write(bench)
    assert bench.leases.try_acquire("a")


def nothing(bench: CountedBench) -> None:
    """Only the clock exists."""
    bench.stamps.clock()


Step = Callable[[CountedBench], None]

ROWS: dict[str, tuple[Step, Step, Step]] = {
    "publish": (warm, nothing, publish),
    "hit in memory": (warm, nothing, hit_in_memory),
    "hit in memory, the first one of the process after a publish (the clock has moved by two)": (
        warm, after_publish, hit_in_memory,
    ),
    "hit in memory, of each other page after it": (warm, after_other_reader, hit_in_memory),
    "hit in memory, the first one that misses a record": (warm, after_lost_record, hit_in_memory),
    "hit in memory, each one after it while the record is missing (at most 0.2 s)": (
        warm, after_missed_record, hit_in_memory,
    ),
    "hit in memory, the first one of each page after the record was given up": (
        warm, after_given_up_record, hit_in_memory,
    ),
    "hit in the region's store": (warm, after_forget, hit_in_store),
    "stale page, another request renders": (warm, after_lease, stale),
    "miss: evicted": (warm, after_eviction, miss),
    "miss: one tag was published": (warm, after_write, miss),
    "miss: first request, no tag has a stamp": (nothing, nothing, first_miss),
}  # fmt: skip


@contextmanager
def log_state(monkeypatch: pytest.MonkeyPatch, *, on: bool) -> Iterator[None]:
    """Let processes follow the log, or not, as in a version without it."""
    with monkeypatch.context() as patch:
        if not on:
            patch.setattr(InvalidationLog, "catch_up", lambda *_: None)
            patch.setattr(InvalidationLog, "was_valid", lambda *_: True)
        yield


def counted(row: str, monkeypatch: pytest.MonkeyPatch, *, log: bool) -> tuple[str, str]:
    """The operations of a row on the store of stamps and on that of entries, as in the table."""
    prepare, before, act = ROWS[row]
    with log_state(monkeypatch, on=log):
        bench = CountedBench(log=log)
        prepare(bench)
        before(bench)
        bench.stamp_counts.clear()
        bench.entry_counts.clear()
        act(bench)
    return described(bench.stamp_counts), described(bench.entry_counts)


def place(each: tuple[tuple[str, str], int]) -> tuple[int, int]:
    """By operation, then the largest first."""
    (name, size), _ = each
    return ORDER.index(name), -list(SIZES.values()).index(size) if size else 0


def described(counts: Counts) -> str:
    ordered = sorted(counts.items(), key=place)
    texts = [
        f"{NUMBERS.get(count, count)} {name}{f' of {size}' if size else ''}"
        for (name, size), count in ordered
    ]
    return ", ".join(texts) or "-"


def documented() -> dict[str, list[str]]:
    """The rows of the table: without the log, with it, on the store of entries."""
    _, _, after = DOCS.read_text(encoding="utf-8").partition(HEADING)
    lines = after.partition("\n\n")[0].splitlines()[2:]
    cells = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return {name: rest for name, *rest in cells}


def test_table_has_each_row() -> None:
    assert list(documented()) == list(ROWS)


@pytest.mark.parametrize("row", ROWS)
def test_operations_are_those_of_the_table(row: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before, entries_before = counted(row, monkeypatch, log=False)
    now, entries = counted(row, monkeypatch, log=True)
    assert entries == entries_before
    assert documented()[row] == [before, now, entries]


def test_memcached_counts_the_same(memcached_server: MemcachedServer, prefix: str) -> None:
    """The operations of a publish and of the first read after it, by the server's own counters."""
    stamps = StampStore(MemcachedClient([memcached_server.address], prefix=prefix), 3600)
    stamps.resolve(OTHERS)

    def used(act: Callable[[], object]) -> dict[str, int]:
        names = ("cmd_get", "cmd_set", "incr_hits", "incr_misses", "cas_hits")
        before = memcached_server.statistics()
        act()
        after = memcached_server.statistics()
        counts = {name: int(after[name]) - int(before[name]) for name in names}
        return {name: count for name, count in counts.items() if count}

    k = len(OTHERS)
    published = used(lambda: stamps.publish(OTHERS))
    assert published == {"cmd_get": 1, "cmd_set": k + 2, "incr_hits": 2}
    assert used(lambda: stamps.log.catch_up(stamps.read_clock())) == {"cmd_get": 3}
