"""Memory of a whole site on one small machine: a web process and a worker, as hosted.

``production.ini`` on PostgreSQL, memcached and S3. The first table has the peak of a decoder for
the largest picture of each kind that is allowed. Then visitors follow every link from the front
page. While they read hot pages, the web process, the worker, and both at once make the posters of
the worst of these pictures, each in a file of the largest size. The figures are PSS of the
processes and of their decoder children: memory that processes share is counted once. The last
table says what a process needs it for.

Run it from the repository's root, with the variables of production.ini that differ from its
defaults: ``python -m benchmarks.hosted_memory POSTERS_IMAGE_MB=110 POSTERS_ALONE_MB=0``. With
``POSTERS_BACKGROUND=pool`` there is no worker, and the web process makes two at once.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, astuple, dataclass
from datetime import UTC, datetime
from html import unescape
from io import BytesIO
from itertools import pairwise
from pathlib import Path

from PIL import Image
from sqlalchemy import delete, func, select

from benchmarks.report import Bound, finish, print_table
from benchmarks.serving_memory import LINK, OTHER
from moziweb.db import Database, create_engine, migrations
from moziweb.demo.loader import load_demo
from moziweb.movies.calendar import budapest_today
from moziweb.movies.models import Movie
from moziweb.posters.decoder import MEBIBYTE
from moziweb.posters.generation.procrastinate_queue import ProcrastinateQueue
from moziweb.posters.imaging.limits import _HALVED_PIXELS, estimate_memory
from moziweb.posters.imaging.values import LIMITS
from moziweb.posters.models import PosterSource, PosterVariant
from moziweb.posters.recipes import RECIPES
from moziweb.posters.wiring import decoder_pool_from
from moziweb.settings import SETTINGS
from moziweb.storage.s3 import S3Settings, S3Storage
from tests.factories import add_upload
from tests.posters.decoder.children import pids
from tests.services.memcached import MemcachedServer
from tests.services.ports import HOST, accepts, free_port
from tests.services.postgres import PostgresServer
from tests.services.process import Service
from tests.services.s3 import REGION, ROOT, S3Bucket, S3Server
from tests.services.web import ask

LIMIT_MIB = 420
ROOT_FOLDER = Path(__file__).parents[1]
PATIENCE = 120.0
DECODER_SECONDS = 35.0
_MARGIN_PIXELS = 10_000  # the estimate of a fraction of a picture is not exact

SMALLEST = ("--pages", "10", "--megapixels", "1", "--kinds", "1")
"""The arguments of the smallest run, which the tests do."""

STEPS = {
    "Python": "",
    "Pyramid, Jinja, waitress": "import pyramid.config, pyramid_jinja2, pyramid_tm, waitress",
    "SQLAlchemy, psycopg": "import sqlalchemy.orm, sqlalchemy.dialects.postgresql, psycopg",
    "structlog": "import moziweb.logs.formatters",
    "boto3, with a client of S3": (
        "from moziweb.hidden_modules import hidden\n"
        "with hidden('urllib3.contrib.pyopenssl'):\n"
        "    from moziweb.storage.s3 import S3Settings, make_client\n"
        "client = make_client(S3Settings('b', access_key_id='a', secret_access_key='b'))"
    ),
    "our modules of a worker": "import moziweb.posters.wiring, moziweb.ops.health",
    "our modules of pages": "import moziweb.server, moziweb.site, moziweb.manager.wiring",
    "the command and its progress bars": "import moziweb.cli",
    "the worker's queue": "import moziweb.cli.worker",
}

PRINT_PSS = """
def print_pss():
    with open("/proc/self/smaps_rollup") as rollup:
        print(next(line.split()[1] for line in rollup if line.startswith("Pss:")))
"""


@dataclass(frozen=True)
class Pss:
    """PSS in MiB of the two processes, and of their decoder children."""

    web: float
    worker: float
    web_children: float = 0.0
    worker_children: float = 0.0

    @property
    def total(self) -> float:
        return self.web + self.worker + self.web_children + self.worker_children


class Hosted(Service):
    """A process of the Procfile."""

    stop_signal = signal.SIGKILL  # it has nothing to finish

    def __init__(self, name: str, arguments: Sequence[str], environ: Mapping[str, str]) -> None:
        super().__init__()
        self.name = name
        self._arguments = arguments
        self._environ = environ
        self.port = int(environ["PORT"])

    def prepare(self) -> None:
        """Copy the ini file; decoding does not time out on a busy machine."""
        text = (ROOT_FOLDER / "production.ini").read_text()
        text = text.replace("posters.decoder.niceness = 20", "posters.decoder.niceness = 0")
        (self.home / "production.ini").write_text(text)

    def command(self) -> Sequence[str]:
        return [sys.executable, "-W", "ignore", "-m", *self._arguments]

    def environment(self) -> Mapping[str, str]:
        return {"PYTHONPATH": str(ROOT_FOLDER), "BIND_HOST": HOST, **self._environ}

    def is_ready(self) -> bool:
        if self.name == "worker":
            return "A worker with" in self.log.read_text()
        return accepts(self.port)

    def pss_of_children(self) -> float:
        """PSS of its descendants, in MiB."""
        return pss_of_descendants(self.pid)


def pss_now(web: Hosted, worker: Hosted | None) -> Pss:
    """The present figures."""
    if worker is None:
        return Pss(pss_of(web.pid), 0.0, web.pss_of_children())
    children = web.pss_of_children(), worker.pss_of_children()
    return Pss(pss_of(web.pid), pss_of(worker.pid), *children)


def pss_of(pid: int) -> float:
    """PSS of one process in MiB; 0 if it has ended."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return int(re.findall(r"\nPss:\s+(\d+) kB", text)[0]) / 1024


def pss_of_descendants(pid: int) -> float:
    """PSS of the descendants of a process, in MiB.

    One that is being started has the memory of the process until it runs its program: not counted.
    """
    own = command_of(pid)
    return sum(pss_of(each) for each in descendants(pid) if command_of(each) != own)


def command_of(pid: int) -> bytes:
    """The command line of a process; empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def descendants(pid: int) -> Iterator[int]:
    """The children of a process, theirs, and so on; none if it has ended."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return
    for task in tasks:
        try:
            children = [int(each) for each in (task / "children").read_text().split()]
        except OSError:  # the thread has ended
            continue
        for child in children:
            yield child
            yield from descendants(child)


def environ_of(url: str, memcached: str, bucket: S3Bucket) -> dict[str, str]:
    """The variables of production.ini."""
    return {
        "PORT": str(free_port()),
        "SITE_BASE_URL": "https://moziweb.test",
        "DATABASE_URL": url.replace("+psycopg", ""),
        "STAMPS_SERVER": memcached,
        "MEMCACHED_SERVERS": memcached,
        "S3_BUCKET": bucket.name,
        "S3_ENDPOINT_URL": bucket.endpoint_url,
        "S3_ACL": "public-read",
        "S3_ADDRESSING_STYLE": "path",
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": ROOT.access_key_id,
        "AWS_SECRET_ACCESS_KEY": ROOT.secret_access_key,
    }


def load(url: str) -> Database:
    """Load the demo without its posters, so that nothing else is drawn."""
    database = Database(create_engine({"sqlalchemy.url": url, "sqlalchemy.pool_size": 2}))
    now = datetime.now(UTC)
    migrations.upgrade(database.engine)
    with database.write() as session:
        load_demo(session, budapest_today(now), now)
        session.execute(delete(PosterVariant))
        session.execute(delete(PosterSource))
    return database


KINDS: Mapping[str, tuple[str, str, Mapping[str, object]]] = {
    "JPEG, progressive, CMYK": ("JPEG", "CMYK", {"progressive": True}),
    "JPEG, progressive, 4:4:4": ("JPEG", "RGB", {"progressive": True, "subsampling": 0}),
    "JPEG, progressive, 4:2:0": ("JPEG", "RGB", {"progressive": True, "subsampling": 2}),
    "JPEG": ("JPEG", "RGB", {}),
    "PNG, transparent": ("PNG", "RGBA", {"compress_level": 1}),
    "PNG": ("PNG", "RGB", {"compress_level": 1}),
    "GIF, transparent": ("GIF", "P", {"transparency": 9}),
    "PNG, 16 bits": ("PNG", "I;16", {"compress_level": 1}),
    "WebP, transparent": ("WEBP", "RGBA", {"method": 0}),
    "WebP": ("WEBP", "RGB", {"method": 0}),
    "AVIF, transparent": ("AVIF", "RGBA", {"speed": 10}),
    "AVIF": ("AVIF", "RGB", {"speed": 10}),
}


def largest_picture(kind: str, megapixels: int, image_mb: int) -> bytes:
    """The largest picture of a kind that is allowed, in a file of the largest size.

    It has at most so many megapixels. A JPEG of less than ``_HALVED_PIXELS`` takes more memory by
    pixel, so there may be two largest ones: the one with more pixels.
    """
    most, limit = megapixels * 1_000_000, image_mb * MEBIBYTE
    empty = estimate_memory(picture_of(kind, 100))
    for pixels in (min(LIMITS.max_pixels(KINDS[kind][0].lower()), most), _HALVED_PIXELS - 1):
        memory = estimate_memory(picture := picture_of(kind, min(pixels, most)))
        if memory > limit:
            fitting = pixels * (limit - empty) // (memory - empty) - _MARGIN_PIXELS
            picture = picture_of(kind, fitting)
        if estimate_memory(picture) <= limit:
            break
    return picture.ljust(LIMITS.bytes, b"\xff")


def picture_of(kind: str, pixels: int) -> bytes:
    """A picture of a kind."""
    format_, mode, options = KINDS[kind]
    width = int((pixels * 2 / 3) ** 0.5)
    output = BytesIO()
    colour = (9, 60, 20, 5)[: Image.getmodebands(mode)]
    Image.new(mode, (width, pixels // width), colour).save(output, format_, **options)
    return output.getvalue()


def decoder_peak(picture: bytes) -> float:
    """The largest PSS in MiB of a decoder child that makes all variants of a picture."""
    typed = {setting.name: setting.default for setting in SETTINGS}
    ended, found = threading.Event(), [0.0]
    patient = {"posters.decoder.niceness": 0, "posters.decoder.seconds": DECODER_SECONDS}
    with closing(decoder_pool_from({**typed, **patient})) as pool:

        def sample() -> None:
            while not ended.wait(0.005):
                found.append(sum(map(pss_of, pids(pool))))

        sampler = threading.Thread(target=sample)
        sampler.start()
        try:
            pool.make(picture, RECIPES)
        finally:
            ended.set()
            sampler.join()
    return max(found)


def crawl(port: int, limit: int) -> list[str]:
    """Follow the links of pages, four at once, and read them again; return the paths."""
    paths, read = ["/"], 0
    with ThreadPoolExecutor(4) as visitors:
        while batch := paths[read:limit]:
            known, read = set(paths), read + len(batch)
            for status, _, body in visitors.map(lambda path: ask(port, path), batch):
                if status != 200:
                    raise RuntimeError(f"a page has the status {status}")
                linked = map(unescape, LINK.findall(body.decode()))
                new = {path for path in linked if not path.startswith(OTHER)} - known
                paths += sorted(new)
                known |= new
        # Again, twice: a process keeps a page in its memory from the second request on.
        for _ in range(2):
            list(visitors.map(lambda path: ask(port, path), paths[:read]))
    return paths[:read]


@contextmanager
def load_and_peak(web: Hosted, worker: Hosted | None, peaks: list[Pss]) -> Iterator[None]:
    """Four visitors read pages during the block; ``peaks`` gets the figures at the largest sum."""
    ended, port = threading.Event(), web.port
    found: list[Pss] = []

    def visit(number: int) -> None:
        while not ended.is_set():
            ask(port, ("/", "/en/", f"/search?q=a{number}", "/undated")[number])

    def sample() -> None:
        while not ended.wait(0.02):
            found.append(pss_now(web, worker))

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(4)]
    threads.append(threading.Thread(target=sample))
    for each in threads:
        each.start()
    try:
        yield
    finally:
        ended.set()
        for each in threads:
            each.join()
        peaks.append(max(found, key=lambda pss: pss.total))


def add_picture(
    database: Database, bucket: S3Bucket, data: bytes, number: int, *, queued: bool = False
) -> str:
    """Add a picture to a movie, and to the queue of the worker; return the path of its poster."""
    settings = S3Settings(
        bucket.name,
        endpoint_url=bucket.endpoint_url,
        access_key_id=ROOT.access_key_id,
        secret_access_key=ROOT.secret_access_key,
        addressing_style="path",
    )
    storage = S3Storage(settings)
    with database.write() as session:
        movie = session.scalars(select(Movie).order_by(Movie.id).offset(number).limit(1)).one()
        source = add_upload(session, storage, movie, data)
        path = f"/poster/{movie.id}-{movie.slug}.{source.id}.thumb.webp"
        if queued:
            ProcrastinateQueue(database).enqueue_in_transaction(session, [source.id])
    storage.close()
    return path


def wait_for_posters(database: Database, count: int) -> None:
    """Wait until that many variants are stored."""
    deadline = time.monotonic() + PATIENCE
    while True:
        with database.read() as session:
            if (session.scalar(select(func.count(PosterVariant.id))) or 0) >= count:
                return
        if time.monotonic() > deadline:
            raise RuntimeError("the posters were not made")
        time.sleep(0.1)


def measure(pages: int, picture: bytes, settings: Mapping[str, str]) -> dict[str, Pss]:
    """Run the site; the figures by moment. ``settings`` are further variables of production.ini."""
    with ExitStack() as services:
        postgres = services.enter_context(PostgresServer())
        memcached = services.enter_context(MemcachedServer())
        bucket = services.enter_context(services.enter_context(S3Server()).bucket(acls=True))
        name = postgres.create()
        database = load(postgres.url(name))
        services.callback(postgres.drop, name)
        services.callback(database.engine.dispose)
        environ = {**environ_of(postgres.url(name), memcached.address, bucket), **settings}
        web = Hosted("web", ["pyramid.scripts.pserve", "production.ini"], environ)
        services.enter_context(web)
        worker: Hosted | None = None
        if settings.get("POSTERS_BACKGROUND") != "pool":
            worker = Hosted("worker", ["moziweb.cli", "-c", "production.ini", "worker"], environ)
            services.enter_context(worker)
        found = {"at the start": pss_now(web, worker)}
        paths = crawl(web.port, pages)
        found[f"after {len(paths)} pages"] = pss_now(web, worker)
        peaks: list[Pss] = []
        made = 0
        for by_web, by_worker in ((1, 0), (0, 1), (1, 1)) if worker else ((1, 0), (2, 0)):
            with load_and_peak(web, worker, peaks), ThreadPoolExecutor(2) as visitors:
                for _ in range(by_worker):
                    add_picture(database, bucket, picture, made, queued=True)
                    made += 1
                for _ in range(by_web):
                    path = add_picture(database, bucket, picture, made)
                    visitors.submit(ask, web.port, path, timeout=PATIENCE)
                    made += 1
                wait_for_posters(database, made * len(RECIPES))
            found[f"posters: web makes {by_web}, worker {by_worker}"] = peaks[-1]
        found["after the posters"] = pss_now(web, worker)
    return found


def costs() -> dict[str, float]:
    """MiB that each of ``STEPS`` adds to a process."""
    code = PRINT_PSS + "".join(f"{step}\nprint_pss()\n" for step in STEPS.values())
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=ROOT_FOLDER,
        env={**os.environ, "PYTHONPATH": str(ROOT_FOLDER)},
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    totals = [0.0, *(float(kilobytes) / 1024 for kilobytes in done.stdout.split())]
    return {
        name: after - before for name, (before, after) in zip(STEPS, pairwise(totals), strict=True)
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 if the bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=2_816)
    parser.add_argument("--megapixels", type=int, default=LIMITS.pixels // 1_000_000)
    parser.add_argument("--kinds", type=int, default=len(KINDS), help="of the largest pictures")
    parser.add_argument("variables", nargs="*", metavar="NAME=VALUE", help="of production.ini")
    options = parser.parse_args(arguments)
    settings = dict(each.split("=", 1) for each in options.variables)
    image_mb = int(settings.get("POSTERS_IMAGE_MB", 320))
    kinds = list(KINDS)[: options.kinds]
    pictures = {kind: largest_picture(kind, options.megapixels, image_mb) for kind in kinds}
    peaks = {kind: decoder_peak(pictures[kind]) for kind in kinds}
    print_table("PSS of a decoder at its largest pictures", ("", "MiB"), list(peaks.items()))
    worst = max(kinds, key=peaks.__getitem__)
    found = measure(options.pages, pictures[worst], settings)
    header = ("", "web", "worker", "web's children", "worker's children", "all")
    rows = [(moment, *astuple(pss), pss.total) for moment, pss in found.items()]
    print_table(f"PSS in MiB ({worst})", header, rows)
    steps = costs()
    print_table("MiB of a process by what it imports", ("", "MiB"), list(steps.items()))
    peak = max(pss.total for pss in found.values())
    bound = Bound("MiB of all processes at the peak", peak, at_most=LIMIT_MIB)
    figures = {moment: asdict(pss) for moment, pss in found.items()}
    return finish({**figures, "costs": steps, "decoders": peaks}, [bound])


if __name__ == "__main__":
    sys.exit(main())
