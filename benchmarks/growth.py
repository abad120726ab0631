"""Cost of pages and commands with 100,000 movies and with the demo's 800.

The large database has copies of the demo: copies of its movies, people, premieres, posters and
variants, moved by whole years as far as the calendar reaches, so that a week has about as many
premieres as in the demo. Pages are not cached. Each path is requested from both sites in turn, and
a ratio is the median of the ratios of the rounds, so that other work on the machine affects both.
SQLite runs in this process, so its CPU time is measured; PostgreSQL runs in its own, so the wall
time is. Commands run as processes; their peak memory is printed.

Run it from the repository's root: ``python -m benchmarks.growth [--rounds 9] [--size 100000]``.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

from sqlalchemy import Engine, Table, func, insert, select, text, update
from webtest import TestApp

from benchmarks import sized_sites
from benchmarks.expensive_requests import Site as PublicSite
from benchmarks.expensive_requests import by_route, candidates
from benchmarks.report import Bound, Cell, finish, print_table
from moziweb.db import Database, create_engine
from moziweb.db.meta import Base
from moziweb.demo.loader import load_demo
from moziweb.manager.audit.log import COMMAND
from moziweb.manager.auth.accounts import add_user
from moziweb.manager.auth.models import Role
from moziweb.movies.calendar import FIRST_YEAR, LAST_YEAR, budapest_today
from moziweb.movies.models import Movie
from moziweb.posters.models import PosterSource, PosterVariant, SourceState, VariantState
from moziweb.posters.recipes import RECIPES
from moziweb.services import services_of

SMALLEST: Final = ("--databases", "SQLite", "--size", "60", "--rounds", "1", "--paths", "1")
"""The arguments of the smallest run, which the tests do."""

COLD, OPERATIONS = 1.5, 2.0
"""The upper bounds of the ratios of public pages, and of lists of operators and site maps."""

PATHS: Final = 3
"""Paths of a route, evenly spread over the demo."""

MANAGER: Final = ("/manager", "/manager/movies", "/manager/posters", "/manager/cache",
                  "/manager/audit", "/manager/performance")  # fmt: skip
OF_OPERATORS: Final = frozenset({*MANAGER, "sitemap_index", "sitemap_part"})

COMMANDS: Final = (("posters", "status"), ("posters", "generate", "--dry-run"),
                   ("posters", "reconcile"))  # fmt: skip

COPIED: Final = ("movie", "movie_genre", "person", "credit", "premiere", "premiere_change",
                 "trailer", "field_provenance", "poster_source", "poster_variant")  # fmt: skip
"""Tables with copied rows, referenced ones first."""

OFFSET: Final = 100_000
"""Between the ids of two copies of a row."""


def copies(size: int, movies: int) -> Iterator[tuple[int, int, bool]]:
    """For copies up to ``size``: number, days by which to move, whether it has premieres."""
    year = budapest_today(datetime.now(UTC)).year
    back, ahead = year - FIRST_YEAR - 2, LAST_YEAR - year - 2
    years = [each for step in range(2, ahead, 2) for each in (step, -step) if -each < back]
    for number in range(1, max(1, size // movies)):
        dated = number <= len(years)
        yield number, 364 * years[number - 1] if dated else 0, dated


def moved(engine: Engine, column: Any, days: int) -> Any:
    """A date column moved by some days."""
    if engine.dialect.name == "sqlite":
        return func.date(column, f"{days:+} days")
    return func.cast(column, column.type) + text(str(days))


def copy_rows(engine: Engine, table: Table, number: int, days: int) -> Any:
    """The statement that copies the rows of the demo in a table."""
    offset, columns = number * OFFSET, {}
    for column in table.columns:
        copied: Any = column
        targets = {each.column.table.name for each in column.foreign_keys}
        if column.name == "id" or targets & set(COPIED):
            copied = column + offset
        elif column.name in {"imdb_id", "tmdb_id"}:
            copied = None
        elif column.name in {"date", "old_date"}:
            copied = moved(engine, column, days)
        elif column.name == "key":
            copied = column + f"-{number}"
        columns[column.name] = copied
    first = next(
        (c for c in table.columns if c.name in {"movie_id", "premiere_id", "source_id"}), None
    )
    limit = table.c.id if first is None else first
    from_demo = select(*[_labelled(each) for each in columns.values()]).where(limit < OFFSET)
    return insert(table).from_select(list(columns), from_demo)


def _labelled(value: Any) -> Any:
    return text("NULL") if value is None else value


def add_variants(engine: Engine) -> None:
    """Give each source of the demo ready variants by all recipes."""
    with engine.begin() as connection:
        sources = connection.scalars(select(PosterSource.id)).all()
        connection.execute(update(PosterSource).values(state=SourceState.READY, sha256=f"{7:064x}"))
        rows = [
            {"source_id": source, "name": recipe.name, "format": recipe.format,
             "recipe_hash": recipe.hash, "source_sha256": f"{7:064x}",
             "state": VariantState.READY, "width": 100, "height": 150, "bytes": 9_999,
             "mime": f"image/{recipe.format}", "bucket": None,
             "key": f"posters/{source:012x}{index:04x}/a-slug-of-a-film.{recipe.format}"}
            for source in sources
            for index, recipe in enumerate(RECIPES)
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
    add_variants(engine)
    with engine.begin() as connection:
        movies = connection.scalar(select(func.count(Movie.id))) or 1
        for number, days, dated in copies(size, movies):
            for name in COPIED:
                if dated or name not in {"premiere", "premiere_change"}:
                    connection.execute(copy_rows(engine, Base.metadata.tables[name], number, days))
    sized_sites.tidy(engine)
    engine.dispose()


@dataclass
class Site:
    """The site over a database, and its times by path, in seconds."""

    browser: TestApp
    engine: Engine
    clock: Callable[[], float]
    ini: Path
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def ask(self, path: str) -> None:
        """Request a page and record its time."""
        started = self.clock()
        self.browser.get(path, status="*")
        self.seconds.setdefault(path, []).append(self.clock() - started)


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
    yield Site(browser, engine, sized_sites.clock_of(url), ini)
    engine.dispose()


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

    Without searches, which ``benchmarks.search`` measures.
    """
    site = PublicSite(small.browser, small.engine, os.getpid())
    routes = by_route(site, (path for path in candidates(site) if "/search" not in path))
    chosen = {
        name: paths[:: max(1, len(paths) // count)][:count]
        for name, paths in routes.items()
        if name not in {"search", "none", "poster"}
    }
    return {**chosen, **{path: [path] for path in MANAGER}}


def run(small: Site, large: Site, *command: str) -> list[tuple[float, float]]:
    """Seconds and peak MiB of a command on both sites."""
    found = []
    for each in (small, large):
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "moziweb.cli", "-c", each.ini, *command],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert process.stderr is not None
        with process.stderr as stream:
            error = stream.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, 1):  # 1: something is missing
            raise SystemExit(f"growth: {' '.join(command)}: {error}")
        found.append((time.perf_counter() - started, usage.ru_maxrss / 1024))
    return found


def ratio(small: Site, large: Site, paths: Sequence[str]) -> tuple[float, float, float]:
    """The median ratio of some paths, and their median milliseconds on both sites."""
    pairs = [
        (one, other)
        for path in paths
        for one, other in zip(small.seconds[path], large.seconds[path], strict=True)
    ]
    least = 1e-6  # processor time has steps
    return (
        median(other / max(one, least) for one, other in pairs),
        1000 * median(one for one, _ in pairs),
        1000 * median(other for _, other in pairs),
    )


def variant_bytes(engine: Engine) -> float:
    """Bytes of a variant in the table and its indexes; 0 on SQLite, which does not say."""
    if engine.dialect.name == "sqlite":
        return 0.0
    with engine.connect() as connection:
        total = connection.scalar(text("SELECT pg_total_relation_size('poster_variant')")) or 0
        return float(total / (connection.scalar(select(func.count(PosterVariant.id))) or 1))


def measured(kind: str, options: argparse.Namespace) -> tuple[list[Bound], dict[str, float]]:
    """Print the tables of one kind of database; return its bounds and ratios."""
    with sites(kind, options.size) as (small, large):
        routes = paths_by_route(small, options.paths)
        for number in range(options.rounds + 1):
            if number == 1:  # the first round warms up
                small.seconds, large.seconds = {}, {}
            for path in (path for paths in routes.values() for path in paths):
                small.ask(path)
                large.ask(path)
        found = {name: ratio(small, large, paths) for name, paths in routes.items()}
        commands = {" ".join(each): run(small, large, *each) for each in options.commands}
        size = variant_bytes(large.engine)
        with large.engine.connect() as connection:
            movies = connection.scalar(select(func.count(Movie.id)))
    rows: list[list[Cell]] = [
        [name, one, other, f"{times:.2f}"] for name, (times, one, other) in found.items()
    ]
    header = ["", "demo, ms", f"{movies:,} movies, ms", "ratio"]
    print_table(f"{kind}: pages that are not cached", header, rows)
    rows = [[name, one[0], other[0], one[1], other[1]] for name, (one, other) in commands.items()]
    print_table(f"{kind}: commands", ["", "demo, s", "large, s", "demo, MiB", "large, MiB"], rows)
    if size:
        print(f"\n{size:.0f} bytes of database for each variant")
    bounds = [
        Bound(f"{kind}: {name}", times, at_most=OPERATIONS if name in OF_OPERATORS else COLD)
        for name, (times, _, _) in found.items()
    ]
    return bounds, {name: round(times, 2) for name, (times, _, _) in found.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 if a bound is missed."""
    parser = argparse.ArgumentParser(description="Pages and commands with many movies.")
    parser.add_argument(
        "--databases", nargs="+", choices=sized_sites.DATABASES, default=list(sized_sites.DATABASES)
    )
    parser.add_argument("--size", type=int, default=100_000, help="movies")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--paths", type=int, default=PATHS, help="paths of each route")
    parser.add_argument("--pages-only", action="store_true", help="run no command")
    options = parser.parse_args(arguments)
    options.commands = () if options.pages_only else COMMANDS
    bounds: list[Bound] = []
    ratios: dict[str, dict[str, float]] = {}
    for kind in options.databases:
        more, ratios[kind] = measured(kind, options)
        bounds += more
    return finish({"rounds": options.rounds, "ratios": ratios}, bounds)


if __name__ == "__main__":
    sys.exit(main())
