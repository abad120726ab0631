"""Latency of the index during a burst of requests for cold posters.

One server process over PostgreSQL, memcached and S3, as in production.ini. It has one processor of
its own; clients and services have the others. The measuring client has the highest priority, if
this account may set it. First the index alone is requested at a steady rate; then again, while
1,000 requests for 200 posters that have no variants yet arrive at a rate of their own. Requests are
sent when they are due, whether earlier ones have been answered or not, and are timed from then, so
time in a queue counts. The time by which a free client oversleeps does not count and is shown
separately. The bound is on the ratio of the two p95 of the index, in one run.

The index shows some of these movies, so new posters change it: responses that were rendered for
that are shown separately, too. Also checked: no poster is decoded twice, every request gets an
image.

Run it from the repository's root: ``python -m benchmarks.cold_posters``.
"""

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path
from statistics import quantiles

from PIL import Image

from benchmarks.report import Bound, finish, print_table
from moziweb.child_process import IDLE
from moziweb.db import Database, create_engine, migrations
from moziweb.storage.s3 import S3Settings, S3Storage
from tests.posters.pictures import photograph
from tests.posters.serving import Answer, Place, Server, add_movies, ask, ask_at_rate, serving
from tests.services.memcached import MemcachedServer
from tests.services.postgres import PostgresServer
from tests.services.s3 import REGION, ROOT, S3Server

BOUND = 2.0
SEEDS = 4

SMALLEST = (
    "--posters", "1", "--size", "400", "600", "--requests", "2", "--rate", "10",
    "--index-rate", "20",
)  # fmt: skip
"""The arguments of the smallest run, which the tests do."""

CLIENTS = 64
FIRST = -20
"""The niceness of the measuring client: a visitor's machine does not wait for S3 or PostgreSQL."""


def posters(count: int, width: int, height: int) -> list[bytes]:
    """Return different JPEGs of a size."""
    bases = [photograph(width, height, seed) for seed in range(min(SEEDS, count))]
    return [_marked(bases[number % SEEDS], number) for number in range(count)]


def _marked(base: Image.Image, number: int) -> bytes:
    picture = base.copy()
    picture.paste((number % 256, 40, 200), (0, 0, 64, 64))
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def milliseconds(answers: Sequence[Answer]) -> tuple[float, float]:
    """p50 and p95."""
    figures = [answer.seconds * 1000 for answer in answers]
    cuts = quantiles(figures, n=100) if len(figures) > 1 else figures * 99
    return cuts[49], cuts[94]


def by_cache(answers: Sequence[Answer]) -> dict[str, list[Answer]]:
    """Group the responses by ``X-Cache``, sorted."""
    found: dict[str, list[Answer]] = {}
    for answer in sorted(answers, key=lambda answer: answer.cache or "none"):
        found.setdefault(answer.cache or "none", []).append(answer)
    return found


def burst(port: int, paths: list[str], count: int, rate: float) -> Counter[tuple[int, str]]:
    """Request posters in turn; count the responses. Runs in its own process."""
    os.setpriority(os.PRIO_PROCESS, 0, 0)
    requests = [(port, paths[number % len(paths)]) for number in range(count)]
    answers = ask_at_rate(requests, rate, CLIENTS)
    return Counter((answer.status, answer.cache_control) for answer in answers)


def index(port: int, rate: float, seconds: float) -> list[Answer]:
    """The index at a steady rate."""
    return ask_at_rate([(port, "/")] * int(rate * seconds), rate, CLIENTS)


def keep_apart(server: Server) -> None:
    """Give the site one processor, and the others to clients and services.

    In production these run on other machines, so the site does not compete with them.
    """
    first, *others = sorted(os.sched_getaffinity(0))
    if not others:
        raise SystemExit("cold_posters needs two processors: one of them is for the site alone")
    ours = {server.pid, *_started_by(server.pid)}
    for process in (os.getpid(), *_started_by(os.getpid())):
        for thread in Path(f"/proc/{process}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {first} if process in ours else others)
    with contextlib.suppress(PermissionError):  # only root may
        os.setpriority(os.PRIO_PROCESS, 0, FIRST)


def _started_by(process: int) -> Iterator[int]:
    for thread in Path(f"/proc/{process}/task").iterdir():
        for child in map(int, (thread / "children").read_text().split()):
            yield child
            yield from _started_by(child)


def measure(
    server: Server, paths: list[str], options: argparse.Namespace
) -> tuple[list[Answer], list[Answer], Counter[tuple[int, str]]]:
    """Return the responses of the warm index, of the index in the burst, and of the burst."""
    seconds = options.requests / options.rate
    for _ in range(20):
        ask(server.port, "/")
    warm = index(server.port, options.index_rate, seconds)
    with get_context("spawn").Pool(1) as pool:
        pool.apply(time.sleep, (0.1,))  # finishes its imports before the measurement
        arguments = (server.port, paths, options.requests, options.rate)
        bursting = pool.apply_async(burst, arguments)
        during = index(server.port, options.index_rate, seconds)
        return warm, during, bursting.get()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 if a bound is missed."""
    parser = argparse.ArgumentParser(description="A burst of cold posters against the index.")
    parser.add_argument("--posters", type=int, default=200)
    parser.add_argument("--size", type=int, nargs=2, default=[2000, 3000], help="of a poster")
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=50.0, help="poster requests a second")
    parser.add_argument("--index-rate", type=float, default=50.0, help="index requests a second")
    parser.add_argument("--niceness", type=int, default=IDLE, help="of decoder processes")
    parser.add_argument("--children", type=int, help="decoder processes; default: one core is left")
    options = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory() as name,
        PostgresServer() as postgres,
        postgres.database() as url,
        MemcachedServer() as memcached,
        S3Server() as s3,
        s3.bucket(acls=True) as bucket,
    ):
        engine = create_engine({"sqlalchemy.url": url, "sqlalchemy.pool_size": 2})
        migrations.upgrade(engine)
        settings = S3Settings(
            bucket=bucket.name,
            region=REGION,
            endpoint_url=bucket.endpoint_url,
            access_key_id=ROOT.access_key_id,
            secret_access_key=ROOT.secret_access_key,
        )
        with closing(S3Storage(settings)) as storage:
            paths = add_movies(Database(engine), storage, posters(options.posters, *options.size))
            place = Place(url, bucket.name, bucket.endpoint_url, memcached.address)
            served = serving(
                Path(name), place, processes=1, threads=8, slots=2,
                niceness=options.niceness, children=options.children,
            )  # fmt: skip
            with served as (server,):
                keep_apart(server)
                warm, during, answers = measure(server, paths, options)
            decodes = server.decodes()
        engine.dispose()
    return report(options, warm, during, answers, decodes)


def report(
    options: argparse.Namespace,
    warm: Sequence[Answer],
    during: Sequence[Answer],
    answers: Counter[tuple[int, str]],
    decodes: Sequence[str],
) -> int:
    """Print everything; return 1 if a bound is missed."""
    (warm_p50, warm_p95), (p50, p95) = milliseconds(warm), milliseconds(during)
    print_table(
        f"The index at {options.index_rate:g}/s: milliseconds",
        ["", "p50", "p95", "requests"],
        [
            ["alone", warm_p50, warm_p95, len(warm)],
            [f"with {options.rate:g} cold posters/s", p50, p95, len(during)],
        ],
    )
    redirects, placeholders = answers[302, "public, max-age=3600"], answers[200, "no-store"]
    print_table(
        "The same by X-Cache: l1 and hit are cached, the others rendered",
        ["", "p50", "p95", "requests"],
        [
            [f"{word}, {state}", *milliseconds(some), len(some)]
            for word, answers in (("alone", warm), ("with cold posters", during))
            for state, some in by_cache(answers).items()
        ],
    )
    overslept = {
        word: round(quantiles((one.overslept * 1000 for one in answers), n=100)[94], 3)
        for word, answers in (("alone", warm), ("during", during))
    }
    print_table(
        f"{options.requests} requests for {options.posters} cold posters",
        ["answer", "requests"],
        [["the poster (302)", redirects], ["a placeholder (no-store)", placeholders]],
    )
    made = len(set(decodes))
    figures = {
        "index_ms": {"alone": [warm_p50, warm_p95], "during": [p50, p95]},
        "index_cache": {
            "alone": {state: len(some) for state, some in by_cache(warm).items()},
            "during": {state: len(some) for state, some in by_cache(during).items()},
        },
        "clients_overslept_p95_ms": overslept,
        "load_average": os.getloadavg()[0],
        "redirects": redirects,
        "placeholders": placeholders,
        "made": made,
    }
    failed = sum(answer.status != 200 for answer in (*warm, *during))
    pictures = redirects + placeholders
    bounds = [
        Bound("index p95 during over alone", p95 / warm_p95, at_most=BOUND),
        Bound("decodes per poster made", len(decodes) / max(1, made), at_least=1, at_most=1),
        Bound("index requests that failed", failed, at_most=0),
        Bound("requests that got a picture", pictures, at_least=options.requests),
    ]
    return finish(figures, bounds)


if __name__ == "__main__":
    sys.exit(main())
