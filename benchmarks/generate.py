"""Use of the cores by ``moziweb posters generate``: all variants of 200 movies, or of 10,000.

Calls the function of that command with two jobs, against an S3 server on this machine. The result
is the ratio of the wall time to the least possible wall time: the CPU time of this process, its
decoder processes and the server, divided by the number of cores. 1.0 means that no core ever waited
for the network, a lock or the database.

The demo posters are drawn first, with as many threads; this replaces fetching and is reported
separately. Other work on the machine increases the ratio; its CPU time is reported, too. More
movies than the demo has are copies of its movies: each poster is drawn once. At the end, every
variant must have a row and its object in storage; decoder processes that were replaced are
counted.

For comparison, easy-thumbnails makes the same variants with the same encoders and as many threads,
and stores them on the same server. It opens the source for each variant. It is slow, so it makes
only some of the posters and is compared per source. Its own database and its checks of the storage
are not measured, which is in its favour.

Run it from the repository's root: ``python -m benchmarks.generate [--movies 200] [--jobs 2]``,
with ``--movies 10000 --jobs 4`` for a large site.
"""

import argparse
import os
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from benchmarks.contenders import easy_thumbnails
from benchmarks.report import Bound, finish, print_table
from moziweb.clock import utc_now
from moziweb.db import Database, create_engine, migrations
from moziweb.demo.loader import load_demo
from moziweb.demo.reader import DrawnReader
from moziweb.movies.models import Movie
from moziweb.posters.decoder import DecoderPool
from moziweb.posters.generation.batch import SourceQuery, generate
from moziweb.posters.generation.leases import SourceLeases
from moziweb.posters.generation.publication import CACHE_CONTROL
from moziweb.posters.generation.readers import SourceBytes, SourceLocation, SourceReader
from moziweb.posters.generation.service import PosterService
from moziweb.posters.models import PosterSource, PosterVariant, SourceKind, VariantState
from moziweb.posters.recipes import RECIPES
from moziweb.posters.wiring import decoder_pool_from
from moziweb.settings import SETTINGS
from moziweb.storage import Storage
from moziweb.storage.s3 import S3Settings, S3Storage
from tests.posters.decoder.children import pids
from tests.services.s3 import REGION, ROOT, S3Bucket, S3Server

TODAY = date(2026, 8, 20)
BOUND = 1.2
SMALLEST = ("--movies", "1", "--jobs", "1", "--peer-movies", "1")
"""The arguments of the smallest run, which the tests do."""

PEER_BOUND = 2.0
"""Most of the time is in the encoders, which are the same."""
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class DrawnFiles:
    """Reads posters from files that ``draw`` has written."""

    folder: Path

    def draw(self, urls: Sequence[str], jobs: int) -> None:
        """Draw every poster, ``jobs`` at a time."""
        reader = DrawnReader()

        def draw(url: str) -> None:
            self._path(url).write_bytes(reader.read(Drawn(url)).body)

        with ThreadPoolExecutor(jobs) as pool:
            list(pool.map(draw, urls))

    def read(self, source: SourceLocation) -> SourceBytes:
        """Return the drawn poster."""
        return SourceBytes(self._path(source.url or "").read_bytes())

    def _path(self, url: str) -> Path:
        return self.folder / f"{sha256(url.encode()).hexdigest()}.jpg"


@dataclass(frozen=True)
class Drawn:
    """A source with the URL of a drawn poster."""

    url: str
    key: None = None


@dataclass(frozen=True)
class Cost:
    """Wall and CPU time of a part in seconds; ``others`` is other work on the machine."""

    wall: float
    ours: float
    server: float
    others: float

    @property
    def floor(self) -> float:
        """The wall time if no core waited."""
        return (self.ours + self.server) / cores()

    @property
    def ratio(self) -> float:
        return self.wall / self.floor


def cores() -> int:
    return len(os.sched_getaffinity(0))


def process_seconds(pid: int) -> float:
    """User and system time of a process (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def machine_seconds() -> float:
    """CPU time of all processes: user, nice, system, irq, softirq (proc(5))."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    return sum(int(fields[index]) for index in (0, 1, 2, 5, 6)) / TICKS


def our_seconds(decoder_pool: DecoderPool) -> float:
    """CPU time of this process and its decoder processes, running and ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    living = sum(process_seconds(pid) for pid in pids(decoder_pool))
    return time.process_time() + ended.ru_utime + ended.ru_stime + living


def measured(work: Callable[[], object], server_pid: int, decoder_pool: DecoderPool) -> Cost:
    """Run ``work`` and return the time of this process, its children and the server."""

    def clocks() -> tuple[float, float, float, float]:
        return (
            time.perf_counter(),
            our_seconds(decoder_pool),
            process_seconds(server_pid),
            machine_seconds(),
        )

    before = clocks()
    work()
    wall, ours, server, machine = (b - a for a, b in zip(before, clocks(), strict=True))
    return Cost(wall, ours, server, max(0.0, machine - ours - server))


@contextmanager
def demo_database(folder: Path, movies: int) -> Iterator[Database]:
    """A database with the demo data and the posters of ``movies`` movies."""
    engine = create_engine({"sqlalchemy.url": f"sqlite:///{folder}/demo.sqlite"})
    migrations.upgrade(engine)
    database = Database(engine)
    with database.write() as session:
        load_demo(session, TODAY, datetime.combine(TODAY, datetime.min.time(), UTC))
        first = select(PosterSource.id).order_by(PosterSource.id).limit(movies)
        session.execute(delete(PosterSource).where(PosterSource.id.not_in(first)))
        copy_movies(session, movies)
    yield database
    engine.dispose()


def copy_movies(session: Session, movies: int) -> None:
    """Copy movies and their sources until there are ``movies`` sources."""
    sources = session.execute(
        select(PosterSource.kind, PosterSource.url, Movie.title, Movie.original_title, Movie.slug)
        .join(Movie, Movie.id == PosterSource.movie_id)
        .order_by(PosterSource.id)
    ).all()
    for number in range(len(sources), movies):
        kind, url, *names = sources[number % len(sources)]
        movie = Movie(**dict(zip(("title", "original_title", "slug"), names, strict=True)))
        session.add(movie)
        session.flush()
        session.add(PosterSource(movie_id=movie.id, kind=kind, url=url))


def poster_service(
    database: Database, storage: Storage, reader: SourceReader, decoder_pool: DecoderPool
) -> PosterService:
    leases = SourceLeases(database, utc_now, timedelta(minutes=5))
    readers = {SourceKind.DRAWN: reader}
    return PosterService(database, storage, readers, leases, maker=decoder_pool.make)


def s3_storage(bucket: S3Bucket) -> S3Storage:
    return S3Storage(
        S3Settings(
            bucket=bucket.name,
            region=REGION,
            endpoint_url=bucket.endpoint_url,
            access_key_id=ROOT.access_key_id,
            secret_access_key=ROOT.secret_access_key,
            acl="public-read",
        )
    )


def run(service: PosterService, database: Database, jobs: int, decoder_pool: DecoderPool) -> int:
    """Make all variants, as ``moziweb posters generate`` does; the number of children replaced."""
    seen: set[int] = set()
    for _ in generate(service, SourceQuery().sources(database), jobs, threading.Event()):
        seen |= pids(decoder_pool)
    return len(seen - pids(decoder_pool))


def run_easy_thumbnails(
    reader: DrawnFiles, urls: Sequence[str], storage: Storage, jobs: int
) -> None:
    """Make the same variants of some posters with easy-thumbnails, at other keys."""

    def make(number: int, url: str) -> None:
        body = reader.read(Drawn(url)).body
        for recipe, data in zip(RECIPES, easy_thumbnails(body, RECIPES), strict=True):
            key = f"easy/{number}{recipe.suffix}"
            storage.put(key, data, content_type=recipe.mime, cache_control=CACHE_CONTROL)

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(make, range(len(urls)), urls))


def drawn_urls(database: Database) -> list[str]:
    with database.read() as session:
        return list(dict.fromkeys(url for url in session.scalars(select(PosterSource.url)) if url))


def count_variants(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count(PosterVariant.id))) or 0


@dataclass(frozen=True)
class Lost:
    """Numbers: objects that ready variants lack, and objects without such a row."""

    objects: int
    rows: int

    @classmethod
    def of(cls, database: Database, storage: Storage) -> "Lost":
        """Compare the database with storage."""
        with database.read() as session:
            ready = PosterVariant.state == VariantState.READY
            keys = set(session.scalars(select(PosterVariant.key).where(ready)))
        stored = {each.key for each in storage.list("poster/")}
        return cls(len(keys - stored), len(stored - keys))


def row(name: str, cost: Cost) -> list[str | float]:
    figures = (cost.wall, cost.ours, cost.server, cost.floor, cost.ratio, cost.others)
    return [name, *(round(figure, 2) for figure in figures)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both parts; return 1 if the bound or a poster is missed."""
    parser = argparse.ArgumentParser(description="All variants of demo movies to an S3 server.")
    parser.add_argument("--movies", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--peer-movies", type=int, default=40, help="for easy-thumbnails")
    options = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory() as name,
        demo_database(Path(name), options.movies) as database,
        S3Server() as server,
        server.bucket(acls=True) as bucket,
        closing(s3_storage(bucket)) as storage,
    ):
        reader = DrawnFiles(Path(name))
        decoder_pool = decoder_pool_from({setting.name: setting.default for setting in SETTINGS})
        service = poster_service(database, storage, reader, decoder_pool)
        storage.check()  # creates the client, once per process
        urls = drawn_urls(database)
        drawing = measured(lambda: reader.draw(urls, options.jobs), server.pid, decoder_pool)
        restarts: list[int] = []
        making = measured(
            lambda: restarts.append(run(service, database, options.jobs, decoder_pool)),
            server.pid,
            decoder_pool,
        )
        variants, lost = count_variants(database), Lost.of(database, storage)
        easy_thumbnails(reader.read(Drawn(urls[0])).body, RECIPES)  # sets up the library
        some = urls[: options.peer_movies]
        peer = measured(
            lambda: run_easy_thumbnails(reader, some, storage, options.jobs),
            server.pid,
            decoder_pool,
        )
        decoder_pool.close()
    return report(options, (drawing, making, peer), variants, lost, sum(restarts))


def report(
    options: argparse.Namespace,
    costs: tuple[Cost, Cost, Cost],
    variants: int,
    lost: Lost,
    restarts: int,
) -> int:
    drawing, making, peer = costs
    rate = options.movies / making.wall
    counts = f"{options.movies} posters, {variants} variants, {options.jobs} jobs"
    print_table(
        f"{counts}, {cores()} cores: seconds",
        ["", "wall", "our CPU", "S3's CPU", "CPU / cores", "wall / that", "others' CPU"],
        [
            row("drawing (not the service's)", drawing),
            row("variants to S3", making),
            row(f"{options.peer_movies} by easy-thumbnails", peer),
        ],
    )
    ours, theirs = making.ours / options.movies, peer.ours / options.peer_movies
    print_table(
        "A poster: milliseconds",
        ["", "our CPU", "wall"],
        [
            ["ours", 1000 * ours, 1000 * making.wall / options.movies],
            ["easy-thumbnails", 1000 * theirs, 1000 * peer.wall / options.peer_movies],
        ],
    )
    print(f"\n{rate:.2f} posters per second, {rate / cores():.2f} per core; {restarts} restarts")
    figures = {
        "restarts": restarts,
        "movies": options.movies,
        "variants": variants,
        "jobs": options.jobs,
        "cores": cores(),
        "sources_per_second": round(rate, 2),
        "drawing": asdict(drawing),
        "making": asdict(making),
        "easy_thumbnails": {"movies": options.peer_movies, **asdict(peer)},
    }
    expected = options.movies * len(RECIPES)
    bounds = [
        Bound("wall over CPU per core", making.ratio, at_most=BOUND),
        Bound("CPU of easy-thumbnails over ours, a poster", theirs / ours, at_least=PEER_BOUND),
        Bound("variants made", variants, at_least=expected, at_most=expected),
        Bound("rows or objects lost", lost.rows + lost.objects, at_most=0),
    ]
    return finish(figures, bounds)


if __name__ == "__main__":
    sys.exit(main())
