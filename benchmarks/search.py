"""Cost of a search with 100,000 movies and with 800, on SQLite and PostgreSQL, without a cache.

Titles are random words of real titles, with the frequencies that these have; each movie has people
of random names. A miss is a search that finds no title and no name: nonsense, or words misspelt.
The two sizes are asked in turn, and a ratio is the median of the ratios of the rounds, so that
other work on the machine affects both. SQLite runs in this process, so its CPU time is measured;
PostgreSQL runs in its own, so the wall time is. Hits are searches that find a few movies of the
small size and very many of the large one.

Run it from the repository's root: ``python -m benchmarks.search [--rounds 15]``.
"""

import argparse
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final
from urllib.parse import urlencode

from sqlalchemy import insert
from webtest import TestApp

from benchmarks import sized_sites
from benchmarks.bulk_load import Progress, bulk_load
from benchmarks.report import Bound, Cell, finish, print_table
from moziweb.db.meta import Base
from moziweb.movies.models import CreditRole
from moziweb.movies.slugs import slug_of
from moziweb.services import services_of
from tests.catalogue import SYNOPSIS, real_titles

SIZES: Final = (800, 100_000)

SMALLEST: Final = ("--databases", "SQLite", "--sizes", "20", "60", "--rounds", "1")
"""The arguments of the smallest run, which the tests do."""

SLOWER: Final = 3.0
"""How much slower a miss of the large size may be."""

SLOWER_HIT: Final = 8.0
"""How much slower a hit may be. All movies with the rarest word of several are compared."""

PEOPLE: Final = 3
"""People of a movie."""

BATCH: Final = 5_000

MISSES: Final = (
    "zq", "qzx", "the qzx", "жы", "bramvilágos", "xyqw zzyqv", "interstelxyzlar",
    "the zzyqv of qwvvx", "macksafgoó", "a zzq",
    "qwrtzuv plkjhgv mnbvcxw yxcvbnw qayxswv edcvfrw", "zzzzzzz" * 14,
)  # fmt: skip
"""Searches that find nothing, or only similar titles."""

HITS: Final = ("the", "love", "a", "night of the")


@dataclass
class Search:
    """The search over ``size`` movies, and the times of queries in seconds."""

    size: int
    browser: TestApp
    clock: Callable[[], float]
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def ask(self, text: str) -> None:
        """Search for ``text`` and record the time."""
        started = self.clock()
        self.browser.get(f"/search?{urlencode({'q': text})}", status=200)
        self.seconds.setdefault(text, []).append(self.clock() - started)


def fill(url: str, count: int) -> None:
    """Insert ``count`` movies with random titles and people."""
    progress = Progress()
    with bulk_load(url, ("movie", "person", "credit"), progress) as connection:
        for last, tables in batches(count):
            for name, rows in tables.items():
                connection.execute(insert(Base.metadata.tables[name]), rows)
            progress(f"{last:,} of {count:,} movies")


def batches(count: int) -> Iterator[tuple[int, dict[str, list[dict[str, Any]]]]]:
    """The id of the last movie of each batch, and rows by table, referenced tables first."""
    chance = random.Random(2026)
    titles = real_titles()
    words = [word for title in titles for word in title.split()]
    letters = [letter for word in words for letter in word.lower() if letter.isalpha()]
    lengths = [len(title.split()) for title in titles]

    def name() -> str:
        parts = ("".join(chance.choices(letters, k=chance.randint(4, 9))) for _ in range(2))
        return " ".join(part.capitalize() for part in parts)

    for first in range(1, count + 1, BATCH):
        ids = range(first, min(first + BATCH, count + 1))
        movies = []
        for movie_id in ids:
            title, original = (
                " ".join(chance.choices(words, k=chance.choice(lengths))) for _ in range(2)
            )
            movies.append({
                "id": movie_id, "title": title, "original_title": original,
                "slug": slug_of(title), "synopsis": SYNOPSIS, "synopsis_en": SYNOPSIS,
            })  # fmt: skip
        people = range((first - 1) * PEOPLE + 1, ids[-1] * PEOPLE + 1)
        cast = [
            {"movie_id": (each - 1) // PEOPLE + 1, "person_id": each,
             "role": CreditRole.CAST, "position": each % PEOPLE}
            for each in people
        ]  # fmt: skip
        yield (
            ids[-1],
            {
                "movie": movies,
                "person": [{"id": each, "name": name()} for each in people],
                "credit": cast,
            },
        )


@contextmanager
def search(url: str, size: int, folder: Path) -> Iterator[Search]:
    """The site with a new database of ``size`` movies."""
    sized_sites.migrate(url)
    fill(url, size)
    app = sized_sites.application(url, folder)
    database = services_of(app.registry).database
    sized_sites.tidy(database.engine)
    yield Search(size, TestApp(app), sized_sites.clock_of(url))
    database.engine.dispose()


@contextmanager
def searches(kind: str, sizes: Sequence[int]) -> Iterator[list[Search]]:
    """A site of each size, on one kind of database."""
    with sized_sites.urls(kind, sizes) as urls, ExitStack() as opened:
        yield [
            opened.enter_context(search(url, size, folder))
            for size, (url, folder) in zip(sizes, urls, strict=True)
        ]


def measured(kind: str, options: argparse.Namespace) -> dict[str, float]:
    """Print the times; return the ratio of each search."""
    with searches(kind, options.sizes) as both:
        few, many = both
        texts = (*MISSES, *HITS)
        for _ in range(options.rounds):
            for text in texts:
                few.ask(text)
                many.ask(text)
        ratios = {
            text: median(
                more / less
                for less, more in zip(few.seconds[text], many.seconds[text], strict=True)
            )
            for text in texts
        }
        rows: list[list[Cell]] = [
            [text[:40], *(f"{1000 * median(each.seconds[text]):.1f}" for each in both),
             f"{ratios[text]:.2f}"]
            for text in texts
        ]  # fmt: skip
        header = ["", *(f"{size:,} movies" for size in options.sizes), "ratio"]
        print_table(f"{kind}: searches, medians in ms; the last {len(HITS)} hit", header, rows)
        return ratios


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 if a bound is missed."""
    parser = argparse.ArgumentParser(description="Searches by number of movies.")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--sizes", type=int, nargs=2, default=SIZES, help="numbers of movies")
    parser.add_argument(
        "--databases", nargs="+", choices=sized_sites.DATABASES, default=sized_sites.DATABASES
    )
    options = parser.parse_args(arguments)
    few, many = options.sizes
    bounds, found = [], {}
    for kind in options.databases:
        ratios = measured(kind, options)
        found[kind] = {text: round(ratio, 3) for text, ratio in ratios.items()}
        for what, texts, most in (("miss", MISSES, SLOWER), ("hit", HITS, SLOWER_HIT)):
            worst = max(ratios[text] for text in texts)
            name = f"{kind}: a {what} over {many:,} movies, over one of {few:,}"
            bounds.append(Bound(name, worst, at_most=most))
    return finish({"rounds": options.rounds, "ratios": found}, bounds)


if __name__ == "__main__":
    sys.exit(main())
