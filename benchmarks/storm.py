"""Page views while posters are generated on demand, with three cache strategies.

The site has 800 demo movies and no variants. Visitors request the index, week pages and pages of
old movies at a fixed rate, and fetch the images that the pages link to; each missing image is
drawn, decoded, resized, stored and recorded at the first request. The strategies run one after the
other, each with a new database:

* **reset**: each stored variant empties the page cache;
* **tags**: a stored variant invalidates the pages that show it, as moziweb does;
* **tags, warm**: the same after ``moziweb posters generate`` and one request for each page.

A render is *needless* if no variant of a movie on the page was stored since its previous render.
The site is one process with eight threads, its entries and stamps are in memcached, and its
decoders are niced processes. ``storm_picture`` draws the diagram for the documentation.

Run it from the repository's root: ``python -m benchmarks.storm [--seconds 35] [--rate 20]``.
"""

import argparse
import json
import os
import random
import re
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import func, select, text

from benchmarks.page_hit import prepare
from benchmarks.report import Bound, Cell, finish, print_table
from benchmarks.storm_app import RESET
from benchmarks.storm_picture import Curve, draw
from moziweb.db import Database, create_engine
from moziweb.manager.audit.log import COMMAND
from moziweb.manager.auth.accounts import add_user
from moziweb.manager.auth.models import Role
from moziweb.movies.calendar import budapest_today, week_of
from moziweb.movies.models import Movie, Premiere
from moziweb.posters.models import PosterSource
from tests.services.memcached import MemcachedServer
from tests.services.web import WebServer

STRATEGIES = ("reset", "tags", "tags, warm")

SMALLEST = ("--strategies", "tags, warm", "--seconds", "1", "--rate", "4", "--ahead", "0.1")
"""The arguments of the smallest run, which the tests do."""

IMAGES = re.compile(r'/poster/[^"\s,]+')
MOVIES = re.compile(r"/movie/(\d+)-")
IMAGES_OF_A_PAGE = 6
"""The images that a browser fetches at once; the others are loaded while scrolling."""

OLD = 60
"""The number of old movies whose pages are requested."""

BROWSERS = 48
PATIENCE = 60.0
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

SAVE_SLACK = 1.0
"""The longest time in seconds between a publish and its mark in the outbox."""


@dataclass
class Page:
    """One page view: when it was due, in seconds since the start, and its duration from then."""

    due: float
    took: float
    path: str
    cache: str
    movies: frozenset[int]
    at: float


@dataclass
class Day:
    """The results of one strategy."""

    name: str
    pages: list[Page] = field(default_factory=list)
    images: int = 0
    failures: int = 0
    waiting: list[tuple[float, int]] = field(default_factory=list)
    saves: list[tuple[float, int]] = field(default_factory=list)
    started: float = 0.0

    def renders(self, path: str | None = None) -> list[Page]:
        """The page views that had to be rendered."""
        return [p for p in self.pages if p.cache == "miss" and (path is None or p.path == path)]

    def needless(self) -> int:
        """Renders of a page without a new variant of its movies since its previous render."""
        saved: dict[int, list[float]] = defaultdict(list)
        for at, movie in sorted(self.saves):
            saved[movie].append(at)
        before: dict[str, Page] = {}
        count = 0
        for page in sorted(self.renders(), key=lambda page: page.at):
            last = before.get(page.path)
            before[page.path] = page
            if last is not None:
                since, until = last.at - SAVE_SLACK, page.at + page.took + SAVE_SLACK
                shown = last.movies | page.movies
                count += not any(_between(saved[movie], since, until) for movie in shown)
        return count

    def times(self) -> list[float]:
        """Page times in milliseconds, including queueing."""
        return [page.took * 1000 for page in self.pages]


def _between(moments: Sequence[float], since: float, until: float) -> bool:
    return bisect_right(moments, until) > bisect_right(moments, since)


class Visitors:
    """An open-loop client: page views are sent on schedule, also if the site is slow."""

    def __init__(self, web: WebServer, paths: Mapping[str, Sequence[str]], seed: int) -> None:
        self._web = web
        self._paths = paths
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        self._in_flight = 0
        self._fetched: set[str] = set()

    def spend(self, day: Day, seconds: float, rate: float) -> None:
        """Send page views for some time."""
        day.started = time.time()
        start = time.perf_counter()
        with ThreadPoolExecutor(BROWSERS) as pages, ThreadPoolExecutor(BROWSERS) as images:
            for number in range(int(seconds * rate)):
                due = number / rate
                pause = start + due - time.perf_counter()
                if pause > 0:
                    time.sleep(pause)
                pages.submit(self._visit, day, due, start, self._choose(), images)
                if number % max(1, int(rate / 4)) == 0:
                    day.waiting.append((time.perf_counter() - start, self._in_flight))

    def _choose(self) -> str:
        kind = self._chance.choices(("index", "week", "old"), (5, 3, 2))[0]
        return self._chance.choice(self._paths[kind])

    def _visit(
        self, day: Day, due: float, start: float, path: str, images: ThreadPoolExecutor
    ) -> None:
        got = self._get(path)
        took = time.perf_counter() - start - due
        if got is None or got[0] != 200:
            day.failures += 1
            return
        body = got[2].decode()
        movies = frozenset(map(int, MOVIES.findall(body)))
        cache = got[1].get("X-Cache", "none")
        day.pages.append(Page(due, took, path, cache, movies, day.started + due))
        links = dict.fromkeys(IMAGES.findall(body))
        for link in list(links)[:IMAGES_OF_A_PAGE]:
            if self._is_new(link):
                day.images += 1
                images.submit(self._fetch, link)

    def _fetch(self, link: str) -> None:
        """Fetch an image. After a placeholder, the next visitor requests it again."""
        got = self._get(urlsplit(link).path)
        if got is None or got[0] not in _REDIRECTS:
            with self._lock:
                self._fetched.discard(link)

    def _is_new(self, link: str) -> bool:
        with self._lock:
            known = link in self._fetched
            self._fetched.add(link)
            return not known

    def _get(self, path: str) -> tuple[int, dict[str, str], bytes] | None:
        with self._lock:
            self._in_flight += 1
        try:
            return self._web.get(path, timeout=PATIENCE)
        except OSError:
            return None
        finally:
            with self._lock:
                self._in_flight -= 1


def settings(folder: Path, strategy: str, memcached: str) -> dict[str, str]:
    """The ini keys of production, with another database and storage."""
    return {
        "site.base_url": "https://moziweb.test",
        "sqlalchemy.url": f"sqlite:///{folder}/demo.sqlite",
        "storage.backend": "disk",
        "storage.disk.path": f"{folder}/objects",
        "cache.regions": "pages fragments",
        "cache.stamps.url": f"memcached://{memcached}",
        "cache.default.backend": "dogpile.cache.pylibmc",
        "cache.default.arguments.url": memcached,
        "cache.pages.expiration_time": "86400",
        "cache.fragments.expiration_time": "604800",
        "cache.fragments.mode": "strict",
        "posters.background": "off",
        "posters.inline_slots": "2",
        **({RESET: "true"} if strategy == "reset" else {}),
    }


def paths_of(url: str) -> dict[str, list[str]]:
    """The requested pages: the index, eight weeks, and old movies."""
    week = week_of(budapest_today(datetime.now(UTC)))
    engine = create_engine({"sqlalchemy.url": url})
    of_movies = select(Movie.id, Movie.slug).join(Premiere, Premiere.movie_id == Movie.id)
    is_old = func.max(Premiere.date) < week.shifted(-6).thursday
    query = of_movies.group_by(Movie.id, Movie.slug).having(is_old).order_by(Movie.id)
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    engine.dispose()
    return {
        "index": ["/"],
        "week": [f"/week/{week.shifted(number).name}" for number in range(-4, 4)],
        "old": [f"/movie/{row.id}-{row.slug}" for row in rows[:: max(1, len(rows) // OLD)]],
    }


def saves_of(url: str, since: float) -> list[tuple[float, int]]:
    """The times when variants were stored, by movie, from the outbox."""
    engine = create_engine({"sqlalchemy.url": url})
    with engine.connect() as connection:
        sources = connection.execute(select(PosterSource.id, PosterSource.movie_id))
        movies = {row.id: row.movie_id for row in sources}
        query = text("SELECT published, tags FROM cache_journal WHERE published > :since")
        rows = connection.execute(query, {"since": since}).all()
    engine.dispose()
    found = []
    for published, tags in rows:
        for tag in json.loads(tags):
            kind, _, rest = tag.partition(":")
            if kind in {"variant", "source"}:
                found.append((float(published), movies[int(rest.partition(":")[0])]))
    return sorted(set(found))


def make_ahead(ini: Path, seconds: float) -> None:
    """Run ``moziweb posters generate`` niced, for some time."""
    command = [sys.executable, "-W", "ignore", "-m", "moziweb.cli", "-c", str(ini)]
    process = subprocess.Popen(
        ["nice", "-n", "10", *command, "posters", "generate"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.terminate()
        process.wait(PATIENCE)


def take_screenshot(url: str, keys: Mapping[str, str], path: Path) -> None:
    """Take ``/manager/performance`` in Chromium, when the last minute has been recorded."""
    from playwright.sync_api import sync_playwright

    time.sleep(65 - time.time() % 60)
    password = secrets.token_urlsafe()
    engine = create_engine({"sqlalchemy.url": url})
    with Database(engine).write() as session:
        add_user(session, "anna", password, Role.ADMIN, by=COMMAND, now=datetime.now(UTC))
    engine.dispose()
    web = WebServer(keys)
    web.settings = {**keys, "site.base_url": web.url}  # without HTTPS
    with web, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = chromium.new_page(viewport={"width": 1280, "height": 1100}, locale="en")
        page.goto(f"{web.url}/en/manager/sign-in")
        page.locator("#name").fill("anna")
        page.locator("#password").fill(password)
        page.locator("main [type=submit]").click()
        page.goto(f"{web.url}/en/manager/performance")
        page.screenshot(path=str(path))
        chromium.close()


def replay(strategy: str, source: Path, options: argparse.Namespace) -> Day:
    """Run one strategy."""
    day = Day(strategy)
    with tempfile.TemporaryDirectory() as name, MemcachedServer() as memcached:
        folder = Path(name)
        shutil.copyfile(source / "demo.sqlite", folder / "demo.sqlite")
        url = f"sqlite:///{folder}/demo.sqlite"
        paths = paths_of(url)
        keys = settings(folder, strategy, memcached.address)
        with WebServer(keys, "call:benchmarks.storm_app:main") as web:
            if strategy == "tags, warm":
                make_ahead(web.home / "site.ini", options.ahead)
            for path in (*paths["index"], *paths["week"], *paths["old"]):
                web.get(path)  # cached at the start of each strategy
            Visitors(web, paths, seed=7).spend(day, options.seconds, options.rate)
            if options.screenshots:
                name = f"performance-{strategy.replace(', ', '-')}.png"
                take_screenshot(
                    url, settings(folder, "", memcached.address), options.screenshots / name
                )
        day.saves = saves_of(url, day.started)
    return day


def row(day: Day, seconds: float) -> list[Cell]:
    """The figures of one strategy."""
    times = day.times()
    movies_saved = Counter(movie for _, movie in day.saves)
    return [
        day.name,
        len(day.renders("/")),
        len(day.renders()),
        day.needless(),
        statistics.mean(times),
        statistics.quantiles(times, n=20)[18],
        max(count for _, count in day.waiting),
        f"{len(day.pages) / seconds:.1f}",
        f"{sum(movies_saved.values()) / seconds:.1f}",
        day.failures,
    ]


HEADER = ("", "index renders", "all renders", "needless", "mean ms", "p95 ms", "most waiting",
          "pages/s", "saves/s", "failed")  # fmt: skip


def curves(days: Sequence[Day], seconds: float) -> list[Curve]:
    """The data of the diagram: mean page time, index renders and waiting requests per second."""
    drawn = []
    for day in days:
        slots = range(int(seconds))
        by_second: dict[int, list[float]] = defaultdict(list)
        for page in day.pages:
            by_second[int(page.due)].append(page.took * 1000)
        renders = Counter(int(page.due) for page in day.renders("/"))
        waiting = {int(at): count for at, count in day.waiting}
        drawn.append(
            Curve(
                day.name,
                [statistics.mean(by_second[n]) if by_second[n] else 0.0 for n in slots],
                [float(renders[n]) for n in slots],
                [float(waiting.get(n, 0)) for n in slots],
            )
        )
    return drawn


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all strategies; return 1 if a page was rendered needlessly with tags."""
    parser = argparse.ArgumentParser(description="Posters are saved while visitors look at pages.")
    parser.add_argument("--seconds", type=float, default=35.0)
    parser.add_argument("--rate", type=float, default=20.0, help="page views each second")
    parser.add_argument("--ahead", type=float, default=25.0, help="seconds of generating ahead")
    parser.add_argument("--picture", type=Path, help="write the picture there (SVG)")
    parser.add_argument(
        "--screenshots", type=Path, help="take the manager's graphs of each strategy there (PNG)"
    )
    parser.add_argument("--strategies", nargs="+", choices=STRATEGIES, default=STRATEGIES)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        prepare(Path(name))
        days = [replay(strategy, Path(name), options) for strategy in options.strategies]
    rows = [row(day, options.seconds) for day in days]
    print_table(
        f"{options.seconds:g} s, {options.rate:g} page views each second and their pictures,"
        f" {len(os.sched_getaffinity(0))} cores, decoding niced",
        HEADER,
        rows,
    )
    if options.picture:
        options.picture.write_text(draw(curves(days, options.seconds), options.rate))
    figures = {
        day.name: dict(zip(HEADER[1:], line[1:], strict=True))
        for day, line in zip(days, rows, strict=True)
    }
    bounds = [
        Bound(f"needless renders, {day.name}", day.needless(), at_most=0)
        for day in days
        if day.name != "reset"
    ]
    return finish({"rate": options.rate, "seconds": options.seconds, "strategies": figures}, bounds)


if __name__ == "__main__":
    sys.exit(main())
