"""Cost of a cached page: ours and other caches, without and with writes.

Every contender serves the same bytes from one core: a bare WSGI function, a Pyramid view, Django's
``cache_page`` and Flask-Caching over the same memcached, and ours as in production. All run at the
same time and are measured in turn, round after round, so that other work on the machine affects all
alike. A ratio is the median of each round's own. ``CPU`` is the server's processor time.

* **The index from memory.** Ours reads the clock from memcached for each hit. In production,
  waitress's loop answers (``moziweb/cache/http/waitress_channel.py``), with one read for all
  requests of an iteration; "in threads" is the same application under plain waitress. A second
  table splits the processor time by servers that each do a little more than the one before.
  "entry" fetches and validates its entry for each hit. "unmeasured" has no counters: ours has those
  of the manager and of ``/metrics``.
* **The index assembled** from its template and fragments for each request, in each coding. Next to
  it "all codings" always compresses it in Brotli and gzip, as all commits before 7e96ade do.
  ``--before FOLDER`` also measures the code of another checkout, such as that of ``git worktree add
  FOLDER 7e96ade^``; its page may have other bytes.
* **Hits under writes.** The index alone and 500 hot pages, all from memory, while other pages are
  published 0, 5, 20 and 100 times a second. Each rate is measured next to one without writes.
* **Hits from memcached.** The index and the page of a movie that are not in memory ("entry"), next
  to Django and Flask-Caching, which have no memory. All under plain waitress. The invalidation log
  confirms the entries. The index is measured once more when the process is too far behind the log
  and reads all stamps; "raw stamps" reads them over a socket of our own (``raw_stamps.py``).

The client is ``wrk`` (``apt-get install wrk``) on the other core.

Run it from the repository's root: ``python -m benchmarks.page_hit [--rounds 9] [--seconds 1]``.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from sqlalchemy import select

from benchmarks.generate import machine_seconds
from benchmarks.page_load import (
    Rounds,
    Served,
    ask,
    cores,
    fall_behind,
    measure,
    publishing,
    serving,
    spread,
    wait_for,
)
from benchmarks.page_servers import ALL_CODINGS, RAW_STAMPS, SERVERS, keep_page
from benchmarks.report import Bound, Cell, finish, print_table
from moziweb.db import Database, create_engine, migrations
from moziweb.demo.loader import load_demo
from moziweb.movies.calendar import budapest_today
from moziweb.movies.models import Movie
from tests.services.memcached import MemcachedServer

OF_BARE = 2.0
OF_DJANGO = 6.5
"""Least ratios of the index from memory: 2.2 to 2.5 and 7.1 on a quiet machine, 107 KB of page."""
ENTRY_OF_DJANGO = 1.0
OF_ALL_CODINGS = {"identity": 2.0, "gzip": 1.5, "br": 1.25}
"""Least ratios of the processor time of a page that is always compressed in all codings to that of
a page that is compressed in the one that was asked for: 2.4, 1.7, 1.4 on a quiet machine."""
OF_UNMEASURED = 0.97
"""Least ratio of the processor time of a hit without any counter to that of a hit."""

HOT_PAGES, INDEX_ALONE = "hot pages", "the index alone"
UNDER_WRITES = {(HOT_PAGES, 20): 0.95, (HOT_PAGES, 100): 0.90, (INDEX_ALONE, 100): 0.95}
"""Least ratios to the processor time of a hit without writes, by pages and publishes a second."""

PLAIN_ONLY = frozenset({"pyramid", "django", "flask"})
"""Contenders that do not compress, so they are not compared in gzip."""

OF_INDEX = tuple(name for name in SERVERS if name not in {"assembled", ALL_CODINGS, RAW_STAMPS})
OF_ENTRIES = ("entry", "django", "flask")
BEFORE = "another checkout"

SMALLEST = (
    "--rounds", "1", "--seconds", "0.2", "--servers", "bare", "ours", "--codings", "identity",
    "--assembled", "br", "--under-writes", HOT_PAGES, "--rates", "100", "--pages", "3",
    "--from-memcached", "1", "--stamps", "1", "--leave-out", ALL_CODINGS, RAW_STAMPS,
)  # fmt: skip
"""The arguments of the smallest run, which the tests do."""

Contenders = Mapping[str, Served]


def prepare(folder: Path) -> Sequence[str]:
    """Create a database with the demo data around today; return the paths of its movies."""
    engine = create_engine({"sqlalchemy.url": f"sqlite:///{folder}/demo.sqlite"})
    migrations.upgrade(engine)
    now = datetime.now(UTC)
    with Database(engine).write() as session:
        load_demo(session, budapest_today(now), now)
        movies = session.execute(select(Movie.id, Movie.slug).order_by(Movie.id)).all()
    engine.dispose()
    return [f"/movie/{number}-{slug}" for number, slug in movies]


def keep_pages(ours: Served, paths: Sequence[str]) -> None:
    """Write our pages and their headers for the others."""
    check_in_memory(ours, paths)
    for path in paths:
        page = ask(ours.port, path)
        headers = [pair for pair in page.headers if pair[0] not in {"Server", "Date", "Via"}]
        keep_page(ours.folder, path, page.body, headers)


def check_same(ours: Served, other: Served, paths: Sequence[str]) -> None:
    """Fail unless both serve the same bytes."""
    for path in paths:
        if ask(ours.port, path).body != ask(other.port, path).body:
            raise SystemExit(f"page_hit: {other.name} serves other bytes at {path}")


class Measured(dict[tuple[str, ...], Rounds]):
    """Rounds by what was measured."""

    def __missing__(self, key: tuple[str, ...]) -> Rounds:
        return self.setdefault(key, Rounds())

    def figures(self) -> dict[str, tuple[int, float]]:
        """Requests each second, and microseconds of processor time for each."""
        return {" ".join(key): (round(each.rate), round(each.cpu, 1)) for key, each in self.items()}


def measure_index(servers: Contenders, options: argparse.Namespace, found: Measured) -> None:
    """A round of the index from memory."""
    for coding in options.codings:
        for name in options.servers:
            if coding == "identity" or name not in PLAIN_ONLY:
                one = measure(servers[name], options.seconds, options.connections, coding=coding)
                found[coding, name].all.append(one)


def measure_assembled(servers: Contenders, options: argparse.Namespace, found: Measured) -> None:
    """A round of the index assembled from its parts."""
    for coding in options.assembled:
        for name in assembled_by(options):
            found[coding, name].all.append(
                measure(servers[name], options.seconds, options.connections, coding=coding)
            )


def assembled_by(options: argparse.Namespace) -> Sequence[str]:
    """The contenders that assemble the index."""
    if not options.assembled:
        return ()
    names = ["assembled", ALL_CODINGS, *([BEFORE] if options.before else [])]
    return [name for name in names if name not in options.leave_out]


def measure_entries(
    servers: Contenders,
    paths: Sequence[str],
    names: Sequence[str],
    options: argparse.Namespace,
    found: Measured,
) -> None:
    """A round of pages from memcached."""
    for path in paths:
        for name in names:
            found[path, name].all.append(
                measure(servers[name], options.seconds, options.connections, path=path)
            )


def measure_under_writes(
    ours: Served, memcached: str, hot: Path, options: argparse.Namespace, found: Measured
) -> None:
    """A round of hits under each rate of publishes, each next to one without."""
    for title in options.under_writes:
        paths = hot if title == HOT_PAGES else None
        for rate in options.rates:
            for each in (0, rate):
                with publishing(memcached, each):
                    one = measure(ours, options.seconds, options.connections, paths=paths)
                found[title, f"{rate}", f"{each}"].all.append(one)


def print_index(found: Measured, size: int, options: argparse.Namespace) -> list[Bound]:
    """The tables of the index from memory, and their bounds."""
    for coding in options.codings:
        print_contenders(found, coding, options.servers, size)
    print_layers(found)
    ours = found["identity", "ours"]
    bounds = [
        Bound(
            f"the hit from memory over {title}",
            ours.rate_over(found["identity", name]),
            at_least=least,
        )
        for name, title, least in (
            ("bare", "a bare function", OF_BARE),
            ("django", "Django's cache_page", OF_DJANGO),
        )
        if name in options.servers
    ]
    if "unmeasured" in options.servers:
        coding = options.codings[-1]  # gzip has fewer bytes to copy, so counters weigh more
        cost = found[coding, "ours"].cpu_below(found[coding, "unmeasured"])
        bounds.append(Bound("the hit over one that nothing counts, by CPU", cost, OF_UNMEASURED))
    return bounds


def print_contenders(found: Measured, coding: str, names: Sequence[str], size: int) -> None:
    """A table of all contenders."""
    base = found[coding, "bare"]
    rows: list[list[Cell]] = []
    for name in names:
        if (coding, name) not in found:
            continue
        each = found[coding, name]
        ratio, by_cpu = f"{each.rate_over(base):.3f}", f"{each.cpu_below(base):.3f}"
        rows.append([name, each.rate, f"{spread(each.rates):.0%}", ratio, each.cpu, by_cpu])
    print_table(
        f"The index from memory, {size:,} bytes, {coding}: one core, in turn",
        ["", "requests/s", "spread", "of bare", "CPU µs", "of bare by CPU"],
        rows,
    )


def print_layers(found: Measured) -> None:
    """A table of the CPU time of a hit by part; needs all servers."""
    cpu = {name: found["identity", name].cpu for name in SERVERS if ("identity", name) in found}
    if not {"headers", "clock", "in threads"} <= cpu.keys():
        return
    parts = {
        "waitress and the bytes": cpu["bare"],
        "our headers, through waitress": cpu["headers"] - cpu["bare"],
        "reading the clock, and switching threads for it": cpu["clock"] - cpu["headers"],
        "the rest: lookup, forms, handing the bytes on uncopied": cpu["in threads"] - cpu["clock"],
        "answered from the loop instead": cpu["ours"] - cpu["in threads"],
    }
    rows: list[list[Cell]] = [[name, micros] for name, micros in parts.items()]
    print_table("Where each microsecond goes", ["", "CPU µs"], [*rows, ["all", cpu["ours"]]])


def print_assembled(found: Measured, options: argparse.Namespace) -> list[Bound]:
    """A table of the index assembled from its parts, and its bounds."""
    rows: list[list[Cell]] = []
    bounds = []
    for coding in options.assembled:
        ours = found[coding, "assembled"]
        for name in assembled_by(options):
            each = found[coding, name]
            ratio = ours.cpu_below(each)
            rows.append([f"{coding}, {name}", each.rate, each.cpu, f"{ratio:.2f}"])
            if name == ALL_CODINGS:
                figure = f"all codings over {coding} alone, assembled, by CPU"
                bounds.append(Bound(figure, ratio, at_least=OF_ALL_CODINGS[coding]))
    header = ["", "requests/s", "CPU µs", "of assembled by CPU"]
    print_table("The index assembled from its template and fragments", header, rows)
    return bounds


def print_under_writes(found: Measured, options: argparse.Namespace) -> list[Bound]:
    """A table of hits under writes, and their bounds."""
    rows: list[list[Cell]] = []
    bounds = []
    for title in options.under_writes:
        for rate in options.rates:
            none, with_writes = (found[title, f"{rate}", f"{each}"] for each in (0, rate))
            by_cpu, by_rate = with_writes.cpu_below(none), with_writes.rate_over(none)
            rows.append(
                [f"{title}, {rate}/s", none.rate, with_writes.rate, f"{by_rate:.3f}",
                 none.cpu, with_writes.cpu, f"{by_cpu:.3f}"]
            )  # fmt: skip
            if (title, rate) in UNDER_WRITES:
                least = UNDER_WRITES[title, rate]
                bounds.append(Bound(f"{title}, {rate} publishes/s, by CPU", by_cpu, at_least=least))
    header = ["", "none", "requests/s", "ratio", "CPU µs, none", "CPU µs", "ratio"]
    print_table(f"Hits under publishes of other pages; {options.pages} hot pages", header, rows)
    return bounds


def by_stamps(options: argparse.Namespace) -> Sequence[str]:
    """The contenders of the table of entries validated by their stamps."""
    if not options.stamps:
        return ()
    names = dict.fromkeys(["entry", RAW_STAMPS, *options.entries])
    return [name for name in names if name not in options.leave_out]


def print_entries(
    title: str, found: Measured, paths: Sequence[str], names: Sequence[str]
) -> list[Bound]:
    """A table of hits from memcached, and their bounds."""
    rows: list[list[Cell]] = []
    bounds = []
    for path in paths:
        page = "the index" if path == "/" else "a movie's page"
        for name in names:
            ours, each = found[path, "entry"], found[path, name]
            by_rate, by_cpu = ours.rate_over(each), ours.cpu_below(each)
            rows.append([f"{page}, {name}", each.rate, f"{by_rate:.3f}", each.cpu, f"{by_cpu:.3f}"])
            if name == "django":
                figure = f"{page} from memcached over Django's, by CPU"
                bounds.append(Bound(figure, by_cpu, at_least=ENTRY_OF_DJANGO))
    header = ["", "requests/s", "ours over it", "CPU µs", "ours over it by CPU"]
    print_table(f"From memcached, {title}: one core, in turn", header, rows)
    return bounds


def parser() -> argparse.ArgumentParser:
    """The options."""
    found = argparse.ArgumentParser(description="A cached page, from ours and other caches.")
    found.add_argument("--rounds", type=int, default=9)
    found.add_argument("--seconds", type=float, default=1, help="of each round")
    found.add_argument("--connections", type=int, default=16)
    found.add_argument("--servers", nargs="+", choices=OF_INDEX, default=list(OF_INDEX))
    found.add_argument("--codings", nargs="+", default=["identity", "gzip"])
    found.add_argument("--assembled", nargs="*", default=["identity", "gzip", "br"])
    found.add_argument("--before", type=Path, help="another checkout, which assembles, too")
    optional = [ALL_CODINGS, RAW_STAMPS]
    found.add_argument("--leave-out", nargs="*", choices=optional, default=[], metavar="NAME")
    found.add_argument("--entries", nargs="*", choices=OF_ENTRIES, default=list(OF_ENTRIES))
    found.add_argument("--stamps", type=int, default=5, help="rounds of entries by their stamps")
    found.add_argument("--rates", type=int, nargs="*", default=[5, 20, 100])
    found.add_argument("--pages", type=int, default=500, help="hot pages under writes")
    titles = [INDEX_ALONE, HOT_PAGES]
    found.add_argument("--under-writes", nargs="*", choices=titles, default=titles)
    found.add_argument("--from-memcached", type=int, default=2, help="pages: the index, a movie's")
    return found


def in_rounds(measure_round: Callable[[Measured], None], count: int) -> Measured:
    """Measure ``count`` rounds, after one to warm up if there are several."""
    if count > 1:
        measure_round(Measured())
    found = Measured()
    for _ in range(count):
        measure_round(found)
    return found


@contextmanager
def all_serving(
    folder: Path, memcached: str, paths: Sequence[str], options: argparse.Namespace
) -> Iterator[Contenders]:
    """All contenders, warmed with our pages; the first path is the index."""
    names = {
        *options.servers, *options.entries, *by_stamps(options), *assembled_by(options)
    } - {"ours", BEFORE}  # fmt: skip
    with ExitStack() as running:

        def start(name: str, code: Path | None = None) -> Served:
            return running.enter_context(serving(name, folder, memcached, code))

        ours = start("ours")
        wait_for(ours, paths)
        keep_pages(ours, paths)
        others = {name: start(name) for name in names}
        for name, server in others.items():
            own = paths if name in options.entries else paths[:1]
            wait_for(server, own)
            check_same(ours, server, own)
        if options.before:
            others[BEFORE] = start("assembled", options.before)
            wait_for(others[BEFORE], paths[:1])
        yield {"ours": ours, **others}


def keep_hot(ours: Served, paths: Sequence[str]) -> Path:
    """Bring pages into our memory; return a file that lists them."""
    for path in paths:
        ask(ours.port, path)  # renders
        ask(ours.port, path)  # keeps a copy
    hot = ours.folder / "hot"
    hot.write_text("\n".join(paths))
    return hot


def check_in_memory(ours: Served, paths: Sequence[str]) -> None:
    """Fail unless all pages are still served from memory."""
    for path in paths:
        if ask(ours.port, path).cache_status != "l1":
            raise SystemExit(f"page_hit: {path} is not served from memory")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 if a bound is missed."""
    options = parser().parse_args(arguments)
    if not {"bare", "ours"} <= set(options.servers):
        raise SystemExit("page_hit: --servers: bare and ours are needed")
    if options.entries and "entry" not in options.entries:
        raise SystemExit("page_hit: --entries: entry is needed")
    if shutil.which("wrk") is None:
        raise SystemExit("page_hit needs wrk (as root: apt-get install wrk)")
    with tempfile.TemporaryDirectory() as name, MemcachedServer() as memcached, ExitStack() as all_:
        os.sched_setaffinity(memcached.pid, {cores()[1]})
        movies = prepare(Path(name))[: options.pages]
        pages = ["/", movies[0]]
        servers = all_.enter_context(all_serving(Path(name), memcached.address, pages, options))
        ours = servers["ours"]
        size = len(ask(ours.port).body)
        before, started = machine_seconds(), time.perf_counter()
        contenders = in_rounds(partial(measure_index, servers, options), options.rounds)
        assembled = in_rounds(partial(measure_assembled, servers, options), options.rounds)
        stored = pages[: options.from_memcached]
        of_log = partial(measure_entries, servers, stored, options.entries, options)
        by_log = in_rounds(of_log, options.rounds)
        hot = keep_hot(ours, movies)
        check_in_memory(ours, ["/", *movies])
        writes = partial(measure_under_writes, ours, memcached.address, hot, options)
        under_writes = in_rounds(writes, options.rounds)
        check_in_memory(ours, ["/", *movies])
        fall_behind(memcached.address)
        of_stamps = partial(measure_entries, servers, ["/"], by_stamps(options), options)
        validated = in_rounds(of_stamps, options.stamps)
        busy = (machine_seconds() - before) / (time.perf_counter() - started)
    index_bounds = print_index(contenders, size, options)
    assembled_bounds = print_assembled(assembled, options)
    bounds = [
        *index_bounds,
        *assembled_bounds,
        *print_under_writes(under_writes, options),
        *print_entries("confirmed by the log", by_log, stored, options.entries),
    ]
    if options.stamps:
        print_entries("validated by stamps, not bounded", validated, ["/"], by_stamps(options))
    figures = {
        "bytes": size,
        "rounds": options.rounds,
        "cores_busy": round(busy, 2),
        "contenders": contenders.figures(),
        "assembled": assembled.figures(),
        "under_writes": under_writes.figures(),
        "by_log": by_log.figures(),
        "by_stamps": validated.figures(),
    }
    return finish(figures, bounds)


if __name__ == "__main__":
    sys.exit(main())
