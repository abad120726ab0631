"""Are the cores kept busy? All variants of 200 demo movies, to an S3 server over HTTP.

What an operator runs is ``moziweb posters generate --jobs 2``; this calls the same function on
demo posters, against a real S3 server on this machine, and holds the wall time against the least
that it could be: the CPU time spent (ours, our decoding children's and the server's) over the
cores. 1.0 would mean that no core ever waited, for the network, a lock or the database.

Drawing a demo poster stands in for fetching one and is no part of the poster service: the posters
are drawn first, by as many threads, and both parts are told. Whatever else runs on the machine
meanwhile makes the ratio larger than it is; its CPU time is told, too.

Beside it stands what a Django site would have instead: easy-thumbnails, which opens the source
anew for each variant, on as many threads and with the same encoders, each variant put to the same
server. It gets a part of the posters, for it takes long, and is spared what the library does in
its own database and asks of the storage, so it is compared by the source, and flattered.

Run it from the repository's root: ``python -m benchmarks.generate [--movies 200] [--jobs 2]``.
"""

import argparse
import os
import resource
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from sqlalchemy import delete, func, select

from benchmarks.contenders import easy_thumbnails
from benchmarks.report import Bound, finish, print_table
from moziweb.clock import utc_now
from moziweb.db import Database, create_engine, migrations
from moziweb.demo.loader import load_demo
from moziweb.demo.reader import DrawnReader
from moziweb.posters.decoder import DecoderPool
from moziweb.posters.generation.batch import SourceQuery, generate
from moziweb.posters.generation.leases import SourceLeases
from moziweb.posters.generation.publication import CACHE_CONTROL
from moziweb.posters.generation.readers import SourceBytes, SourceLocation, SourceReader
from moziweb.posters.generation.service import PosterService
from moziweb.posters.models import PosterSource, PosterVariant, SourceKind
from moziweb.posters.recipes import RECIPES
from moziweb.posters.wiring import decoder_pool_from
from moziweb.settings import SETTINGS
from moziweb.storage import Storage
from moziweb.storage.s3 import S3Settings, S3Storage
from tests.posters.decoder.children import pids
from tests.services.s3 import REGION, ROOT, S3Bucket, S3Server

TODAY = date(2026, 8, 20)
BOUND = 1.2
PEER_BOUND = 2.0
"""Most of the work is the encoders', which are the same."""
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Shelf:
    """A reader of posters that were drawn before, one file a poster."""

    folder: Path

    def draw(self, urls: Sequence[str], jobs: int) -> None:
        """Draw every poster, ``jobs`` at a time."""
        reader = DrawnReader()

        def draw(url: str) -> None:
            self._path(url).write_bytes(reader.read(Drawn(url)).body)

        with ThreadPoolExecutor(jobs) as pool:
            list(pool.map(draw, urls))

    def read(self, source: SourceLocation) -> SourceBytes:
        """The poster as it was drawn."""
        return SourceBytes(self._path(source.url or "").read_bytes())

    def _path(self, url: str) -> Path:
        return self.folder / f"{sha256(url.encode()).hexdigest()}.jpg"


@dataclass(frozen=True)
class Drawn:
    """The address of a drawn source."""

    url: str
    key: None = None


@dataclass(frozen=True)
class Cost:
    """What a part took, in seconds; ``others`` is what else ran on the machine meanwhile."""

    wall: float
    ours: float
    server: float
    others: float

    @property
    def floor(self) -> float:
        """The wall time if no core ever waited."""
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
    """What all processes together have used: user, nice, system, irq, softirq (proc(5))."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    return sum(int(fields[place]) for place in (0, 1, 2, 5, 6)) / TICKS


def our_seconds(workshop: DecoderPool) -> float:
    """Our processor time, with that of the decoding children, those that have ended among them."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    living = sum(process_seconds(pid) for pid in pids(workshop))
    return time.process_time() + ended.ru_utime + ended.ru_stime + living


def measured(work: Callable[[], object], server_pid: int, workshop: DecoderPool) -> Cost:
    """Do ``work`` and tell what it took, here, in our children and at the server."""

    def clocks() -> tuple[float, float, float, float]:
        return (
            time.perf_counter(),
            our_seconds(workshop),
            process_seconds(server_pid),
            machine_seconds(),
        )

    before = clocks()
    work()
    wall, ours, server, machine = (b - a for a, b in zip(before, clocks(), strict=True))
    return Cost(wall, ours, server, max(0.0, machine - ours - server))


@contextmanager
def demo_database(folder: Path, movies: int) -> Iterator[Database]:
    """The demo, with the posters of ``movies`` films alone."""
    engine = create_engine({"sqlalchemy.url": f"sqlite:///{folder}/demo.sqlite"})
    migrations.upgrade(engine)
    database = Database(engine)
    with database.write() as session:
        load_demo(session, TODAY, datetime.combine(TODAY, datetime.min.time(), UTC))
        first = select(PosterSource.id).order_by(PosterSource.id).limit(movies)
        session.execute(delete(PosterSource).where(PosterSource.id.not_in(first)))
    yield database
    engine.dispose()


def poster_service(
    database: Database, storage: Storage, reader: SourceReader, workshop: DecoderPool
) -> PosterService:
    leases = SourceLeases(database, utc_now, timedelta(minutes=5))
    readers = {SourceKind.DRAWN: reader}
    return PosterService(database, storage, readers, leases, maker=workshop.make)


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


def run(service: PosterService, database: Database, jobs: int) -> Counter[str]:
    """What ``moziweb posters generate`` does."""
    done = generate(service, SourceQuery().sources(database), jobs, threading.Event())
    return Counter(one.result.status for one in done)


def run_easy_thumbnails(shelf: Shelf, urls: Sequence[str], storage: Storage, jobs: int) -> None:
    """The same variants of some posters by easy-thumbnails, to keys of their own."""

    def make(number: int, url: str) -> None:
        body = shelf.read(Drawn(url)).body
        for recipe, data in zip(RECIPES, easy_thumbnails(body, RECIPES), strict=True):
            key = f"easy/{number}{recipe.suffix}"
            storage.put(key, data, content_type=recipe.mime, cache_control=CACHE_CONTROL)

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(make, range(len(urls)), urls))


def drawn_urls(database: Database) -> list[str]:
    with database.read() as session:
        return [url for url in session.scalars(select(PosterSource.url)) if url]


def count_variants(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count(PosterVariant.id))) or 0


def row(name: str, cost: Cost) -> list[str | float]:
    figures = (cost.wall, cost.ours, cost.server, cost.floor, cost.ratio, cost.others)
    return [name, *(round(figure, 2) for figure in figures)]


def main() -> int:
    """Run both parts; 1 when the bound is missed or a poster is."""
    parser = argparse.ArgumentParser(description="All variants of demo movies to an S3 server.")
    parser.add_argument("--movies", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--peer-movies", type=int, default=40, help="for easy-thumbnails")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as name,
        demo_database(Path(name), asked.movies) as database,
        S3Server() as server,
        server.bucket(acls=True) as bucket,
        closing(s3_storage(bucket)) as storage,
    ):
        shelf = Shelf(Path(name))
        workshop = decoder_pool_from({setting.name: setting.default for setting in SETTINGS})
        service = poster_service(database, storage, shelf, workshop)
        storage.check()  # makes the client, which takes a while and happens once a process
        urls = drawn_urls(database)
        drawing = measured(lambda: shelf.draw(urls, asked.jobs), server.pid, workshop)
        making = measured(lambda: run(service, database, asked.jobs), server.pid, workshop)
        variants = count_variants(database)
        easy_thumbnails(shelf.read(Drawn(urls[0])).body, RECIPES)  # it sets itself up
        some = urls[: asked.peer_movies]
        peer = measured(
            lambda: run_easy_thumbnails(shelf, some, storage, asked.jobs), server.pid, workshop
        )
        workshop.close()
    return told(asked, drawing, making, peer, variants)


def told(asked: argparse.Namespace, drawing: Cost, making: Cost, peer: Cost, variants: int) -> int:
    print_table(
        f"{asked.movies} posters, {variants} variants, {asked.jobs} jobs, {cores()} cores: seconds",
        ["", "wall", "our CPU", "S3's CPU", "CPU / cores", "wall / that", "others' CPU"],
        [
            row("drawing (not the service's)", drawing),
            row("variants to S3", making),
            row(f"{asked.peer_movies} by easy-thumbnails", peer),
        ],
    )
    ours, theirs = making.ours / asked.movies, peer.ours / asked.peer_movies
    print_table(
        "A poster: milliseconds",
        ["", "our CPU", "wall"],
        [
            ["ours", 1000 * ours, 1000 * making.wall / asked.movies],
            ["easy-thumbnails", 1000 * theirs, 1000 * peer.wall / asked.peer_movies],
        ],
    )
    figures = {
        "movies": asked.movies,
        "variants": variants,
        "jobs": asked.jobs,
        "cores": cores(),
        "sources_per_second": round(asked.movies / making.wall, 2),
        "drawing": asdict(drawing),
        "making": asdict(making),
        "easy_thumbnails": {"movies": asked.peer_movies, **asdict(peer)},
    }
    expected = asked.movies * len(RECIPES)
    bounds = [
        Bound("wall over CPU per core", making.ratio, at_most=BOUND),
        Bound("CPU of easy-thumbnails over ours, a poster", theirs / ours, at_least=PEER_BOUND),
        Bound("variants made", variants, at_least=expected, at_most=expected),
    ]
    return finish(figures, bounds)


if __name__ == "__main__":
    sys.exit(main())
