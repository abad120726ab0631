"""Each benchmark runs in its smallest size. Its bounds are printed, and not judged here."""

import importlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import date
from itertools import product
from pathlib import Path
from typing import Self

import pytest

import benchmarks
from benchmarks import sized_sites, variants
from benchmarks.children import Child, Round
from moziweb.demo import loader
from moziweb.demo.catalogue import DemoMovie, demo_movies
from tests.conftest import ROOT
from tests.services.postgres import PostgresServer
from tests.services.process import Service
from tests.services.s3 import S3Server

JUDGED_ELSEWHERE = frozenset({"serving_memory"})
"""``test_serving_memory`` runs it and checks its figures."""

NAMES = sorted(
    path.stem
    for path in Path(benchmarks.__file__).parent.glob("*.py")
    if "sys.exit(main())" in path.read_text() and path.stem not in JUDGED_ELSEWHERE
)

TABLES = {
    "page_hit": ("contenders", "assembled", "under_writes", "by_log", "by_stamps"),
    "slow_phone": ("posters",),
}
"""Figures that must not be empty: the smallest size has a row of each table."""

MOVIES = 20
"""Movies of the demo here."""

Servers = Mapping[str, AbstractContextManager[Service]]


class InProcess(Child):
    """A contender that works in this process. ``test_children`` tests the real ones."""

    def __enter__(self) -> Self:
        self._work = self.prepare()
        return self

    def warm_up(self) -> None:
        pass

    def run(self) -> None:
        self._work()
        self.rounds.append(Round(wall_ms=1.0, cpu_ms=1.0))

    def __exit__(self, *_: object) -> None:
        self.peak_mib = 1.0


@pytest.fixture
def servers(postgres_server: PostgresServer, s3_server: S3Server) -> Servers:
    """The servers of the session, in place of those that a benchmark starts."""
    return {"PostgresServer": nullcontext(postgres_server), "S3Server": nullcontext(s3_server)}


@pytest.fixture
def small_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    """A demo of few movies, from all its years."""

    def few(today: date) -> Sequence[DemoMovie]:
        movies = demo_movies(today)
        return movies[:: len(movies) // MOVIES]

    monkeypatch.setattr(loader, "demo_movies", few)


@pytest.fixture
def same_priority() -> Iterator[None]:
    """Restore the priority and the processors of this thread, which benchmarks change."""
    cores, niceness = os.sched_getaffinity(0), os.getpriority(os.PRIO_PROCESS, 0)
    yield
    os.sched_setaffinity(0, cores)
    os.setpriority(os.PRIO_PROCESS, 0, niceness)


@pytest.mark.usefixtures("small_demo", "same_priority")
@pytest.mark.parametrize("name", NAMES)
def test_smallest_size_runs(
    name: str,
    servers: Servers,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    benchmark = importlib.import_module(f"benchmarks.{name}")
    for module, (server, shared) in product((benchmark, sized_sites), servers.items()):
        if hasattr(module, server):
            monkeypatch.setattr(module, server, lambda shared=shared: shared)
    monkeypatch.setattr(variants, "Child", InProcess)
    status = benchmark.main(benchmark.SMALLEST)
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures.keys() >= {"bounds", "missed"}
    assert all(figures[table] for table in TABLES.get(name, ()))
    assert status == bool(figures["missed"])


def test_make_bench_runs_every_benchmark() -> None:
    makefile = (ROOT / "Makefile").read_text()
    found = re.search(r"^BENCHMARKS := ((?:.*\\\n)*.*)$", makefile, re.MULTILINE)
    assert found is not None
    assert sorted(found[1].replace("\\\n", " ").split()) == sorted({*NAMES, *JUDGED_ELSEWHERE})
