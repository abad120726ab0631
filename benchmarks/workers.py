"""Posters of a large site by four ``moziweb worker`` processes, two of which are killed.

PostgreSQL has the movies and the queue, an S3 server on this machine the originals and the
variants. When a third of the posters is made or of the time is over, one worker gets SIGKILL and is
started again, and another one at two thirds: the lease of its poster expires, and the sweep gives
the poster to any worker. At the end, every variant must have a row and its object in storage. The
logs of the workers say which posters were made again: at most one for each kill.

The result is the rate per core, and the ratio of the wall time to the CPU time of the workers,
their decoders and the S3 server, divided by the number of cores. The CPU time of PostgreSQL is not
in it. A run that takes longer than ``--seconds`` is stopped. Then every row of a variant must have
its object; an object may wait for its row, if its worker was killed.

Run it from the repository's root: ``python -m benchmarks.workers [--movies 200] [--workers 4]``,
with ``--movies 10000 --seconds 3000 --width 60`` for a large site: the originals are scaled down to
that width, so that the time is that of the database, storage and processes and not of encoders.
"""

import argparse
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field
from io import BytesIO
from pathlib import Path

from PIL import Image
from sqlalchemy import func, select

from benchmarks.generate import (
    TODAY,
    Drawn,
    DrawnFiles,
    Lost,
    cores,
    count_variants,
    machine_seconds,
    process_seconds,
    s3_storage,
)
from benchmarks.hosted_memory import descendants
from benchmarks.report import Bound, finish, print_table
from moziweb.db import Database, create_engine, migrations
from moziweb.demo.catalogue import demo_movies
from moziweb.movies.models import Movie
from moziweb.posters.generation.procrastinate_queue import ProcrastinateQueue
from moziweb.posters.generation.upload_store import StoredUpload, store_upload
from moziweb.posters.models import PosterSource, SourceKind, SourceState
from moziweb.posters.recipes import RECIPES
from moziweb.storage import Storage
from tests.faults.site import Worker
from tests.services.postgres import PostgresServer
from tests.services.s3 import S3Bucket, S3Server
from tests.services.web import WebServer

SMALLEST = ("--movies", "1", "--workers", "1", "--kills", "0")
"""The arguments of the smallest run, which the tests do."""

ORIGINALS = 50
"""Posters that are drawn. Movies share them, but not their variants: keys contain a movie's id."""

BOUND = 1.2
LEASE_SECONDS = 20
MOVIES_PER_TRANSACTION = 500
POLL_SECONDS = 0.5
LOGGING = """
[loggers]
keys = root
[handlers]
keys = console
[formatters]
keys =
[logger_root]
level = INFO
handlers = console
[handler_console]
class = StreamHandler
args = ()
"""


@dataclass
class Run:
    """What the workers did. Times in seconds; ``others`` is CPU time of other work."""

    wall: float = 0.0
    others: float = 0.0
    restarts: int = 0
    is_complete: bool = False
    cpu: dict[int, float] = field(default_factory=dict)
    """By process, also of those that have ended."""

    def look_at(self, roots: Sequence[int]) -> None:
        """Read the CPU time of processes and of their descendants."""
        for root in roots:
            for pid in (root, *descendants(root)):
                try:
                    self.cpu[pid] = process_seconds(pid)
                except OSError:  # it has ended
                    continue


@dataclass(frozen=True)
class Made:
    """Numbers: posters with all variants, variants, posters in the logs, and those made again."""

    posters: int
    variants: int
    logged: int
    again: int


def settings_of(url: str, bucket: S3Bucket) -> dict[str, str]:
    """The ini keys of a worker."""
    return {
        "site.base_url": "https://moziweb.test",
        "sqlalchemy.url": url,
        **bucket.settings(),
        "storage.s3.acl": "public-read",
        "posters.background": "procrastinate",
        "posters.lease_seconds": str(LEASE_SECONDS),
        "posters.decoder.children": "1",
        "posters.decoder.niceness": "0",
    }


def originals(storage: Storage, count: int, width: int | None) -> list[StoredUpload]:
    """Draw some posters of the demo, and store them as uploads, at most ``width`` pixels wide."""
    specs = [movie.poster for movie in demo_movies(TODAY) if movie.poster][:count]
    urls = [spec.to_url() for spec in specs]
    with tempfile.TemporaryDirectory() as folder:
        reader = DrawnFiles(Path(folder))
        reader.draw(urls, cores())
        drawn = [reader.read(Drawn(url)).body for url in urls]
        return [store_upload(storage, scaled(body, width) if width else body) for body in drawn]


def scaled(body: bytes, width: int) -> bytes:
    """A picture as a JPEG of at most that width."""
    picture, output = Image.open(BytesIO(body)), BytesIO()
    picture.thumbnail((width, 2 * width))
    picture.save(output, "JPEG")
    return output.getvalue()


def fill(database: Database, uploads: Sequence[StoredUpload], movies: int) -> None:
    """Add movies with an original each, and a job for each of them."""
    for first in range(1, movies + 1, MOVIES_PER_TRANSACTION):
        numbers = range(first, min(movies + 1, first + MOVIES_PER_TRANSACTION))
        sources = [
            PosterSource(
                movie_id=number,
                kind=SourceKind.UPLOAD,
                chosen=True,
                **asdict(uploads[number % len(uploads)]),
            )
            for number in numbers
        ]
        with database.write() as session:
            for number in numbers:
                title = f"Film {number}"
                slug = f"film-{number}"
                session.add(Movie(id=number, title=title, original_title=title, slug=slug))
            session.flush()
            session.add_all(sources)
            session.flush()
            ids = [source.id for source in sources]
            ProcrastinateQueue(database).enqueue_in_transaction(session, ids)


def count_ready(database: Database) -> int:
    """The number of sources whose variants are all made."""
    is_ready = PosterSource.state == SourceState.READY
    with database.read() as session:
        return session.scalar(select(func.count(PosterSource.id)).where(is_ready)) or 0


def times_made(workers: Sequence[Worker]) -> Counter[str]:
    """How many times each poster was decoded for its variants, by the logs of all workers."""
    found: Counter[str] = Counter()
    for worker in workers:
        found.update(re.findall(r"source (\d+): decoded once", worker.log.read_text()))
    return found


def work(
    database: Database, workers: Sequence[Worker], server_pid: int, options: argparse.Namespace
) -> Run:
    """Start the workers, kill some, and wait for all posters, or until the time is over."""
    run = Run(others=-machine_seconds())
    started = time.monotonic()
    before = process_seconds(server_pid)
    for worker in workers:
        worker.start()
    while time.monotonic() < started + options.seconds:
        ready = count_ready(database)
        run.look_at([worker.pid for worker in workers])
        if ready == options.movies:
            run.is_complete = True
            break
        share = max(ready / options.movies, (time.monotonic() - started) / options.seconds)
        if run.restarts < options.kills and share * (options.kills + 1) > run.restarts + 1:
            worker = workers[run.restarts % len(workers)]
            worker.kill()
            worker.start()
            run.restarts += 1
        time.sleep(POLL_SECONDS)
    run.wall = time.monotonic() - started
    run.cpu[server_pid] = process_seconds(server_pid) - before
    run.others += machine_seconds() - sum(run.cpu.values())
    for worker in workers:
        worker.stop()
    return run


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the posters; return 1 if a bound is missed."""
    parser = argparse.ArgumentParser(description="Posters of a large site by several workers.")
    parser.add_argument("--movies", type=int, default=200)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=900.0)
    parser.add_argument("--kills", type=int, default=2, help="how many workers to kill")
    parser.add_argument("--width", type=int, help="of the originals in pixels, at most")
    options = parser.parse_args(arguments)
    with ExitStack() as services:
        postgres = services.enter_context(PostgresServer())
        server = services.enter_context(S3Server())
        bucket = services.enter_context(server.bucket(acls=True))
        storage = services.enter_context(closing(s3_storage(bucket)))
        name = postgres.create()
        services.callback(postgres.drop, name)
        url = postgres.url(name)
        database = Database(create_engine({"sqlalchemy.url": url, "sqlalchemy.pool_size": 2}))
        services.callback(database.engine.dispose)
        migrations.upgrade(database.engine)
        uploads = originals(storage, min(ORIGINALS, options.movies), options.width)
        fill(database, uploads, options.movies)
        site = WebServer(settings_of(url, bucket))
        site.prepare()  # the ini file, which is all that is used of it
        with (site.home / "site.ini").open("a") as ini:
            ini.write(LOGGING)
        services.callback(site.close)
        workers = [Worker(site) for _ in range(options.workers)]
        for worker in workers:
            services.callback(worker.close)
        run = work(database, workers, server.pid, options)
        made, variants = count_ready(database), count_variants(database)
        times, lost = times_made(workers), Lost.of(database, storage)
        # Printed before the bucket is cleared, which takes minutes for a large site.
        return report(
            options, run, Made(made, variants, len(times), times.total() - len(times)), lost
        )


def report(options: argparse.Namespace, run: Run, found: Made, lost: Lost) -> int:
    made = found.posters
    cpu = sum(run.cpu.values())
    ratio = run.wall / (cpu / cores())
    rate = made / run.wall
    print_table(
        f"{made} of {options.movies} posters, {options.workers} workers, {cores()} cores: seconds",
        ["", "wall", "CPU of workers and S3", "CPU / cores", "wall / that", "others' CPU"],
        [["variants to S3", run.wall, cpu, cpu / cores(), ratio, run.others]],
    )
    print(
        f"\n{rate:.2f} posters per second, {rate / cores():.2f} per core, "
        f"{1000 * cpu / max(1, made):.0f} ms of CPU each; {run.restarts} workers killed, "
        f"{found.again} posters made again"
    )
    figures = {
        "movies": options.movies,
        "made": made,
        "variants": found.variants,
        "made_again": found.again,
        "workers": options.workers,
        "cores": cores(),
        "killed": run.restarts,
        "posters_per_second": round(rate, 2),
        "cpu": round(cpu, 1),
        "others": round(run.others, 1),
        "wall": round(run.wall, 1),
    }
    bounds = [
        Bound("wall over CPU per core", ratio, at_most=BOUND),
        Bound("variants of the posters made", found.variants, at_least=made * len(RECIPES)),
        Bound("posters whose making is in a log", found.logged, at_least=made),
        Bound("posters made again", found.again, at_most=run.restarts),
        Bound("rows whose object is lost", lost.objects, at_most=0),
    ]
    if run.is_complete:
        bounds.append(Bound("objects whose row is lost", lost.rows, at_most=0))
    return finish(figures, bounds)


if __name__ == "__main__":
    sys.exit(main())
