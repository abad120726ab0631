"""Serves a page from one core and measures it by wrk on the other: for ``page_hit``."""

import http.client
import math
import os
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.page_servers import site_settings
from moziweb.cache import PublishError, from_settings
from moziweb.cache.protocol.invalidation_log import MAX_BEHIND
from tests.services.ports import HOST, accepts, free_port

PATIENCE = 60.0

CYCLE = """
local requests, number = {}, 0
init = function(arguments)
  for path in io.lines(arguments[1]) do table.insert(requests, wrk.format("GET", path)) end
end
request = function()
  number = number % #requests + 1
  return requests[number]
end
"""
"""The script for wrk that requests each path of a file, in a cycle."""


@dataclass(frozen=True)
class Round:
    """Requests each second, and microseconds of the server's processor time for each."""

    rate: float
    cpu: float


@dataclass
class Rounds:
    """The rounds of one measurement."""

    all: list[Round] = field(default_factory=list)

    @property
    def rates(self) -> list[float]:
        return [each.rate for each in self.all]

    @property
    def cpus(self) -> list[float]:
        return [each.cpu for each in self.all]

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)

    @property
    def cpu(self) -> float:
        return statistics.median(self.cpus)

    def rate_over(self, other: "Rounds") -> float:
        return median_ratio(self.rates, other.rates)

    def cpu_below(self, other: "Rounds") -> float:
        """How many times less processor time this takes than the other."""
        return median_ratio(other.cpus, self.cpus)


@dataclass(frozen=True)
class Served:
    """A contender at its port."""

    name: str
    process: subprocess.Popen[bytes]
    port: int
    folder: Path


def cores() -> tuple[int, int]:
    """The cores of the server and the client; the same core on a machine with one."""
    found = sorted(os.sched_getaffinity(0))
    return found[0], found[-1]


def cpu_seconds(pid: int) -> float:
    """Processor time of all threads of a process, in nanosecond steps (proc(5), schedstat)."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


@dataclass(frozen=True)
class Page:
    """A response."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes

    @property
    def cache_status(self) -> str | None:
        return dict(self.headers).get("X-Cache")


def ask(port: int, path: str = "/", coding: str = "identity") -> Page:
    """GET a page once."""
    connection = http.client.HTTPConnection(HOST, port, timeout=PATIENCE)
    connection.request("GET", path, headers={"Accept-Encoding": coding})
    response = connection.getresponse()
    page = Page(response.status, response.getheaders(), response.read())
    connection.close()
    return page


@contextmanager
def serving(name: str, folder: Path, memcached: str, code: Path | None = None) -> Iterator[Served]:
    """Start a contender, of the checkout ``code`` if given. ``wait_for`` waits until it serves."""
    port, core = free_port(), cores()[0]
    command = [sys.executable, "-m", "benchmarks.page_servers"]
    process = subprocess.Popen(
        [*command, name, str(port), str(folder), memcached, str(core)],
        cwd=code,
        env=None if code is None else {**os.environ, "PYTHONPATH": str(code)},
    )
    try:
        yield Served(name, process, port, folder)
    finally:
        process.kill()
        process.wait()


def wait_for(server: Served, paths: Sequence[str]) -> None:
    """Wait until a contender serves, and warm its cache of these pages."""
    until = time.monotonic() + PATIENCE
    while not accepts(server.port):
        if server.process.poll() is not None or time.monotonic() > until:
            raise SystemExit(f"page_hit: {server.name} does not serve")
        time.sleep(0.05)
    for path in paths:
        for _ in range(30):
            ask(server.port, path)


def _catches_interrupts(pid: int) -> bool:
    """Whether a process has a handler of SIGINT; before that, the signal would end it."""
    caught = re.search(r"SigCgt:\s+(\w+)", Path(f"/proc/{pid}/status").read_text())
    return caught is not None and bool(int(caught[1], 16) >> (signal.SIGINT - 1) & 1)


def measure(
    server: Served,
    seconds: float,
    connections: int,
    *,
    path: str = "/",
    paths: Path | None = None,
    coding: str = "identity",
) -> Round:
    """Request one path, or those that a file lists, for some seconds."""
    script = [] if paths is None else ["-s", str(_script(paths))]
    arguments = [] if paths is None else ["--", str(paths)]
    before, started = cpu_seconds(server.process.pid), time.perf_counter()
    with subprocess.Popen(
        ["taskset", "-c", str(cores()[1]), "wrk", "-t1", f"-c{connections}",
         f"-d{math.ceil(seconds)}s", "-H", f"Accept-Encoding: {coding}", *script,
         f"http://{HOST}:{server.port}{path}", *arguments],
        stdout=subprocess.PIPE, text=True,
    ) as client:  # fmt: skip
        if seconds % 1:  # it takes whole seconds, and prints its figures when it is interrupted
            while client.poll() is None and not _catches_interrupts(client.pid):
                time.sleep(0.005)
            time.sleep(seconds)
            client.send_signal(signal.SIGINT)
        output, _ = client.communicate(timeout=PATIENCE + seconds)
    elapsed = time.perf_counter() - started
    spent = cpu_seconds(server.process.pid) - before
    requests = re.search(r"(\d+) requests in", output)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    failed = client.returncode or "Non-2xx" in output or elapsed < seconds
    if requests is None or rate is None or failed:
        raise SystemExit(f"page_hit: wrk failed for {server.name}: {output}")
    return Round(float(rate[1]), spent / max(1, int(requests[1])) * 1e6)


def _script(paths: Path) -> Path:
    script = paths.with_suffix(".lua")
    script.write_text(CYCLE)
    return script


OTHER_TAGS: Final = (
    *(f"week:1900-W{number:02}" for number in range(1, 40)),
    *(f"filtered-list:genre:{number}:1900-W01" for number in range(1, 26)),
)
"""With that of a movie as many as a moved premiere publishes: 65 (docs/cache.md), 25 of them for
filtered lists."""


@contextmanager
def publishing(memcached: str, rate: float) -> Iterator[None]:
    """Publish tags that no page has, ``rate`` times a second, from a thread on the client's core.

    Prints a line if the machine was too busy for this rate.
    """
    ended, published = threading.Event(), 0

    def publish() -> None:
        nonlocal published
        os.sched_setaffinity(0, {cores()[1]})
        stamps = from_settings(site_settings(Path(), memcached)).stamps
        due = time.monotonic()
        while not ended.wait(max(0.0, due - time.monotonic())):
            due += 1 / rate
            with suppress(PublishError):  # memcached did not answer in time
                stamps.publish([f"movie:{10**8 + published}", *OTHER_TAGS])
                published += 1

    if not rate:
        yield
        return
    thread = threading.Thread(target=publish)
    began = time.monotonic()
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    wanted = rate * (time.monotonic() - began)
    if published < 0.9 * wanted:
        print(f"The machine is busy: published {published} times instead of {wanted:.0f}")


def fall_behind(memcached: str) -> None:
    """Publish more often than a process reads records at once: its log then starts again."""
    stamps = from_settings(site_settings(Path(), memcached)).stamps
    for number in range(MAX_BEHIND):
        with suppress(PublishError):
            stamps.publish([f"movie:{10**8 + number}"])


def median_ratio(ours: Sequence[float], others: Sequence[float]) -> float:
    """The median of the ratios of the rounds."""
    return statistics.median(a / b for a, b in zip(ours, others, strict=True))


def spread(figures: Sequence[float]) -> float:
    """Half the distance between the quartiles, over the median."""
    if len(figures) < 2:
        return 0.0
    low, middle, high = statistics.quantiles(figures, n=4)
    return (high - low) / 2 / middle
