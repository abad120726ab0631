"""Memory of the serving process after cold posters and a crawl of the whole demo.

The site runs as in development.ini: everything in one process, on SQLite. Six visitors request 60
posters, then four of them follow every link from the front page. This is done with two arenas of
the C library and with its own number of them (``server.memory_arenas``, 0). The bound is on the
first of ``--arenas``.

Run it from the repository's root: ``python -m benchmarks.serving_memory [--posters 60]``.
"""

import argparse
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, astuple, dataclass
from datetime import UTC, datetime
from functools import partial
from html import unescape
from pathlib import Path

from sqlalchemy import select

from benchmarks.report import Bound, finish, print_table
from moziweb.db import Database, create_engine, migrations
from moziweb.demo.loader import load_demo
from moziweb.movies.calendar import budapest_today
from moziweb.movies.models import Movie
from moziweb.posters.models import PosterSource
from tests.services.web import WebServer

LIMIT_MB = 300

SMALLEST = ("--posters", "6", "--pages", "100", "--arenas", "2")
"""The arguments of the smallest run, which the tests do."""

LINK = re.compile(r'<a [^>]*href="(/[^"#]*)"')
OTHER = ("/poster/", "/objects/", "/manager", "/en/manager")


@dataclass(frozen=True)
class Memory:
    """Resident memory of the serving process in MB; ``pages`` were crawled."""

    at_start: int
    after_posters: int
    after_crawl: int
    peak: int
    pages: int


def measure(folder: Path, posters: int, pages: int, **settings: str) -> Memory:
    """Load the demo into an empty folder, request cold posters, crawl at most this many pages."""
    url = f"sqlite:///{folder / 'demo.sqlite'}"
    paths = load(url, posters)
    with WebServer({**keys_of(folder, url), **settings}, threads=12) as server:
        at_start = resident(server)
        with ThreadPoolExecutor(6) as visitors:
            list(visitors.map(partial(make_poster, server), paths))
        after_posters = resident(server)
        crawled = crawl(server, pages)
        after_crawl, peak = resident(server), resident(server, "VmHWM")
    return Memory(at_start, after_posters, after_crawl, peak, crawled)


def make_poster(server: WebServer, path: str) -> None:
    """Request a poster until it is made, which takes several requests on a busy machine."""
    for _ in range(60):
        status = server.get(path, timeout=120)[0]
        if status == 302:
            return
        if status != 200:  # the placeholder
            break
        time.sleep(1)
    raise RuntimeError(f"a poster was not made: {status}")


def load(url: str, posters: int) -> list[str]:
    """Load the demo; return the paths of that many posters."""
    engine, now = create_engine({"sqlalchemy.url": url}), datetime.now(UTC)
    migrations.upgrade(engine)
    first = (
        select(Movie.id, Movie.slug, PosterSource.id)
        .join(PosterSource, PosterSource.movie_id == Movie.id)
        .order_by(Movie.id)
        .limit(posters)
    )
    with Database(engine).write() as session:
        load_demo(session, budapest_today(now), now)
        rows = session.execute(first).all()
    engine.dispose()
    return [f"/poster/{movie}-{slug}.{source}.thumb.webp" for movie, slug, source in rows]


def keys_of(folder: Path, url: str) -> dict[str, str]:
    """The ini keys, as in development.ini."""
    return {
        "site.base_url": "http://127.0.0.1",
        "sqlalchemy.url": url,
        "storage.backend": "disk",
        "storage.disk.path": str(folder / "objects"),
        "cache.regions": "pages fragments feeds",
        "cache.stamps.url": f"sqlite:///{folder / 'stamps.sqlite'}",
        "cache.default.backend": "moziweb.memory",
        "cache.pages.expiration_time": "86400",
        "cache.feeds.expiration_time": "86400",
        "cache.fragments.expiration_time": "604800",
        "cache.fragments.mode": "strict",
        "posters.inline_slots": "6",
    }


def crawl(server: WebServer, limit: int) -> int:
    """Follow the links of pages, four at once; return the number of pages."""
    paths, read = ["/"], 0
    with ThreadPoolExecutor(4) as visitors:
        while batch := paths[read:limit]:
            known, read = set(paths), read + len(batch)
            for status, _, body in visitors.map(server.get, batch):
                if status != 200:
                    raise RuntimeError(f"a page has the status {status}")
                linked = map(unescape, LINK.findall(body.decode()))
                new = {path for path in linked if not path.startswith(OTHER)} - known
                paths += sorted(new)
                known |= new
    return read


def resident(server: WebServer, field: str = "VmRSS") -> int:
    """Resident memory in MB; ``VmHWM`` is its peak."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    (kilobytes,) = re.findall(rf"{field}:\s+(\d+) kB", status)
    return int(kilobytes) // 1024


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure with and without the limit of arenas."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posters", type=int, default=60)
    parser.add_argument("--pages", type=int, default=10_000)
    parser.add_argument("--arenas", type=int, nargs="+", default=[2, 0], help="0: any number")
    options = parser.parse_args(arguments)
    found = {}
    for arenas in options.arenas:
        settings = {"server.memory_arenas": str(arenas)}
        with tempfile.TemporaryDirectory() as folder:
            memory = measure(Path(folder), options.posters, options.pages, **settings)
        found[f"{arenas} arenas" if arenas else "any number"] = memory
    print_table(
        f"MB resident; {options.posters} posters",
        ("", "start", "posters", "crawl", "peak", "pages"),
        [(name, *astuple(memory)) for name, memory in found.items()],
    )
    ours = next(iter(found.values()))
    bound = Bound("MB after posters and crawl", ours.after_crawl, at_most=LIMIT_MB)
    return finish({name: asdict(memory) for name, memory in found.items()}, [bound])


if __name__ == "__main__":
    sys.exit(main())
