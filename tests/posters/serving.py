"""Whole sites over PostgreSQL and S3, each process started by pserve, and requests to them."""

import http.client
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from moziweb.clock import utc_now
from moziweb.db import Database
from moziweb.movies.calendar import budapest_today
from moziweb.storage import Storage
from tests.factories import add_upload, make_movie, make_premiere
from tests.services.ports import HOST, accepts, free_port
from tests.services.process import child
from tests.services.s3 import REGION, ROOT

INI = """\
[app:main]
use = egg:moziweb
site.base_url = http://127.0.0.1:6543
sqlalchemy.url = {database_url}
cache.regions = pages
cache.stamps.url = {stamps}
{entries}
cache.pages.expiration_time = 86400
storage.backend = s3
storage.s3.bucket = {bucket}
storage.s3.region = {region}
storage.s3.endpoint_url = {endpoint_url}
storage.s3.access_key_id = {key}
storage.s3.secret_access_key = {secret}
storage.s3.acl = public-read
storage.s3.addressing_style = path
storage.s3.read_timeout = 60
posters.inline_slots = {slots}
posters.decoder.niceness = {niceness}
posters.decoder.children = {children}
{more}

[server:main]
use = egg:moziweb#waitress
host = 127.0.0.1
port = ${{PORT}}
threads = {threads}

[loggers]
keys = root, posters

[handlers]
keys = console

[formatters]
keys = plain

[logger_root]
level = WARNING
handlers = console

[logger_posters]
level = INFO
handlers =
qualname = moziweb.posters

[handler_console]
class = StreamHandler
args = (sys.stderr,)
formatter = plain

[formatter_plain]
format = %(levelname)s %(name)s: %(message)s
"""

PATIENCE = 120.0


@dataclass(frozen=True)
class Place:
    """The services of a site."""

    database_url: str
    bucket: str
    endpoint_url: str
    memcached: str = ""
    """``host:port`` for entries and stamps; without it they are in files and memory."""


@dataclass(frozen=True)
class Server:
    """A server process and its log file."""

    port: int
    log: Path
    pid: int

    def decodes(self) -> list[str]:
        """The log lines of decoded sources, one for each."""
        return [line for line in self.log.read_text().splitlines() if "decoded once" in line]


@dataclass(frozen=True)
class Answer:
    """A response; ``seconds`` is counted from when the request was due.

    ``cache`` is its ``X-Cache``; ``overslept`` is how many seconds late an idle client sent the
    request, which is the fault of the test machine and not part of ``seconds``.
    """

    path: str
    status: int
    cache_control: str
    retry_after: str | None
    cache: str | None
    seconds: float
    overslept: float = 0.0


@contextmanager
def serving(
    folder: Path,
    place: Place,
    processes: int,
    threads: int,
    slots: int,
    *,
    background: bool = False,
    niceness: int = 0,
    children: int | None = None,
) -> Iterator[list[Server]]:
    """Serve the site by ``processes`` processes that are ready for requests.

    With ``background`` they also make posters in the background, as by default. Decoding runs at
    normal priority unless ``niceness`` is set: on a busy machine it would exceed its time limit.
    """
    secrets = {"key": ROOT.access_key_id, "secret": ROOT.secret_access_key, "region": REGION}
    stamps, entries = "sqlite:///%(here)s/stamps.sqlite", {"backend": "moziweb.memory"}
    if place.memcached:
        stamps = f"memcached://{place.memcached}"
        entries = {"backend": "dogpile.cache.pylibmc", "arguments.url": place.memcached}
    options = {
        "stamps": stamps,
        "entries": "\n".join(f"cache.pages.{name} = {value}" for name, value in entries.items()),
        **vars(place),
        **secrets,
        "threads": threads,
        "slots": slots,
        "niceness": niceness,
        "children": children or "",
        "more": "" if background else "posters.background = off",
    }
    ini = folder / "site.ini"
    ini.write_text(INI.format(**options))
    with ExitStack() as stack:
        servers = [_start(stack, ini, folder / f"log-{number}") for number in range(processes)]
        for server in servers:
            _wait_until_ready(server)
        yield servers


def _start(stack: ExitStack, ini: Path, log: Path) -> Server:
    port = free_port()
    process = stack.enter_context(
        child(
            [sys.executable, "-m", "pyramid.scripts.pserve", str(ini)],
            limit=600,
            stdout=stack.enter_context(log.open("wb")),
            stderr=subprocess.STDOUT,
            env={**os.environ, "PORT": str(port), "PYTHONWARNINGS": "ignore"},
        )
    )

    def end() -> None:
        process.terminate()
        process.wait(PATIENCE)

    stack.callback(end)
    return Server(port, log, process.pid)


def _wait_until_ready(server: Server) -> None:
    deadline = time.monotonic() + PATIENCE
    while not accepts(server.port):
        if time.monotonic() > deadline:
            raise TimeoutError(server.log.read_text())
        time.sleep(0.05)


def add_movies(database: Database, storage: Storage, pictures: Sequence[bytes]) -> list[str]:
    """Add a movie with an uploaded poster for each image, one a day; returns the thumb paths."""
    paths = []
    today = budapest_today(utc_now())
    for number, data in enumerate(pictures):
        with database.write() as session:
            movie = make_movie(session, f"Film {number}")
            make_premiere(session, movie, today + timedelta(days=number))
            source = add_upload(session, storage, movie, data)
            paths.append(f"/poster/{movie.id}-{movie.slug}.{source.id}.thumb.webp")
    return paths


def ask(port: int, path: str, due: float | None = None) -> Answer:
    """Send one request on its own connection, without following redirects.

    It is timed from ``due`` (of ``time.perf_counter``), or from now.
    """
    started = time.perf_counter() if due is None else due
    with closing(http.client.HTTPConnection(HOST, port, timeout=PATIENCE)) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        return Answer(
            path,
            response.status,
            response.headers.get("Cache-Control", ""),
            response.headers.get("Retry-After"),
            response.headers.get("X-Cache"),
            time.perf_counter() - started,
        )


def ask_at_once(requests: Sequence[tuple[int, str]]) -> list[Answer]:
    """Send all requests (port, path) at the same moment."""
    barrier = threading.Barrier(len(requests))

    def wait_and_ask(port: int, path: str) -> Answer:
        barrier.wait()
        return ask(port, path)

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(wait_and_ask, *zip(*requests, strict=True)))


def ask_at_rate(requests: Sequence[tuple[int, str]], rate: float, clients: int) -> list[Answer]:
    """Send a request every 1/``rate`` seconds, whether the others are answered or not.

    A request without a free client is timed from when it was due. An idle client that woke up late,
    for lack of a processor, is reported separately.
    """
    started = time.perf_counter()

    def ask_in_turn(number: int, port: int, path: str) -> Answer:
        due = started + number / rate
        early = due - time.perf_counter()
        if early <= 0:
            return ask(port, path, due)
        time.sleep(early)
        sent = time.perf_counter()
        return replace(ask(port, path, sent), overslept=sent - due)

    ports, paths = zip(*requests, strict=True)
    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(ask_in_turn, range(len(requests)), ports, paths))
