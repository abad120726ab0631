"""Cost of an invalidation by size of the site: 800, 100,000 and 1,000,000 movies and pages.

Each size has a database with that number of movies, and a memcached with as many small cached
pages, each with its own tag and stamp. In each round the title of a movie is changed in a watched
session, which flushes, writes its outbox row, commits, publishes and marks the row. Then the pages
of the movie and of its week are requested, which must be rendered, and the page of another movie,
which must be a hit. No time may grow with the size: a write and a read cost only their own tags.
Then 1, 10 and 1,000 tags are published, with the invalidation log and, under other keys, without
it: the table has the operations and bytes that memcached counts for each, and the times. The sizes
are measured in turn, and a ratio is the median of the ratios of the rounds.

Run it from the repository's root: ``python -m benchmarks.invalidation [--sizes 800 100000]``. The
largest size takes a few minutes and about 2 GB of memory.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import insert
from webob import Request

from benchmarks.page_servers import site_settings
from benchmarks.report import Bound, Cell, finish, print_table
from moziweb import main as make_app
from moziweb.cache import Cache, DependencyGroup, Entry, Kind, tag
from moziweb.cache.errors import StoreError
from moziweb.cache.protocol.entry import encode
from moziweb.cache.protocol.stamps import StampStore
from moziweb.cache.stores.memcached_client import MemcachedClient
from moziweb.db import create_engine, migrations
from moziweb.movies.calendar import budapest_today, week_of
from moziweb.movies.models import Movie, Premiere, PremiereKind
from moziweb.services import services_of
from tests.registry import page_cache_of
from tests.services.memcached import MemcachedServer

FLAT = 1.5
BATCH = 500
WEEKLY = 20
"""Movies per week."""

WEEKS_BACK = 6000
MOVIE, OTHER = "/movie/1-film-1", "/movie/25-film-25"  # not of the same week
WARM_UP = 3
"""Rounds that are not counted."""

PUBLISHED = (1, 10, 1_000)
"""Numbers of tags in a publish."""

PUBLISH_OPERATIONS = 5
"""Operations of a publish beside a write for each tag."""

SMALLEST = ("--sizes", "30", "60", "--rounds", "1")
"""The arguments of the smallest run, which the tests do."""

MEASURED = ("write", "film page", "week page", "other page")


def batches(rows: Iterable[Any]) -> Iterator[list[Any]]:
    """Yield batches of ``BATCH``."""
    rest = iter(rows)
    while batch := list(islice(rest, BATCH)):
        yield batch


def make_database(folder: Path, count: int) -> str:
    """Create a database of ``count`` movies, twenty in this week; return its name."""
    engine = create_engine({"sqlalchemy.url": f"sqlite:///{folder}/demo.sqlite"})
    migrations.upgrade(engine)
    week = week_of(budapest_today(datetime.now(UTC)))
    now = datetime.now(UTC)
    movies = (
        {"id": n, "title": f"Film {n}", "original_title": f"Film {n}", "slug": f"film-{n}",
         "runtime": 100, "created_at": now, "updated_at": now}
        for n in range(1, count + 1)
    )  # fmt: skip
    premieres = (
        {"movie_id": n, "kind": PremiereKind.CINEMA, "created_at": now, "updated_at": now,
         "date": week.thursday - timedelta(weeks=0 if n <= WEEKLY else 1 + n % WEEKS_BACK)}
        for n in range(1, count + 1)
    )  # fmt: skip
    with engine.begin() as connection:
        for model, rows in ((Movie, movies), (Premiere, premieres)):
            known = set(model.__table__.c.keys())
            for batch in batches(rows):
                given = [{k: v for k, v in each.items() if k in known} for each in batch]
                connection.execute(insert(model), given)
    engine.dispose()
    return week.name


def fill_cache(cache: Cache, count: int) -> None:
    """Store ``count`` valid pages, each of another movie."""
    stamps, store = cache.stamps, cache.regions["pages"]._parts.entries  # noqa: SLF001
    clock = stamps.read_clock()
    now = time.time()

    def entry(number: int) -> bytes:
        depends = (DependencyGroup(clock, (tag("movie", number),)),)
        return encode(Entry(Kind.PAGE, b"page", depends, now, now + 86_400))

    keys = cache.keys["pages"]
    for batch in batches(range(1, count + 1)):
        store.store({keys.key("filler", str(n)): entry(n) for n in batch}, now)
        numbers = {f"tag:movie:{n}": b"%d" % clock for n in batch}
        insist(partial(stamps._store.set_multi, numbers, 172_800))  # noqa: SLF001


def insist(work: Callable[[], object]) -> None:
    """Do ``work`` again until memcached answers in time, which may fail on a busy machine."""
    while True:
        try:
            work()
        except StoreError:
            time.sleep(0.5)
        else:
            return


def timed(work: Callable[[], object]) -> float:
    """Return the duration of ``work`` in milliseconds."""
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


@dataclass(frozen=True)
class Traffic:
    """What memcached has done: operations, and bytes received and sent."""

    operations: int
    bytes: int

    def __sub__(self, other: "Traffic") -> "Traffic":
        return Traffic(self.operations - other.operations, self.bytes - other.bytes)


def traffic(memcached: MemcachedServer) -> Traffic:
    """The counters of memcached; reading them adds to the bytes."""
    found = {name: int(value) for name, value in memcached.statistics().items() if value.isdigit()}
    operations = ("cmd_get", "cmd_set", "incr_hits", "incr_misses")
    return Traffic(
        sum(found[name] for name in operations), found["bytes_read"] + found["bytes_written"]
    )


class NoRecords:
    """A store of stamps that leaves out the records of the invalidation log."""

    def __init__(self, client: MemcachedClient) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def set_multi(self, values: Mapping[str, bytes], ttl: float = 0) -> None:
        """Store what is not a record."""
        stamps = {name: value for name, value in values.items() if not name.startswith("log:")}
        self._client.set_multi(stamps, ttl)


@dataclass
class Site:
    """The site at one size, and the times of its rounds in milliseconds, by step.

    ``without_log`` publishes under keys of its own. ``traffic`` is that of the last publish of a
    step.
    """

    size: int
    app: Any
    week: str
    memcached: MemcachedServer
    without_log: StampStore
    spent: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    traffic: dict[str, Traffic] = field(default_factory=dict)

    def get(self, path: str, *states: str) -> None:
        """Request a page; its ``X-Cache`` must be one of ``states``."""
        response = Request.blank(path).get_response(self.app)
        state = response.headers.get("X-Cache")
        if response.status_int != 200 or (states and state not in states):
            raise SystemExit(f"invalidation: {path} was {response.status}, {state}")

    def write(self, number: int) -> None:
        """Change the title of a movie, which publishes its tags."""
        with services_of(self.app.registry).database.write() as session:
            session.get_one(Movie, 1).title = f"Film, version {number}"

    def round(self, number: int) -> None:
        """Run a write and the reads after it."""
        works: tuple[Callable[[], object], ...] = (
            lambda: self.write(number),
            lambda: self.get(MOVIE, "miss"),
            lambda: self.get(f"/week/{self.week}", "miss"),
            lambda: self.get(OTHER, "hit", "l1"),  # the local cache may have it
        )
        for each, work in zip(MEASURED, works, strict=True):
            self.spent[each].append(timed(work))

        with_log = page_cache_of(self.app.registry).cache.stamps
        for count in PUBLISHED:
            tags = [tag("person", n) for n in range(1, count + 1)]
            steps = [(publish_of(count), with_log), (without_log(count), self.without_log)]
            for name, stamps in steps[:: -1 if number % 2 else 1]:
                self.publish(name, stamps, tags)

    def publish(self, name: str, stamps: StampStore, tags: Sequence[str]) -> None:
        """Publish tags; record the time and the traffic, without that of the counters."""
        before, started = traffic(self.memcached), traffic(self.memcached)
        self.spent[name].append(timed(lambda: stamps.publish(tags)))
        ended = traffic(self.memcached)
        self.traffic[name] = ended - started - (started - before)

    def ratio(self, step: str, other: str) -> float:
        """The median ratio of the times of two steps."""
        pairs = zip(self.spent[step][WARM_UP:], self.spent[other][WARM_UP:], strict=True)
        return statistics.median(a / b for a, b in pairs)

    def check(self) -> None:
        """Fail if memcached has evicted entries: the cache would be smaller than stated."""
        evicted = int(self.memcached.statistics()["evictions"])
        if evicted:
            raise SystemExit(f"invalidation: memcached was too small: {evicted} evictions")


def publish_of(count: int) -> str:
    """The name of the step that publishes ``count`` tags."""
    return f"publish of {count:,} tag{'s' * (count > 1)}"


def without_log(count: int) -> str:
    """The name of the step that does it without the log."""
    return f"{publish_of(count)} without the log"


@contextmanager
def site(size: int) -> Iterator[Site]:
    """The site with ``size`` movies and as many cached pages."""
    with tempfile.TemporaryDirectory() as name, MemcachedServer(megabytes=1500) as memcached:
        week = make_database(Path(name), size)
        app: Any = make_app({}, **site_settings(Path(name), memcached.address))
        fill_cache(page_cache_of(app.registry).cache, size)
        store: Any = NoRecords(MemcachedClient([memcached.address], prefix="nolg:"))
        found = Site(size, app, week, memcached, StampStore(store, 172_800))
        for path in (MOVIE, OTHER, f"/week/{week}"):
            found.get(path)
        yield found
        found.check()
        services_of(app.registry).database.engine.dispose()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 if a bound is missed."""
    parser = argparse.ArgumentParser(description="Invalidations, as the site grows.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[800, 100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args(arguments)
    with ExitStack() as everything:
        sites = [everything.enter_context(site(size)) for size in options.sizes]
        for number in range(options.rounds + WARM_UP):
            for each in sites:
                each.round(number)
    kept = [{k: v[WARM_UP:] for k, v in each.spent.items()} for each in sites]
    figures = {
        each.size: {name: statistics.median(values) for name, values in spent.items()}
        for each, spent in zip(sites, kept, strict=True)
    }
    rows: list[list[Cell]] = [
        [f"{size:,}", *(f"{found[each]:.2f}" for each in MEASURED)]
        for size, found in figures.items()
    ]
    print_table(
        "Movies, and as many cached pages: milliseconds, medians",
        ["", "write", "movie page, miss", "week page, miss", "other page, hit"],
        rows,
    )
    steps = (*MEASURED, *map(publish_of, PUBLISHED), *map(without_log, PUBLISHED))
    bounds = [
        *print_publishes(sites, figures),
        *(
            Bound(
                f"{name}, largest over smallest",
                statistics.median(
                    last / first for first, last in zip(kept[0][name], kept[-1][name], strict=True)
                ),
                at_most=FLAT,
            )
            for name in steps
        ),
    ]
    milliseconds = {
        str(size): {each: round(value, 3) for each, value in found.items()}
        for size, found in figures.items()
    }
    return finish({"milliseconds": milliseconds, "rounds": options.rounds}, bounds)


def print_publishes(
    sites: Sequence[Site], milliseconds: Mapping[int, Mapping[str, float]]
) -> list[Bound]:
    """The table of publishes, and the bounds of their operations."""
    rows: list[list[Cell]] = []
    bounds = []
    for count in PUBLISHED:
        name, bare = publish_of(count), without_log(count)
        for each in sites:
            seen, less, spent = each.traffic[name], each.traffic[bare], milliseconds[each.size]
            rows.append(
                [f"{name}, {each.size:,} pages", less.operations, seen.operations, less.bytes,
                 seen.bytes, f"{spent[bare]:.3f}", f"{spent[name]:.3f}",
                 f"{each.ratio(name, bare):.2f}"]
            )  # fmt: skip
        most = max(each.traffic[name].operations for each in sites) - count
        bounds.append(Bound(f"{name}: further operations", most, at_most=PUBLISH_OPERATIONS))
    print_table(
        "A publish without and with the log: memcached's operations and bytes, milliseconds",
        ["", "operations", "with", "bytes", "with", "median", "with", "ratio"],
        rows,
    )
    return bounds


if __name__ == "__main__":
    sys.exit(main())
