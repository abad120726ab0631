"""Cost of pages, commands and variants with 100,000 movies and with the demo's 800.

The large database is the demo with an archive: copies of its movies, people, premieres, posters and
variants, whose premieres are on days of earlier years. So a page of the present lists as many
movies as that of the demo: weeks, months and the index have no copy, and movies without a date are
those of the demo. Both have a movie with a premiere in each year, so that the list of years is as
long. Genres, services and distributors are not copied: there, the blocks of earlier movies are
fuller, and so are the blocks of the API. "Size" is the ratio of the sizes of the pages; a page that
lists more may cost as much more, so the bounds are those of the ratio over it.

Each path is requested from both sites in turn, not cached and then cached, and a ratio is the
median of the ratios of the rounds, so that other work on the machine affects both. Of the paths of
a route, the one that grows most is printed. SQLite runs in this process, so its CPU time is
measured; PostgreSQL runs in its own, so the wall time is. Commands run as processes; their peak
memory is printed, and the seconds until their first line. No object is in storage, so `reconcile`
reports every variant as missing, until it is stopped. The manager counts the posters of a large
site in a thread, once a minute: on SQLite, this is in the time of one page. The bytes of a variant,
with its indexes, are compared with those of the schema before migration 0031.

Run it from the repository's root: ``python -m benchmarks.growth [--rounds 9] [--size 100000]``.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from threading import Timer
from typing import Any, Final

from sqlalchemy import (
    Column,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    cast,
    func,
    insert,
    literal,
    select,
    text,
    update,
)
from webtest import TestApp

from benchmarks import sized_sites
from benchmarks.bulk_load import Progress, bulk_load
from benchmarks.expensive_requests import Site as PublicSite
from benchmarks.expensive_requests import by_route, candidates
from benchmarks.report import Bound, Cell, finish, print_table
from moziweb.db import Database, create_engine, migrations
from moziweb.db.meta import Base
from moziweb.demo.loader import load_demo
from moziweb.manager.audit.log import COMMAND
from moziweb.manager.auth.accounts import add_user
from moziweb.manager.auth.models import Role
from moziweb.movies.calendar import FIRST_YEAR, budapest_today
from moziweb.movies.models import (
    UNANNOUNCED,
    DatePrecision,
    Movie,
    Person,
    Premiere,
    PremiereKind,
)
from moziweb.movies.movie_rows import bare_movie
from moziweb.posters.models import PosterSource, PosterVariant, SourceState, VariantState
from moziweb.posters.recipes import RECIPES, object_key
from moziweb.services import services_of
from moziweb.site.urls import named_segment, segment_of
from moziweb.storage.disk import DiskStorage

SMALLEST: Final = (
    "--databases", "SQLite", "--size", "60", "--rounds", "1", "--paths", "1",
    "--commands", "posters status",
)  # fmt: skip
"""The arguments of the smallest run, which the tests do."""

COLD, OPERATIONS, CACHED = 1.5, 2.0, 1.5
"""The upper bounds of the ratios of public pages, of lists of operators and site maps, of hits."""

MORE_MEMORY: Final = 64.0
"""The most MiB that a command may need more with the large database."""

VARIANT_BYTES: Final = 0.5
"""The upper bound of the bytes of a variant over those with the schema before."""

FULL_SCHEMA: Final = "0030"
"""The migration before the indexes of variants became fewer."""

RECENT: Final = 1_000
"""Variants that were made in the last hours, in both databases; the others are a month old."""

COMMAND_WITH_PEAK: Final = """\
import atexit, runpy, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
def peak():
    with open("/proc/self/status") as file:
        sys.stderr.write("".join(line for line in file if line.startswith("VmHWM")))
atexit.register(peak)
runpy.run_module("moziweb.cli", run_name="__main__", alter_sys=True)
"""
"""Runs a command, then prints its peak memory; that of `wait4` would include its parent's."""

SECONDS: Final = 120
"""After this time a command is stopped: `reconcile` requests each missing object."""

CACHE: Final = {"cache.regions": "pages fragments feeds search"}

PATHS: Final = 3
"""Paths of a route, evenly spread over the demo."""

OTHERS: Final = {
    "API: lists": [
        f"/api/v1/{name}" for name in ("premieres", "movies", "people", "distributors", "changes")
    ],
    "API: filters": ["/api/v1/premieres?genre=drama", "/api/v1/premieres?rating=18"],
    "API: details": ["/api/v1/movies/1", "/api/v1/people/1"],
    "calendars of filters": ["/premieres.ics?genre=drama", "/premieres.ics?service=netflix"],
    "calendars of lists": ["/my.ics?m=1.2.3"],
    "news of filters": ["/premieres.atom?genre=drama", "/premieres.atom?service=netflix"],
    "pages of filters": ["/?genre=drama", "/?service=netflix", "/?rating=18"],
    "empty weeks": ["/week/2150-W10", "/week/2150-W10?genre=drama", "/week/2150-W10?rating=18"],
    "watchlist": ["/watchlist?m=1.2.3"],
}
"""Paths that site maps do not have."""

MANAGER: Final = (
    "/manager", "/manager/movies", "/manager/movies?show=no-poster",
    "/manager/movies?show=no-date&sort=date", "/manager/posters", "/manager/names", "/manager/bin",
    "/manager/imports", "/manager/users", "/manager/cache", "/manager/audit",
    "/manager/performance",
)  # fmt: skip
OF_OPERATORS: Final = frozenset(
    {
        *MANAGER,
        "sitemap",
        "sitemap_pages",
        "sitemap_year",
        "sitemap_movies",
        "sitemap_people",
        "sitemap_distributors",
    }
)

COMMANDS: Final = ("posters status", "posters generate --dry-run", "posters reconcile")

COPIED: Final = ("movie", "movie_genre", "person", "credit", "premiere", "premiere_change",
                 "trailer", "field_provenance", "poster_source", "poster_variant")  # fmt: skip
"""Tables with copied rows, referenced ones first."""


NEAREST: Final = 5
"""The fewest years between the demo, which has two years and a half on both sides, and a copy."""


def copies(size: int, movies: int) -> Iterator[tuple[int, int]]:
    """The numbers of the copies up to ``size`` movies, and the days by which to move each."""
    years = budapest_today(datetime.now(UTC)).year - FIRST_YEAR - 2 - NEAREST
    for number in range(1, max(1, size // movies)):
        yield number, -364 * (NEAREST + number % years)


COPY: Final = Table(
    "copy", MetaData(),
    Column("number", Integer, primary_key=True), Column("days", Integer),
    prefixes=["TEMPORARY"],
)  # fmt: skip
"""The copies that are made, as ``copies`` gives them."""

BATCH: Final = 50
"""Copies that a statement makes."""


def moved(engine_name: str, column: Any) -> Any:
    """A date column moved by the days of the copy."""
    if engine_name == "sqlite":
        return func.date(column, cast(COPY.c.days, String) + " days")
    return cast(column, column.type) + COPY.c.days


VARIANTS: Final = PosterVariant.__table__

Offsets = dict[str, int]
"""The greatest id of each table of the demo: what lies between the ids of two copies of a row."""


def offsets_of(engine: Engine) -> Offsets:
    tables = (Base.metadata.tables[name] for name in COPIED)
    with engine.connect() as connection:
        return {
            table.name: connection.scalar(select(func.max(table.c.id))) or 0
            for table in tables
            if "id" in table.c
        }


def moved_key(offset: Any) -> Any:
    """The key of a variant with the id of the copied movie."""
    query = select(PosterSource.movie_id).where(PosterSource.id == VARIANTS.c.source_id)
    movie = query.correlate(VARIANTS).scalar_subquery()
    rest = func.substr(VARIANTS.c.key, len("poster/") + 1 + func.length(cast(movie, String)))
    return literal("poster/") + cast(movie + offset, String) + rest


def copy_rows(engine_name: str, table: Table, offsets: Offsets) -> Any:
    """The statement that makes the copies ``first`` to ``last`` of the demo's rows in a table."""
    number = COPY.c.number
    columns = {}
    for column in table.columns:
        copied: Any = column
        targets = {each.column.table.name for each in column.foreign_keys} & offsets.keys()
        if column.name == "id":
            copied = column + number * offsets[table.name]
        elif targets:
            copied = column + number * offsets[targets.pop()]
        elif column.name in {"imdb_id", "tmdb_id"}:
            copied = None
        elif column.name in {"date", "old_date"}:
            copied = moved(engine_name, column)
        elif column.name == "precision":
            copied = literal(DatePrecision.DAY, column.type)
        elif column is VARIANTS.c.key:
            copied = moved_key(number * offsets["movie"])
        elif column.name == "key":
            copied = column + "-" + cast(number, String)
        columns[column.name] = copied
    key, owner = ("id", table.name) if "id" in table.c else ("movie_id", "movie")
    is_of_demo = table.c[key] <= offsets[owner]
    rows = select(*[_labelled(each) for each in columns.values()])
    rows = rows.select_from(COPY.join(table, is_of_demo))
    rows = rows.where(number.between(bindparam("first"), bindparam("last")))
    return insert(table).from_select(list(columns), rows.order_by(number, table.c[key]))


def _labelled(value: Any) -> Any:
    return text("NULL") if value is None else value


def add_variants(engine: Engine, made: datetime) -> None:
    """Give each source of the demo ready variants by all recipes, made at ``made``."""
    with engine.begin() as connection:
        sources = connection.execute(select(PosterSource.id, PosterSource.movie_id)).all()
        ready = {"state": SourceState.READY, "sha256": f"{7:064x}", "created_at": made}
        connection.execute(update(PosterSource).values(ready))
        rows = [
            {"source_id": source, "name": recipe.name, "format": recipe.format,
             "recipe_hash": recipe.hash, "source_sha256": f"{7:064x}",
             "state": VariantState.READY, "width": 100, "height": 150, "bytes": 9_999,
             "mime": f"image/{recipe.format}", "bucket": DiskStorage.bucket, "created_at": made,
             "key": object_key(movie, "a-slug-of-a-film", f"{7:064x}", recipe)}
            for source, movie in sources
            for recipe in RECIPES
        ]  # fmt: skip
        connection.execute(insert(PosterVariant), rows)


def fill(url: str, size: int) -> None:
    """Load the demo into a new database, and copy it until there are ``size`` movies."""
    sized_sites.migrate(url)
    engine = create_engine({"sqlalchemy.url": url, "sqlalchemy.pool_size": 1})
    now = datetime.now(UTC)
    with Database(engine).write() as session:
        load_demo(session, budapest_today(now), now)
        name, password = sized_sites.USER, sized_sites.PASSWORD
        add_user(session, name, password, Role.ADMIN, by=COMMAND, now=now)
    add_variants(engine, now - timedelta(days=30))
    offsets = offsets_of(engine)
    with engine.connect() as connection:
        movies = connection.scalar(select(func.count(Movie.id))) or 1
    engine.dispose()
    if found := list(copies(size, movies)):
        copy_demo(url, found, offsets)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":  # SQLite continues after the largest id
            for name in offsets:
                sequence = f"pg_get_serial_sequence('{name}', 'id')"
                connection.execute(text(f"SELECT setval({sequence}, max(id)) FROM {name}"))
        connection.execute(premieres_of_the_rest(offsets["movie"], now))
        newest = select(func.max(PosterVariant.id)).scalar_subquery()
        recent = update(PosterVariant).where(PosterVariant.id > newest - RECENT)
        connection.execute(recent.values(created_at=now))
    with Database(engine).write() as session:
        session.add(movie_of_every_year(now))
    sized_sites.tidy(engine)
    engine.dispose()


def copy_demo(url: str, found: Sequence[tuple[int, int]], offsets: Offsets) -> None:
    """Make copies of the demo's rows; prints its progress."""
    progress = Progress()
    with bulk_load(url, COPIED, progress) as connection:
        COPY.create(connection)
        rows = [{"number": number, "days": days} for number, days in found]
        connection.execute(insert(COPY), rows)
        for name in COPIED:
            copied = copy_rows(connection.dialect.name, Base.metadata.tables[name], offsets)
            for first in range(1, len(found) + 1, BATCH):
                last = min(first + BATCH - 1, len(found))
                connection.execute(copied, {"first": first, "last": last})
                progress(f"{name}: {last} of {len(found)} copies")
        COPY.drop(connection)


def premieres_of_the_rest(last_of_demo: int, now: datetime) -> Any:
    """The statement that gives each copy of a movie without premieres one of long ago."""
    movies = select(UNANNOUNCED.c.movie_id).where(UNANNOUNCED.c.movie_id > last_of_demo)
    day = budapest_today(now) - timedelta(days=364 * NEAREST)
    columns = movies.add_columns(
        literal(PremiereKind.CINEMA, Premiere.kind.type), literal(day, Premiere.date.type)
    )
    return insert(Premiere).from_select(["movie_id", "kind", "date"], columns)


def movie_of_every_year(now: datetime) -> Movie:
    """A movie with a premiere in each year that copies may reach."""
    movie = bare_movie("Minden év")
    for year in range(FIRST_YEAR, budapest_today(now).year - 2):
        movie.premieres.append(Premiere(kind=PremiereKind.CINEMA, date=date(year, 7, 1)))
    return movie


@dataclass
class Site:
    """The site over a database, and its times by path, in seconds; ``cached`` has a cache."""

    browser: TestApp
    cached: TestApp
    engine: Engine
    clock: Callable[[], float]
    ini: Path
    seconds: dict[str, list[float]] = field(default_factory=dict)
    bytes: dict[str, int] = field(default_factory=dict)

    def ask(self, path: str, *, cached: bool = False) -> int:
        """Request a page and record its time and size; returns its status."""
        browser = self.cached if cached else self.browser
        started = self.clock()
        response = browser.get(path, status="*")
        self.seconds.setdefault(path, []).append(self.clock() - started)
        self.bytes[path] = len(response.body)
        return int(response.status_code)


@contextmanager
def site(url: str, size: int, folder: Path) -> Iterator[Site]:
    """The site with a new database of ``size`` movies; its browser is signed in."""
    fill(url, size)
    ini = folder / "growth.ini"
    settings = sized_sites.settings_of(url, folder)
    keys = "\n".join(f"{key} = {value.replace('%', '%%')}" for key, value in settings.items())
    ini.write_text(f"[app:main]\nuse = egg:moziweb\n{keys}\n")
    app = sized_sites.application(url, folder)
    browser = TestApp(app)
    sized_sites.sign_in(browser)
    engine = services_of(app.registry).database.engine
    cached = TestApp(sized_sites.application(url, folder, **CACHE))
    yield Site(browser, cached, engine, sized_sites.clock_of(url), ini)
    for each in (engine, services_of(cached.app.registry).database.engine):
        each.dispose()


@contextmanager
def sites(kind: str, size: int) -> Iterator[tuple[Site, Site]]:
    """The site with the demo and with ``size`` movies, on one kind of database."""
    sizes = (1, size)
    with sized_sites.urls(kind, sizes) as urls, ExitStack() as opened:
        small, large = (
            opened.enter_context(site(url, count, folder))
            for count, (url, folder) in zip(sizes, urls, strict=True)
        )
        yield small, large


def paths_by_route(small: Site, count: int) -> dict[str, list[str]]:
    """Paths of both sites: of each public route, and of the manager.

    Without searches, which ``benchmarks.search`` measures, and without periods that have copies.
    """
    site = PublicSite(small.browser, small.engine, os.getpid())
    found = by_route(site, (path for path in candidates(site) if "/search" not in path))
    routes = {
        **{name: paths for name, paths in found.items() if name not in {"search", "poster"}},
        **OTHERS,
        **calendars_and_feeds(small.engine),
        **{path: [path] for path in MANAGER},
    }
    first = budapest_today(datetime.now(UTC)).year - 2
    chosen = {}
    for name, paths in routes.items():
        years = [(path, PERIOD.match(path)) for path in paths]
        present = [path for path, year in years if year is None or int(year[1]) >= first]
        if name not in OTHERS:
            present = present[:: max(1, len(present) // count)][:count]
        chosen[name] = present
    return {name: paths for name, paths in chosen.items() if paths}


PERIOD: Final = re.compile("(?:/en)?/(?:week/|month/|year/|sitemap-year-)([0-9]{4})")


def calendars_and_feeds(engine: Engine) -> dict[str, list[str]]:
    """Paths of calendars and feeds, which site maps do not have."""
    with Database(engine).read() as session:
        people = [named_segment(each) for each in session.scalars(select(Person))]
        movies = [segment_of(*row) for row in session.execute(select(Movie.id, Movie.slug))]
    return {
        "person_calendar": [f"/person/{each}.ics" for each in people],
        "movie_calendar": [f"/movie/{each}.ics" for each in movies],
        "movie_news": [f"/movie/{each}.atom" for each in movies],
    }


@dataclass(frozen=True)
class Cost:
    """What a command took: seconds, those until its first line, peak MiB."""

    seconds: float
    first: float
    memory: float


def run(site: Site, *command: str) -> Cost:
    """Run a command on a site."""
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND_WITH_PEAK, "-c", site.ini, *command],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        stop = Timer(SECONDS, process.terminate)
        stop.start()
        before, last = b"", process.stdout.readline()
        first = time.perf_counter() - started
        for line in process.stdout:
            before, last = last, line
        stop.cancel()
    if process.returncode not in (0, 1):  # 1: something is missing
        raise SystemExit(f"growth: {' '.join(command)}: {before.decode()}")
    return Cost(time.perf_counter() - started, first, int(last.split()[1]) / 1024)


@dataclass(frozen=True)
class Growth:
    """A path: the median ratio, the median milliseconds on both sites, the ratio of the sizes."""

    path: str
    ratio: float
    small: float
    large: float
    size: float

    @property
    def of_same_size(self) -> float:
        """The ratio, over that of the sizes if the large page is larger."""
        return self.ratio / max(1.0, self.size)


def growth_of(small: Site, large: Site, path: str) -> Growth:
    pairs = list(zip(small.seconds[path], large.seconds[path], strict=True))
    least = 1e-6  # processor time has steps
    return Growth(
        path,
        median(other / max(one, least) for one, other in pairs),
        1000 * median(one for one, _ in pairs),
        1000 * median(other for _, other in pairs),
        large.bytes[path] / max(small.bytes[path], 1),
    )


def variant_bytes(engine: Engine) -> float:
    """Bytes of a variant in the table and its indexes."""
    size = "SELECT pg_total_relation_size('poster_variant')"
    if engine.dialect.name == "sqlite":
        names = "SELECT name FROM sqlite_master WHERE tbl_name = 'poster_variant'"
        size = f"SELECT sum(pgsize) FROM dbstat WHERE name IN ({names})"
    with engine.connect() as connection:
        total = connection.scalar(text(size)) or 0
        return float(total / (connection.scalar(select(func.count(PosterVariant.id))) or 1))


def times(
    small: Site, large: Site, routes: dict[str, list[str]], rounds: int, *, cached: bool = False
) -> dict[str, Growth]:
    """The path of each route that grows most; a first round warms up, unless there is only one."""
    warm_up = rounds > 1
    progress = Progress()
    for number in range(rounds + warm_up):
        if number == warm_up:
            small.seconds, large.seconds = {}, {}
        for path in (path for paths in routes.values() for path in paths):
            one, other = small.ask(path, cached=cached), large.ask(path, cached=cached)
            if one != other:
                raise SystemExit(f"growth: {path}: status {one} with the demo, else {other}")
            progress(f"round {number + 1 - warm_up} of {rounds}: {path}")
    return {
        name: max(
            (growth_of(small, large, path) for path in paths), key=lambda each: each.of_same_size
        )
        for name, paths in routes.items()
    }


def print_times(title: str, movies: int, found: dict[str, Growth]) -> None:
    rows: list[list[Cell]] = [
        [name, each.small, each.large, f"{each.size:.2f}", f"{each.ratio:.2f}", each.path[:40]]
        for name, each in found.items()
    ]
    print_table(title, ["", "demo, ms", f"{movies:,} movies, ms", "size", "ratio", ""], rows)


def measured_pages(
    kind: str, small: Site, large: Site, options: argparse.Namespace
) -> Iterator[Bound]:
    """Print the ratios of pages; yield their bounds."""
    with large.engine.connect() as connection:
        movies = connection.scalar(select(func.count(Movie.id))) or 0
    routes = paths_by_route(small, options.paths)
    found = times(small, large, routes, options.rounds)
    print_times(f"{kind}: pages that are not cached", movies, found)
    for name, each in found.items():
        limit = OPERATIONS if name in OF_OPERATORS else COLD
        yield Bound(f"{kind}: {name}", each.of_same_size, at_most=limit)
    routes = {name: paths for name, paths in routes.items() if name not in MANAGER}
    found = times(small, large, routes, options.rounds, cached=True)
    print_times(f"{kind}: cached pages", movies, found)
    middle = median(each.of_same_size for each in found.values())
    yield Bound(f"{kind}: cached pages, median", middle, at_most=CACHED)


def measured_commands(
    kind: str, small: Site, large: Site, options: argparse.Namespace
) -> Iterator[Bound]:
    """Print the costs of commands; yield the bounds of their memory."""
    rows: list[list[Cell]] = []
    for name in options.commands:
        one, other = (run(each, *name.split()) for each in (small, large))
        rows.append([name, one.seconds, other.seconds, other.first, one.memory, other.memory])
        more = other.memory - one.memory
        yield Bound(f"{kind}: {name}, MiB more", more, at_most=MORE_MEMORY)
    header = ["", "demo, s", "large, s", "first line, s", "demo, MiB", "large, MiB"]
    print_table(f"{kind}: commands", header, rows)


def measured_variants(
    kind: str, _small: Site, large: Site, _options: argparse.Namespace
) -> Iterator[Bound]:
    """Print the bytes of a variant, now and with the schema before; yield the bound.

    The last part: the large site has an old schema afterwards.
    """
    now = variant_bytes(large.engine)
    migrations.downgrade(large.engine, FULL_SCHEMA)
    sized_sites.tidy(large.engine)
    before = variant_bytes(large.engine)
    print(f"\n{kind}: {now:.0f} bytes of database for each variant, {before:.0f} before")
    yield Bound(f"{kind}: bytes of a variant", now / before, at_most=VARIANT_BYTES)


def measured(kind: str, options: argparse.Namespace) -> list[Bound]:
    """Print the tables of one kind of database; return its bounds."""
    with sites(kind, options.size) as (small, large):
        parts = [PARTS[part] for part in PARTS if part in options.parts]
        return [bound for part in parts for bound in part(kind, small, large, options)]


PARTS: Final = {
    "pages": measured_pages,
    "commands": measured_commands,
    "variants": measured_variants,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 if a bound is missed."""
    parser = argparse.ArgumentParser(description="Pages and commands with many movies.")
    parser.add_argument(
        "--databases", nargs="+", choices=sized_sites.DATABASES, default=list(sized_sites.DATABASES)
    )
    parser.add_argument("--size", type=int, default=100_000, help="movies")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--paths", type=int, default=PATHS, help="paths of each route")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--commands", nargs="*", choices=COMMANDS, default=list(COMMANDS))
    options = parser.parse_args(arguments)
    bounds = [bound for kind in options.databases for bound in measured(kind, options)]
    return finish({"rounds": options.rounds, "size": options.size}, bounds)


if __name__ == "__main__":
    sys.exit(main())
