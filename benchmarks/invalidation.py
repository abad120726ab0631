"""What does an invalidation cost, as the site grows? 800, 100,000 and 1,000,000 movies and pages.

Each size has a database with as many movies, and a memcached with as many cached pages: small ones,
each with a tag of its own and its stamp. Then a film's title is changed in a watched session, which
flushes, writes its journal row, commits, publishes and marks. After each write the film's page and
its week's page are asked for, which have to be made anew, and another film's, which must be served
as it was. Every figure is to stay flat: a write costs its own tags, whatever else is cached, and a
read costs its own.

Run it from the repository's root: ``python -m benchmarks.invalidation [--sizes 800 100000]``. The
largest size takes a few minutes and about 2 GB of memory.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import insert
from webob import Request

from benchmarks.page_servers import site_settings
from benchmarks.report import Bound, Cell, finish, print_table
from moziweb import main as make_app
from moziweb.cache import Cache, Entry, Group, Kind, tag
from moziweb.cache.entry import encode
from moziweb.db import create_engine, migrations
from moziweb.movies.calendar import budapest_today, week_of
from moziweb.movies.models import Movie, Premiere, PremiereKind
from tests.services.memcached import MemcachedServer

FLAT = 1.5
BATCH = 500
WEEKLY = 20
"""Films that open in a week."""

WEEKS_BACK = 6000
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
        depends = (Group(clock, (tag("movie", number),)),)
        return encode(Entry(Kind.PAGE, b"page", depends, now, now + 86_400))

    keys = cache.keys["pages"]
    for batch in batches(range(1, count + 1)):
        store.store({keys.key("filler", str(n)): entry(n) for n in batch}, now)
        numbers = {f"tag:movie:{n}": b"%d" % clock for n in batch}
        stamps._cells.set_multi(numbers, 172_800)  # noqa: SLF001


def timed(work: Callable[[], object]) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def measure(count: int, rounds: int) -> dict[str, float]:
    """The medians of one size, in milliseconds."""
    with tempfile.TemporaryDirectory() as name, MemcachedServer(megabytes=1500) as memcached:
        folder = Path(name)
        week = make_database(folder, count)
        app: Any = make_app({}, **site_settings(folder, memcached.address))
        database = app.registry["database"]
        fill_cache(app.registry["cache"], count)

        def get(path: str, *states: str) -> None:
            response = Request.blank(path).get_response(app)
            state = response.headers.get("X-Cache")
            if response.status_int != 200 or (states and state not in states):
                raise SystemExit(f"invalidation: {path} was {response.status}, {state}")

        def write(number: int) -> None:
            with database.write() as session:
                session.get_one(Movie, 1).title = f"Film, version {number}"

        film, other, weekly = "/movie/1-film-1", "/movie/2-film-2", f"/week/{week}"
        for path in (film, other, weekly):
            get(path)
        figures: dict[str, list[float]] = {each: [] for each in MEASURED}
        for number in range(rounds + 3):
            spent = (
                timed(lambda number=number: write(number)),  # type: ignore[misc]
                timed(lambda: get(film, "miss")),
                timed(lambda: get(weekly, "miss")),
                timed(lambda: get(other, "hit")),
            )
            if number >= 3:  # the first few warm up
                for each, took in zip(MEASURED, spent, strict=True):
                    figures[each].append(took)
        database.engine.dispose()
        evicted = int(memcached.statistics()["evictions"])
        if evicted:
            raise SystemExit(f"invalidation: memcached was too small: {evicted} evictions")
    return {each: statistics.median(values) for each, values in figures.items()}


def main() -> int:
    """1 when something grows."""
    parser = argparse.ArgumentParser(description="Invalidations, as the site grows.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[800, 100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=40)
    asked = parser.parse_args()
    figures = {size: measure(size, asked.rounds) for size in asked.sizes}
    rows: list[list[Cell]] = [
        [f"{size:,}", *(f"{found[each]:.2f}" for each in MEASURED)]
        for size, found in figures.items()
    ]
    print_table(
        "Movies, and as many cached pages: milliseconds, medians",
        ["", "write", "the film's page anew", "its week's anew", "another's, a hit"],
        rows,
    )
    first, last = figures[asked.sizes[0]], figures[asked.sizes[-1]]
    bounds = [
        Bound(f"{each}, largest over smallest", last[each] / first[each], at_most=FLAT)
        for each in MEASURED
    ]
    told = {
        str(size): {each: round(value, 3) for each, value in found.items()}
        for size, found in figures.items()
    }
    return finish({"milliseconds": told, "rounds": asked.rounds}, bounds)


if __name__ == "__main__":
    sys.exit(main())
