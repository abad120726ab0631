"""The site as in production: two web processes, a worker, and a server of each kind."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from itertools import count
from json import loads
from typing import Any

from tests.services.memcached import MemcachedServer
from tests.services.ports import HOST
from tests.services.postgres import PostgresServer
from tests.services.process import Service
from tests.services.s3 import S3Bucket, S3Server
from tests.services.web import WebServer, ask
from tests.soak.states import MOVIES

from .report import Cost, Fault, record

FAULT_SECONDS = 1.5
"""How long a fault lasts: longer than time-outs of memcached and pauses of breakers."""

HEALED_SECONDS = 60.0
"""A test fails if the site has not healed by then. The time itself is only printed."""

PERIOD = 0.1
"""Seconds between two requests of the visitors."""

DRAIN_SECONDS = 600
"""Longer than any test: a second signal ends the draining."""

CLIENT_TIMEOUT = 29.0
"""Seconds: a platform ends a request after 30."""

Answer = tuple[int, Mapping[str, str], bytes]
NO_ANSWER: Answer = (0, {}, b"")


class Worker(Service):
    """``moziweb worker`` with the ini file of a web process."""

    name = "worker"

    def __init__(self, web: WebServer) -> None:
        super().__init__()
        self._web = web

    def command(self) -> Sequence[str]:
        """One source at a time."""
        ini = str(self._web.home / "site.ini")
        options = ["-c", ini, "worker", "--jobs", "1"]
        return [sys.executable, "-W", "ignore", "-m", "moziweb.cli", *options]

    def environment(self) -> Mapping[str, str]:
        """As for the web process."""
        return self._web.environment()

    def is_ready(self) -> bool:
        """Whether it says that it works."""
        return b"A worker with" in self.log.read_bytes()


@dataclass
class Site:
    """The processes, and what visitors see of them."""

    postgres: PostgresServer
    database: str
    stamps: MemcachedServer
    entries: MemcachedServer
    s3: S3Server
    bucket: S3Bucket
    webs: list[WebServer]
    worker: Worker
    posters: list[str]
    """The path of a variant of each poster."""

    pictures: list[str]
    """The path of the picture of a link to each movie with a poster."""

    _searches: Iterator[int] = field(default_factory=count)

    def cached_paths(self) -> list[str]:
        """Pages that are in the caches."""
        return ["/", "/en/", *(f"/movie/{movie}-soak" for movie in MOVIES)]

    def uncached_path(self) -> str:
        """A page that no cache has."""
        return f"/search?q=soak+{next(self._searches)}"

    def get(self, path: str, first: int = 0) -> Answer:
        """The answer through a proxy: a GET without an answer goes to the other process."""
        answer = NO_ANSWER
        for turn in range(len(self.webs)):
            answer = self.ask(self.webs[(first + turn) % len(self.webs)], path)
            if answer[0]:
                break
        return answer

    @staticmethod
    def ask(web: WebServer, path: str, method: str = "GET") -> Answer:
        """The answer of one process; `NO_ANSWER` if there is none."""
        try:
            return ask(web.port, path, timeout=CLIENT_TIMEOUT, method=method)
        except (OSError, HTTPException):
            return NO_ANSWER

    @staticmethod
    def send_form(web: WebServer, path: str, form: bytes) -> int:
        """The status of the answer to a POST; 0 without an answer."""
        connection = HTTPConnection(HOST, web.port, timeout=CLIENT_TIMEOUT)
        with closing(connection), suppress(OSError, HTTPException):
            connection.request("POST", path, form)
            return connection.getresponse().status
        return 0

    def heartbeat(self, web: WebServer | None = None) -> dict[str, str]:
        """The parts that are not ok, and their states."""
        status, _, body = self.ask(web or self.webs[0], "/__heartbeat__")
        if status not in (200, 503):
            return {"web": f"status {status}"}
        checks: dict[str, str] = loads(body)["checks"]
        return {name: state for name, state in checks.items() if state != "ok"}

    def is_healthy(self) -> bool:
        """Whether every process finds everything healthy."""
        return all(self.heartbeat(web) == {} for web in self.webs)

    def is_cached(self) -> bool:
        """Whether every process has all pages in its caches again, and can make others."""
        return all(
            self.ask(web, path)[1].get("X-Cache") == "l1"
            for web in self.webs
            for path in self.cached_paths()
        ) and all(self.ask(web, self.uncached_path())[0] == 200 for web in self.webs)

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a statement in the site's database."""
        with self.postgres.connect(self.database) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def forget_posters(self) -> list[int]:
        """Make all posters pending, without variants; returns the ids of their sources."""
        self.query("DELETE FROM poster_variant")
        rows = self.query(
            "UPDATE poster_source SET state = 'pending', attempts = 0, next_attempt_at = NULL,"
            " lease_until = NULL, sha256 = NULL RETURNING id"
        )
        return [row[0] for row in rows]

    def are_posters_made(self) -> bool:
        """Whether requests for all variants are redirected to their objects."""
        return all(self.get(path)[0] == 302 for path in self.posters)

    def are_pictures_drawn(self) -> bool:
        """Whether requests for all pictures of links are redirected to their objects."""
        return all(self.get(path)[0] == 302 for path in self.pictures)

    @contextmanager
    def visited(self, fault: Fault, note: str = "") -> Iterator["Visitors"]:
        """Visit the site during a fault, and until it has healed; record what it cost.

        The fault must be over at the end of the block.
        """
        wait_for(lambda: self.is_healthy() and self.is_cached())
        visitors = Visitors(self)
        try:
            yield visitors
            ended = time.monotonic()
            wait_for(self.is_cached)
            site = time.monotonic() - ended
            wait_for(self.is_healthy)
            heartbeat = time.monotonic() - ended
        finally:
            visitors.finish()
        red = heartbeat if visitors.heartbeats else None
        totals = visitors.requests, visitors.errors, visitors.uncached, visitors.uncached_errors
        record(Cost(fault, *totals, site, red, note or visitors.note))


@dataclass
class Visitors:
    """A thread that requests pages, one in ten uncached, and another for the heartbeat."""

    site: Site
    note: str = ""
    requests: int = 0
    errors: int = 0
    uncached: int = 0
    uncached_errors: int = 0
    failures: list[str] = field(default_factory=list)
    heartbeats: set[tuple[str, str]] = field(default_factory=set)
    """The parts and states that were not ok."""

    def __post_init__(self) -> None:
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=work)
            for work in (self._visit, self._visit_uncached, self._watch)
        ]
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        """Stop."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    @property
    def red(self) -> set[str]:
        """The parts that the heartbeat has found not to be ok."""
        return {name for name, _ in self.heartbeats}

    def wait_until_red(self, *parts: str) -> None:
        """Wait until the heartbeat has found parts not to be ok."""
        wait_for(lambda: set(parts) <= self.red)

    def _visit(self) -> None:
        paths = self.site.cached_paths()
        for turn in count():
            if self._stopping.wait(PERIOD):
                return
            path = paths[turn % len(paths)]
            status, _, _ = self.site.get(path, turn)
            self.requests += 1
            if status != 200:
                self.errors += 1
                self.failures.append(f"{status} for {path}")

    def _visit_uncached(self) -> None:
        for turn in count():
            if self._stopping.wait(4 * PERIOD):
                return
            status, _, _ = self.site.get(self.site.uncached_path(), turn)
            self.uncached += 1
            if status != 200:
                self.uncached_errors += 1
                self.failures.append(f"{status} for an uncached page")

    def _watch(self) -> None:
        while not self._stopping.wait(4 * PERIOD):
            for web in self.site.webs:
                self.heartbeats |= set(self.site.heartbeat(web).items())


def pause_for(seconds: float) -> None:
    """Let a fault last."""
    time.sleep(seconds)


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + HEALED_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the site has not healed"
        time.sleep(0.1)


def settings_of(
    url: str, stamps: MemcachedServer, entries: MemcachedServer, bucket: S3Bucket
) -> dict[str, str]:
    """The ini keys: those of production.ini, with shorter leases."""
    return {
        "site.base_url": "https://moziweb.test",
        "sqlalchemy.url": url,
        "sqlalchemy.pool_size": "4",
        "cache.regions": "pages fragments feeds",
        "cache.stamps.url": f"memcached://{stamps.address}",
        "cache.default.backend": "dogpile.cache.pylibmc",
        "cache.default.arguments.url": entries.address,
        "cache.default.expiration_time": "86400",
        "cache.default.stale_if_error": "600",
        "cache.fragments.expiration_time": "604800",
        "cache.fragments.mode": "strict",
        **bucket.settings(),
        "posters.background": "procrastinate",
        "posters.fetch_seconds": "3",
        "posters.decoder.seconds": "3",
        "posters.lease_seconds": "5",
        "posters.decoder.niceness": "0",
        "server.drain_seconds": str(DRAIN_SECONDS),
    }


@contextmanager
def running_site() -> Iterator[Site]:
    """Start everything."""
    from .data import MOVIES_WITH_POSTERS, fill  # imports the models

    with ExitStack() as everything:
        postgres = everything.enter_context(PostgresServer())
        stamps = everything.enter_context(MemcachedServer())
        entries = everything.enter_context(MemcachedServer())
        s3 = everything.enter_context(S3Server())
        bucket = everything.enter_context(s3.bucket(acls=True))
        database = postgres.create()
        settings = settings_of(postgres.url(database), stamps, entries, bucket)
        posters = fill(settings)
        webs = [WebServer(settings, "call:tests.faults.app:main") for _ in range(2)]
        for web in webs:
            web.stop_signal = signal.SIGINT  # without draining
            everything.enter_context(web)
        worker = everything.enter_context(Worker(webs[0]))
        pictures = [f"/share/movie/{number}-soak.0.jpg" for number in MOVIES_WITH_POSTERS]
        yield Site(postgres, database, stamps, entries, s3, bucket, webs, worker, posters, pictures)
