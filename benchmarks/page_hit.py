"""Cost of a cached page: the warm index from ours and from other caches.

Every contender serves the same bytes from one core, through the same waitress: a bare WSGI
function, a Pyramid view, Django's ``cache_page`` and Flask-Caching over the same memcached, and
ours as in production. All run at the same time and are measured in turn, round after round, so that
other work on the machine affects all alike. A ratio is the median of each round's own.

Ours reads the clock from memcached for each hit. In production, waitress's loop answers
(``moziweb/cache/http/waitress_channel.py``), with one read for all requests of an iteration; "in
threads" is the same application under plain waitress. The second table splits the processor time
by servers that each do a little more than the one before. Two more are for comparison: a hit
without the local cache, which fetches and validates its entry, and a page that is assembled from
its template and fragments.

The client is ``wrk`` (``apt-get install wrk``) on the other core.

Run it from the repository's root: ``python -m benchmarks.page_hit [--rounds 9] [--seconds 1]``.
"""

import argparse
import http.client
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.generate import machine_seconds
from benchmarks.page_servers import SERVERS
from benchmarks.report import Bound, Cell, finish, print_table
from moziweb.db import Database, create_engine, migrations
from moziweb.demo.loader import load_demo
from moziweb.movies.calendar import budapest_today
from tests.services.memcached import MemcachedServer
from tests.services.ports import HOST, accepts, free_port

OF_BARE = 0.80
OF_DJANGO = 2.5
PATIENCE = 60.0

SMALLEST = ("--rounds", "1", "--servers", "bare", "ours")
"""The arguments of the smallest run, which the tests do."""


@dataclass(frozen=True)
class Round:
    """Requests each second, and microseconds of the server's processor time for each."""

    rate: float
    cpu: float


@dataclass
class Served:
    """A contender at its port, and its rounds by Accept-Encoding."""

    name: str
    pid: int
    port: int
    rounds: dict[str, list[Round]] = field(default_factory=dict)

    def rates(self, coding: str) -> list[float]:
        return [each.rate for each in self.rounds[coding]]

    def cpus(self, coding: str) -> list[float]:
        return [each.cpu for each in self.rounds[coding]]


def cores() -> tuple[int, int]:
    """The cores of the server and the client; the same core on a machine with one."""
    found = sorted(os.sched_getaffinity(0))
    return found[0], found[-1]


def cpu_seconds(pid: int) -> float:
    """Processor time of all threads of a process, in nanosecond steps (proc(5), schedstat)."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def ask(port: int, coding: str = "identity") -> http.client.HTTPResponse:
    """GET / once; the body is read."""
    connection = http.client.HTTPConnection(HOST, port, timeout=PATIENCE)
    connection.request("GET", "/", headers={"Accept-Encoding": coding})
    response = connection.getresponse()
    response.body = response.read()  # type: ignore[attr-defined]
    connection.close()
    return response


@contextmanager
def serving(name: str, folder: Path, memcached: str) -> Iterator[Served]:
    """Start a contender and warm its cache."""
    port, core = free_port(), cores()[0]
    command = [sys.executable, "-m", "benchmarks.page_servers"]
    process = subprocess.Popen([*command, name, str(port), str(folder), memcached, str(core)])
    try:
        until = time.monotonic() + PATIENCE
        while not accepts(port):
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"page_hit: {name} does not serve")
            time.sleep(0.05)
        for _ in range(30):
            ask(port)
            ask(port, "gzip")
        yield Served(name, process.pid, port)
    finally:
        process.kill()
        process.wait()


def measure(server: Served, coding: str, seconds: int, connections: int) -> None:
    """One round."""
    before, started = cpu_seconds(server.pid), time.perf_counter()
    output = subprocess.run(
        ["taskset", "-c", str(cores()[1]), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s",
         "-H", f"Accept-Encoding: {coding}", f"http://{HOST}:{server.port}/"],
        check=True, capture_output=True, text=True, timeout=PATIENCE + seconds,
    ).stdout  # fmt: skip
    spent, elapsed = cpu_seconds(server.pid) - before, time.perf_counter() - started
    requests = re.search(r"(\d+) requests in", output)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    if requests is None or rate is None or "Non-2xx" in output or elapsed < seconds:
        raise SystemExit(f"page_hit: wrk failed for {server.name}: {output}")
    count = max(1, int(requests[1]))
    server.rounds.setdefault(coding, []).append(Round(float(rate[1]), spent / count * 1e6))


def prepare(folder: Path) -> None:
    """Create a database with the demo data around today."""
    engine = create_engine({"sqlalchemy.url": f"sqlite:///{folder}/demo.sqlite"})
    migrations.upgrade(engine)
    now = datetime.now(UTC)
    with Database(engine).write() as session:
        load_demo(session, budapest_today(now), now)
    engine.dispose()


def keep_page(folder: Path, port: int) -> int:
    """Write our page and its headers for the others; returns the page's size."""
    response = ask(port)
    body: bytes = response.body  # type: ignore[attr-defined]
    if response.getheader("X-Cache") != "l1":
        raise SystemExit("page_hit: our index is not served from the first level")
    ours = [pair for pair in response.getheaders() if pair[0] not in {"Server", "Date", "Via"}]
    (folder / "page.html").write_bytes(body)
    (folder / "headers.json").write_text(json.dumps(ours))
    return len(body)


def check_same(servers: Sequence[Served], folder: Path) -> None:
    """Fail unless every contender serves the same bytes."""
    page = (folder / "page.html").read_bytes()
    for server in servers:
        if ask(server.port).body != page:  # type: ignore[attr-defined]
            raise SystemExit(f"page_hit: {server.name} serves other bytes")


def median_ratio(ours: Sequence[float], others: Sequence[float]) -> float:
    """The median of the ratios of the rounds."""
    return statistics.median(a / b for a, b in zip(ours, others, strict=True))


def spread(figures: Sequence[float]) -> float:
    """Half the distance between the quartiles, over the median."""
    if len(figures) < 2:
        return 0.0
    low, middle, high = statistics.quantiles(figures, n=4)
    return (high - low) / 2 / middle


def print_contenders(servers: dict[str, Served], coding: str, size: int) -> None:
    """A table of all contenders."""
    base = servers["bare"]
    rows: list[list[Cell]] = []
    for name, server in servers.items():
        rates, cpus = server.rates(coding), server.cpus(coding)
        ratio = f"{median_ratio(rates, base.rates(coding)):.3f}"
        by_cpu = f"{median_ratio(base.cpus(coding), cpus):.3f}"
        around = f"{spread(rates):.0%}"
        rows.append(
            [name, statistics.median(rates), around, ratio, statistics.median(cpus), by_cpu]
        )
    print_table(
        f"The index, {size:,} bytes, {coding}: one core, in turn",
        ["", "requests/s", "spread", "of bare", "CPU µs", "of bare by CPU"],
        rows,
    )


def layers(servers: dict[str, Served], coding: str) -> dict[str, float]:
    """The CPU time of a hit by part, in microseconds; needs all servers."""
    cpu = {name: statistics.median(server.cpus(coding)) for name, server in servers.items()}
    if not {"headers", "clock", "in threads"} <= cpu.keys():
        return {}
    parts = {
        "waitress and the bytes": cpu["bare"],
        "our headers, through waitress": cpu["headers"] - cpu["bare"],
        "reading the clock, and switching threads for it": cpu["clock"] - cpu["headers"],
        "the rest: lookup, forms, handing the bytes on uncopied": cpu["in threads"] - cpu["clock"],
        "answered from the loop instead": cpu["ours"] - cpu["in threads"],
    }
    rows: list[list[Cell]] = [[name, micros] for name, micros in parts.items()]
    print_table("Where each microsecond goes", ["", "CPU µs"], [*rows, ["all", cpu["ours"]]])
    return {name: round(micros, 1) for name, micros in parts.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 if a bound is missed."""
    parser = argparse.ArgumentParser(description="A cached page, from ours and other caches.")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=int, default=1, help="of each round")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--servers", nargs="+", choices=SERVERS, default=list(SERVERS))
    options = parser.parse_args(arguments)
    if not {"bare", "ours"} <= set(options.servers):
        parser.error("--servers: bare and ours are needed")
    if shutil.which("wrk") is None:
        raise SystemExit("page_hit needs wrk (as root: apt-get install wrk)")
    with tempfile.TemporaryDirectory() as name, MemcachedServer() as memcached, ExitStack() as all_:
        os.sched_setaffinity(memcached.pid, {cores()[1]})
        folder = Path(name)
        prepare(folder)
        first = all_.enter_context(serving("ours", folder, memcached.address))
        size = keep_page(folder, first.port)
        servers = {
            other: first
            if other == "ours"
            else all_.enter_context(serving(other, folder, memcached.address))
            for other in options.servers
        }
        check_same(list(servers.values()), folder)
        before, started = machine_seconds(), time.perf_counter()
        warm_up = int(options.rounds > 1)
        for number in range(warm_up + options.rounds):
            for coding in ("identity", "gzip"):
                for server in servers.values():
                    measure(server, coding, options.seconds, options.connections)
            if number < warm_up:
                for server in servers.values():
                    server.rounds.clear()
        busy = (machine_seconds() - before) / (time.perf_counter() - started)
    return report(servers, size, busy, options)


def report(servers: dict[str, Served], size: int, busy: float, options: argparse.Namespace) -> int:
    """Print everything."""
    plain = "identity"
    print_contenders(servers, plain, size)
    parts = layers(servers, plain)
    print_contenders(
        {n: s for n, s in servers.items() if n not in {"pyramid", "django", "flask"}}, "gzip", size
    )
    ours = servers["ours"].rates(plain)
    of = {name: median_ratio(ours, server.rates(plain)) for name, server in servers.items()}
    figures = {
        "bytes": size,
        "rounds": options.rounds,
        "cores_busy": round(busy, 2),
        "requests_per_second": {
            name: round(statistics.median(server.rates(plain))) for name, server in servers.items()
        },
        "cpu_us": {
            name: round(statistics.median(server.cpus(plain)), 1)
            for name, server in servers.items()
        },
        "ours_over": {name: round(ratio, 3) for name, ratio in of.items()},
        "spread": {name: round(spread(s.rates(plain)), 3) for name, s in servers.items()},
        "layers_us": parts,
    }
    bounds = [
        Bound(f"the L1 hit over {title}", of[name], at_least=least)
        for name, title, least in (
            ("bare", "a bare function", OF_BARE),
            ("django", "Django's cache_page", OF_DJANGO),
        )
        if name in of
    ]
    return finish(figures, bounds)


if __name__ == "__main__":
    sys.exit(main())
