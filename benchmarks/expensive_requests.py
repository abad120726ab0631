"""The most expensive anonymous request of each route, by CPU time of web process and PostgreSQL.

The database has the demo. Nothing is cached, so every request renders its whole page. The
candidates of a route are its URLs in the site maps, and requests made to be expensive: searches for
common letters, for long, short and misspelt words. The most expensive ones of a first pass are
measured again in rounds. Each round also renders the index, and a ratio is the median of the ratios
of the rounds, so that other work on the machine affects both.

Not measured: the first request of a poster variant, which makes it (``benchmarks.cold_posters``),
and signing in, whose cost is that of the password's hash and limited by the sign-in throttle.

Run it from the repository's root: ``python -m benchmarks.expensive_requests [--rounds 9]``.
"""

import argparse
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final
from urllib.parse import urlencode

from pyramid.interfaces import IRoutesMapper
from pyramid.request import Request
from sqlalchemy import Engine, select
from webtest import TestApp

from benchmarks.report import Bound, Cell, finish, print_table
from moziweb import main as make_app
from moziweb.db import Database, create_engine, migrations
from moziweb.demo.loader import load_demo
from moziweb.movies.calendar import budapest_today
from moziweb.movies.models import Movie, Person
from moziweb.movies.search_queries import MAX_QUERY_LENGTH
from moziweb.services import services_of
from tests.services.postgres import PostgresServer

RATIO: Final = 3.0
"""The upper bound of the cost of a request, in cold indexes."""

SMALLEST: Final = ("--rounds", "1", "--routes", "movie", "week", "--samples", "3")
"""The arguments of the smallest run, which the tests do."""

SAMPLES: Final = 20
"""URLs of a route in the first pass."""

FINALISTS: Final = 3
"""URLs of a route that are measured in rounds."""


@dataclass
class Site:
    """The application, and the CPU time of all processes that answer a request."""

    browser: TestApp
    engine: Engine
    postmaster: int

    def cost(self, path: str) -> float:
        """The CPU time of a request in milliseconds."""
        before = self._spent()
        self.browser.get(path, status="*")
        return 1000 * (self._spent() - before)

    def _spent(self) -> float:
        return time.process_time() + cpu_of_children(self.postmaster)


def cpu_of_children(parent: int) -> float:
    """CPU time of the living child processes, in seconds; it includes those of PostgreSQL."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    found = 0
    for child in children:
        try:
            found += int(Path(f"/proc/{child}/schedstat").read_text().split()[0])
        except OSError:  # it has ended
            continue
    return found / 1e9


@contextmanager
def running_site() -> Iterator[Site]:
    """The demo on PostgreSQL, without a cache."""
    with (
        tempfile.TemporaryDirectory() as folder,
        PostgresServer() as server,
        server.database() as url,
    ):
        engine = create_engine({"sqlalchemy.url": url, "sqlalchemy.pool_size": 1})
        migrations.upgrade(engine)
        now = datetime.now(UTC)
        with Database(engine).write() as session:
            load_demo(session, budapest_today(now), now)
        with engine.connect() as connection:  # autovacuum does this later
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql(
                "VACUUM ANALYZE"
            )
        engine.dispose()
        app: Any = make_app(
            {},
            **{
                "site.base_url": "http://localhost",
                "sqlalchemy.url": url,
                "storage.backend": "disk",
                "storage.disk.path": f"{folder}/objects",
            },
        )
        database = services_of(app.registry).database
        yield Site(TestApp(app), database.engine, server.pid)
        database.engine.dispose()


def searches(engine: Engine) -> Iterator[str]:
    """Queries that are expensive by their words."""
    with Database(engine).read() as session:
        texts = [*session.scalars(select(Movie.search_text)),
                 *session.scalars(select(Person.search_text))]  # fmt: skip
        titles = sorted(session.scalars(select(Movie.title)), key=len)
    title = titles[-1]
    yield from ("", "e", "e a o i u n", "%", "_ _ _", "the", title, title[::-1])
    for size in (1, 2, 3, 4):
        common = Counter(
            word[at : at + size]
            for text in texts
            for word in text.split()
            for at in range(len(word) - size + 1)
        )
        most = [part for part, _ in common.most_common(200)]
        yield " ".join(most[:6])
        yield " ".join(most)[:MAX_QUERY_LENGTH]  # the similar movies of a long text
        yield "".join(most)[:MAX_QUERY_LENGTH]
        yield " ".join(f"{part}q" for part in most)[:MAX_QUERY_LENGTH]
    yield from ("qzq", "aeiou", "marinara", "qzqzqzqzq")  # the short titles one edit away
    yield from (each[1::-1] + each[2:] for each in titles if 5 <= len(each) <= 6)
    yield "\ufdfa" * MAX_QUERY_LENGTH  # each folds to eighteen characters
    yield "".join(map(chr, range(0x3300, 0x3300 + MAX_QUERY_LENGTH)))  # each folds to a word


def candidates(site: Site) -> Iterator[str]:
    """URLs of pages, and of requests that are made to be expensive."""
    yield from ("/", "/en/", "/about", "/undated", "/en/undated", "/jump?date=2026-08-20", "/jump")
    yield from ("/premieres.ics", "/premieres-cinema.ics", "/premieres-streaming.ics")
    yield from ("/premieres.atom", "/en/premieres.atom", "/api/main/", "/robots.txt")
    yield from ("/sitemap.xml", "/__heartbeat__", "/__lbheartbeat__", "/manager/sign-in")
    yield from ("/nothing", "/api/nothing", "/week/9999-W01", "/objects/nothing", "/poster/nothing")
    yield from (f"/search?{urlencode({'q': text})}" for text in searches(site.engine))
    for part in _locations(site, "/sitemap.xml"):
        yield part
        yield from _locations(site, part)
    with Database(site.engine).read() as session:
        yield from (f"/api/movie/{movie}" for movie in session.scalars(select(Movie.id)))


def _locations(site: Site, path: str) -> list[str]:
    return re.findall(r"<loc>http://localhost(/[^<]*)</loc>", site.browser.get(path).text)


def by_route(site: Site, paths: Iterable[str]) -> dict[str, list[str]]:
    """The paths of each route."""
    mapper = site.browser.app.registry.getUtility(IRoutesMapper)
    found: dict[str, list[str]] = {}
    for path in dict.fromkeys(paths):
        route = mapper(Request.blank(path))["route"]
        found.setdefault(route.name if route else "none", []).append(path)
    return found


def sample(paths: Sequence[str], count: int = SAMPLES) -> Sequence[str]:
    """At least ``count`` of the paths, evenly spread. Searches are never left out."""
    if paths[0].startswith("/search"):
        return paths
    return paths[:: max(1, len(paths) // count)]


def most_expensive(
    site: Site, routes: Mapping[str, Sequence[str]], samples: int
) -> dict[str, list[str]]:
    """The most expensive paths of each route in a first pass."""
    found = {}
    for name, paths in routes.items():
        costs = {path: min(site.cost(path) for _ in range(2)) for path in sample(paths, samples)}
        found[name] = sorted(costs, key=costs.__getitem__, reverse=True)[:FINALISTS]
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 if a bound is missed."""
    parser = argparse.ArgumentParser(
        description="The most expensive anonymous request of each route."
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--routes", nargs="+", help="names of routes; all without this")
    parser.add_argument("--samples", type=int, default=SAMPLES, help="URLs of a route at first")
    options = parser.parse_args(arguments)
    costs: dict[str, list[float]] = {}
    ratios: dict[str, list[float]] = {}
    with running_site() as site:
        routes = by_route(site, candidates(site))
        if options.routes:
            routes = {name: routes[name] for name in options.routes}
        finalists = most_expensive(site, routes, options.samples)
        for _ in range(options.rounds):
            for path in (path for paths in finalists.values() for path in paths):
                index, cost = site.cost("/"), site.cost(path)
                costs.setdefault(path, []).append(cost)
                ratios.setdefault(path, []).append(cost / index)
    rows: list[list[Cell]] = []
    bounds = []
    for name, paths in finalists.items():
        ratio, path = max((median(ratios[path]), path) for path in paths)
        rows.append([name, len(routes[name]), median(costs[path]), f"{ratio:.2f}", path[:60]])
        bounds.append(Bound(f"{name}: CPU time over a cold index's", ratio, at_most=RATIO))
    rows.sort(key=lambda row: -float(row[3]))
    print_table(
        "The most expensive request of each route, CPU of web and database in ms",
        ["", "candidates", "CPU", "ratio", "request"],
        rows,
    )
    return finish({"rounds": options.rounds}, bounds)


if __name__ == "__main__":
    sys.exit(main())
