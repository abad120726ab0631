"""What does an invalidation cost, as the site grows? 800, 100,000 and 1,000,000 movies and pages.

Each size has a database with as many movies, and a memcached with as many cached pages: small ones,
each with a tag of its own and its stamp. Then a film's title is changed in a watched session, which
flushes, writes its outbox row, commits, publishes and marks. After each write the film's page and
its week's page are asked for, which have to be made anew, and another film's, which must be served
as it was. Every figure is to stay flat: a write costs its own tags, whatever else is cached, and a
read costs its own. The sizes are asked in turn, and a ratio is the median of each round's own.

Run it from the repository's root: ``python -m benchmarks.invalidation [--sizes 800 100000]``. The
largest size takes a few minutes and about 2 GB of memory.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import insert
from webob import Request

from benchmarks.page_servers import site_settings
from benchmarks.report import Bound, Cell, finish, print_table
from moziweb import main as make_app
from moziweb.cache import Cache, DependencyGroup, Entry, Kind, tag
from moziweb.cache.protocol.entry import encode
from moziweb.db import create_engine, migrations
from moziweb.movies.calendar import budapest_today, week_of
from moziweb.movies.models import Movie, Premiere, PremiereKind
from moziweb.services import services_of
from tests.registry import page_cache_of
from tests.services.memcached import MemcachedServer

FLAT = 1.5
BATCH = 500
WEEKLY = 20
"""Films that open in a week."""

WEEKS_BACK = 6000
MOVIE, OTHER = "/movie/1-film-1", "/movie/2-film-2"
WARM_UP = 3
"""Rounds that are not counted."""

MEASURED = ("write", "film page", "week page", "other page")


def batches(rows: Iterable[Any]) -> Iterator[list[Any]]:
    """``BATCH`` at a time."""
    rest = iter(rows)
    while batch := list(islice(rest, BATCH)):
        yield batch


def make_database(folder: Path, count: int) -> str:
    """A database with ``count`` movies, twenty of them of this week; the week's name."""
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
    """``count`` cached pages, each of a film of its own, all of them true."""
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
        stamps._store.set_multi(numbers, 172_800)  # noqa: SLF001


def timed(work: Callable[[], object]) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


@dataclass
class Site:
    """The site at one size, and what each round of it took, in milliseconds by what was done."""

    size: int
    app: Any
    week: str
    memcached: MemcachedServer
    spent: dict[str, list[float]] = field(default_factory=lambda: {each: [] for each in MEASURED})

    def get(self, path: str, *states: str) -> None:
        """Ask for a page, which must be served in one of these ways."""
        response = Request.blank(path).get_response(self.app)
        state = response.headers.get("X-Cache")
        if response.status_int != 200 or (states and state not in states):
            raise SystemExit(f"invalidation: {path} was {response.status}, {state}")

    def write(self, number: int) -> None:
        """Change a film's title, and publish that."""
        with services_of(self.app.registry).database.write() as session:
            session.get_one(Movie, 1).title = f"Film, version {number}"

    def round(self, number: int) -> None:
        """A write, and the reads after it."""
        works: tuple[Callable[[], object], ...] = (
            lambda: self.write(number),
            lambda: self.get(MOVIE, "miss"),
            lambda: self.get(f"/week/{self.week}", "miss"),
            lambda: self.get(OTHER, "hit"),
        )
        for each, work in zip(MEASURED, works, strict=True):
            self.spent[each].append(timed(work))

    def check(self) -> None:
        """Nothing may have been evicted: a smaller cache would be another measurement."""
        evicted = int(self.memcached.statistics()["evictions"])
        if evicted:
            raise SystemExit(f"invalidation: memcached was too small: {evicted} evictions")


@contextmanager
def site(size: int) -> Iterator[Site]:
    """The site with ``size`` movies and as many cached pages."""
    with tempfile.TemporaryDirectory() as name, MemcachedServer(megabytes=1500) as memcached:
        week = make_database(Path(name), size)
        app: Any = make_app({}, **site_settings(Path(name), memcached.address))
        fill_cache(page_cache_of(app.registry).cache, size)
        found = Site(size, app, week, memcached)
        for path in (MOVIE, OTHER, f"/week/{week}"):
            found.get(path)
        yield found
        found.check()
        services_of(app.registry).database.engine.dispose()


def main() -> int:
    """1 when something grows."""
    parser = argparse.ArgumentParser(description="Invalidations, as the site grows.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[800, 100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=40)
    asked = parser.parse_args()
    with ExitStack() as everything:
        sites = [everything.enter_context(site(size)) for size in asked.sizes]
        for number in range(asked.rounds + WARM_UP):
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
        ["", "write", "the film's page anew", "its week's anew", "another's, a hit"],
        rows,
    )
    bounds = [
        Bound(
            f"{name}, largest over smallest",
            statistics.median(
                last / first for first, last in zip(kept[0][name], kept[-1][name], strict=True)
            ),
            at_most=FLAT,
        )
        for name in MEASURED
    ]
    told = {
        str(size): {each: round(value, 3) for each, value in found.items()}
        for size, found in figures.items()
    }
    return finish({"milliseconds": told, "rounds": asked.rounds}, bounds)


if __name__ == "__main__":
    sys.exit(main())
