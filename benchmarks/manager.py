"""Cost of the manager's lists with 6,000 movies and with 800, on SQLite and PostgreSQL.

Each database has real movies. The same share of them has no poster, has failed, has no date, was
imported long ago or is unpublished, so that both sizes fill a page of every list. Every list in
every order, with and without a search, its last page, the overview and the audit log are requested
from the application, as by an editor's browser. The two sizes are measured in turn, and a ratio is
the median of the ratios of the rounds, so that other work on the machine affects both. SQLite runs
in this process, so its CPU time is measured; PostgreSQL runs in its own, so the wall time is.

Run it from the repository's root: ``python -m benchmarks.manager [--rounds 15]``.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice, product
from pathlib import Path
from statistics import median
from typing import Any, Final
from urllib.parse import urlencode

from sqlalchemy import event
from webtest import TestApp

from benchmarks import sized_sites
from benchmarks.report import Bound, Cell, finish, print_table
from moziweb.manager.audit.log import COMMAND
from moziweb.manager.auth.accounts import add_user
from moziweb.manager.auth.models import Role
from moziweb.manager.movies.list_query import Filter, Sort
from moziweb.services import services_of
from tests.catalogue import add_movies

SIZES: Final = (800, 6_000)

SMALLEST: Final = (
    "--databases", "PostgreSQL", "--sizes", "20", "60", "--pages", "8", "--rounds", "1",
)  # fmt: skip
"""The arguments of the smallest run, which the tests do."""

SLOWER: Final = 1.5
QUESTIONS: Final = 5
COMMON: Final = "the"
SEARCHES: Final = ("", COMMON, "bramvilágos")
"""No search, a search with more than one page of results, a search without results."""


def pages() -> Iterator[str]:
    """Yield the URLs of all list pages."""
    yield from ("/manager", "/manager/audit", "/manager/audit?before=500", "/manager/imports")
    for show, sort, text in product(Filter, Sort, SEARCHES):
        if show and text == COMMON:  # fills a page only at the large size
            continue
        query = {"show": show.value, "sort": sort.value, "q": text}
        yield f"/manager/movies?{urlencode({k: v for k, v in query.items() if v})}"
    for order, cursor in (("title", "t~zz~1"), ("changed", "c~2000-01-01T00:00:00+00:00~1"),
                         ("date", "d~1000-01-01~1"), ("date", "u~1~1")):  # fmt: skip
        yield f"/manager/movies?{urlencode({'sort': order, 'before': cursor})}"


@dataclass
class Manager:
    """The manager with ``size`` movies: a signed-in browser, and the times of pages."""

    size: int
    browser: TestApp
    clock: Callable[[], float]
    seconds: dict[str, list[float]] = field(default_factory=dict)
    questions: dict[str, int] = field(default_factory=dict)

    def ask(self, path: str) -> None:
        """Request a page and record its time."""
        statements: list[str] = []

        def count(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            statements.append(statement)

        engine = services_of(self.browser.app.registry).database.engine
        event.listen(engine, "before_cursor_execute", count)
        started = self.clock()
        self.browser.get(path, status=200)
        spent = self.clock() - started
        event.remove(engine, "before_cursor_execute", count)
        self.seconds.setdefault(path, []).append(spent)
        reads = sum(not each.startswith("BEGIN") for each in statements)
        self.questions[path] = min(reads, self.questions.get(path, reads))


@contextmanager
def manager(url: str, size: int, folder: Path) -> Iterator[Manager]:
    """The manager with a new database of ``size`` movies."""
    now = datetime.now(UTC)
    sized_sites.migrate(url)
    app = sized_sites.application(url, folder)
    database = services_of(app.registry).database
    with database.write() as session:
        add_movies(session, size, now)
        name, password = sized_sites.USER, sized_sites.PASSWORD
        add_user(session, name, password, Role.ADMIN, by=COMMAND, now=now)
    sized_sites.tidy(database.engine)
    browser = TestApp(app)
    sized_sites.sign_in(browser)
    yield Manager(size, browser, sized_sites.clock_of(url))
    database.engine.dispose()


@contextmanager
def managers(kind: str, sizes: Sequence[int]) -> Iterator[list[Manager]]:
    """A manager of each size, on one kind of database."""
    with sized_sites.urls(kind, sizes) as urls, ExitStack() as opened:
        yield [
            opened.enter_context(manager(url, size, folder))
            for size, (url, folder) in zip(sizes, urls, strict=True)
        ]


def measured(kind: str, options: argparse.Namespace) -> tuple[dict[str, float], int]:
    """Print the slowest pages; return the ratio of each page and the largest number of queries."""
    with managers(kind, options.sizes) as both:
        few, many = both
        addresses = list(islice(pages(), options.pages))
        for _ in range(options.rounds):
            for path in addresses:
                few.ask(path)
                many.ask(path)
        ratios = {
            path: median(
                more / less
                for less, more in zip(few.seconds[path], many.seconds[path], strict=True)
            )
            for path in addresses
        }
        slowest = sorted(addresses, key=lambda path: ratios[path], reverse=True)
        rows: list[list[Cell]] = [
            [path, *(f"{1000 * median(each.seconds[path]):.1f}" for each in both),
             f"{ratios[path]:.2f}", many.questions[path]]
            for path in slowest[:12]
        ]  # fmt: skip
        print_table(
            f"{kind}: the {len(rows)} that grow most of {len(addresses)} pages, medians in ms",
            ["", *(f"{size:,} movies" for size in options.sizes), "ratio", "queries"],
            rows,
        )
        return ratios, max(many.questions.values())


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 if a bound is missed."""
    parser = argparse.ArgumentParser(description="The manager's lists by number of movies.")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--sizes", type=int, nargs=2, default=SIZES, help="numbers of movies")
    parser.add_argument(
        "--databases", nargs="+", choices=sized_sites.DATABASES, default=sized_sites.DATABASES
    )
    parser.add_argument("--pages", type=int, help="measure the first pages alone")
    options = parser.parse_args(arguments)
    few, many = options.sizes
    bounds, lists = [], {}
    for kind in options.databases:
        ratios, queries = measured(kind, options)
        slowest = max(ratios, key=lambda path: ratios[path])
        lists[kind] = {"slowest": slowest, "ratio": round(ratios[slowest], 3), "queries": queries}
        bounds += [
            Bound(
                f"{kind}: {many:,} movies over {few:,}, the worst list",
                ratios[slowest],
                at_most=SLOWER,
            ),
            Bound(f"{kind}: the most queries of a list", queries, at_most=QUESTIONS),
        ]
    return finish({"rounds": options.rounds, "lists": lists}, bounds)


if __name__ == "__main__":
    sys.exit(main())
