"""Latency of cached pages while threads render, with each key of ``server.`` on and off.

The same site runs once with the defaults and once for each ``server.`` key that is switched off
(``moziweb/server/waitress_tuning.py``), all on one core. The index is requested at a steady rate, a
new connection for each request, while two clients search without a pause; a search is rendered in a
thread at each request. Everything is measured in turn, round after round, and a ratio is the median
of each round's own, so that other work on the machine affects all alike.

Run it from the repository's root: ``python -m benchmarks.busy_threads [--rounds 5]``.
"""

import argparse
import gc
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, TypeVar

from benchmarks.cold_posters import milliseconds
from benchmarks.page_hit import prepare
from benchmarks.page_load import cores
from benchmarks.page_servers import site_settings
from benchmarks.report import Cell, finish, print_table
from moziweb import main as main_of_site
from tests.posters.serving import ask, ask_at_rate
from tests.services.memcached import MemcachedServer
from tests.services.ports import accepts, free_port

T = TypeVar("T")

VARIANTS: Final[Mapping[str, Mapping[str, str]]] = {
    "defaults": {},
    "freeze_objects = false": {"server.freeze_objects": "false"},
    "answer_in_loop = false": {"server.answer_in_loop": "false"},
    "all of them": {
        "server.freeze_objects": "false",
        "server.answer_in_loop": "false",
    },
}
SERVER: Final = (
    "[server:main]\nuse = egg:moziweb#waitress\nhost = 127.0.0.1\nport = ${PORT}\nthreads = 8\n"
)
PATIENCE: Final = 60.0

SMALLEST: Final = ("--rounds", "1", "--seconds", "0.2", "--variants", "defaults")
"""The arguments of the smallest run, which the tests do."""


@contextmanager
def serving(folder: Path, memcached: str, changed: Mapping[str, str]) -> Iterator[int]:
    """The port of a site with these settings on one core, its index cached."""
    port = free_port()
    settings = {**site_settings(folder, memcached), "posters.background": "off", **changed}
    lines = [f"{name} = {value}" for name, value in settings.items()]
    ini = folder / f"{port}.ini"
    ini.write_text("\n".join(["[app:main]", "use = egg:moziweb", *lines, "", SERVER]))
    process = subprocess.Popen(
        [sys.executable, "-m", "pyramid.scripts.pserve", str(ini)],
        env={**os.environ, "PORT": str(port)},
        stdout=subprocess.DEVNULL,
    )
    os.sched_setaffinity(process.pid, {cores()[0]})
    try:
        until = time.monotonic() + PATIENCE
        while not accepts(port):
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit("busy_threads: the site does not serve")
            time.sleep(0.05)
        for _ in range(30):
            ask(port, "/")
        yield port
    finally:
        process.kill()
        process.wait()


def measure(port: int, rate: float, seconds: float) -> tuple[float, float]:
    """p50 and p95 of the index in milliseconds, while searches run."""
    ended = threading.Event()

    def search() -> None:
        while not ended.is_set():
            ask(port, "/search?q=a")

    searches = [threading.Thread(target=search) for _ in range(2)]
    for each in searches:
        each.start()
    try:
        answers = ask_at_rate([(port, "/")] * int(rate * seconds), rate, clients=16)
    finally:
        ended.set()
        for each in searches:
            each.join()
    if any(answer.status != 200 for answer in answers):
        raise SystemExit("busy_threads: an answer was not 200")
    return milliseconds(answers)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Cached pages while all threads render.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4, help="of each round")
    parser.add_argument("--rate", type=float, default=50, help="requests of the index a second")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    options = parser.parse_args(arguments)
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in options.variants}
    with tempfile.TemporaryDirectory() as name, MemcachedServer() as memcached, ExitStack() as all_:
        os.sched_setaffinity(memcached.pid, {cores()[1]})
        folder = Path(name)
        prepare(folder)
        sites = {
            name: all_.enter_context(serving(folder, memcached.address, VARIANTS[name]))
            for name in options.variants
        }
        os.sched_setaffinity(0, {cores()[1]})
        for number in range(options.rounds):
            for name, port in in_turn(list(sites.items()), number):
                measured[name].append(measure(port, options.rate, options.seconds))
        os.sched_setaffinity(0, set(cores()))
        collections = full_collections(site_settings(folder, memcached.address))
    print_table("A full garbage collection: milliseconds", ["", "median"], collections)
    show(f"The index at {options.rate:g}/s while threads render: milliseconds", measured)
    figures = {"milliseconds": measured, "load_average": os.getloadavg()[0]}
    return finish(figures, [])


def in_turn(items: Sequence[T], number: int) -> Sequence[T]:
    """The items, in reverse order every other round."""
    return items[::-1] if number % 2 else items


def full_collections(settings: Mapping[str, str]) -> list[list[Cell]]:
    """The times of full garbage collections with the site's objects, not frozen and frozen."""
    app = main_of_site({}, **settings)

    def median_time() -> float:
        times = []
        for _ in range(5):
            started = time.perf_counter()
            gc.collect()
            times.append((time.perf_counter() - started) * 1000)
        return statistics.median(times)

    rows: list[list[Cell]] = [["not frozen", median_time()]]
    gc.freeze()
    rows.append(["frozen", median_time()])
    gc.unfreeze()
    del app
    return rows


def show(title: str, measured: Mapping[str, list[tuple[float, float]]]) -> None:
    """Print the medians, and p95 relative to the first variant."""
    base = next(iter(measured.values()))
    rows: list[list[Cell]] = []
    for name, rounds in measured.items():
        p50, p95 = (statistics.median(column) for column in zip(*rounds, strict=True))
        ratio = statistics.median(a[1] / b[1] for a, b in zip(rounds, base, strict=True))
        rows.append([name, p50, p95, f"{ratio:.2f}"])
    print_table(title, ["", "p50", "p95", "p95 over the first"], rows)


if __name__ == "__main__":
    sys.exit(main())
