"""Runs contenders in child processes, to measure memory and start-up of each."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Self

Work = Callable[[], object]


@dataclass(frozen=True)
class Round:
    """One run of the work: wall time, and CPU time of all threads, in milliseconds."""

    wall_ms: float
    cpu_ms: float


@dataclass
class Child:
    """A process that prepares once and then runs the work once for each ``run``.

    ``prepare`` is called in the child and returns the work; it must be picklable. ``environment``
    is set before that, early enough for libraries that read it on import. Afterwards ``rounds``
    has what was measured, ``idle_mib`` and ``peak_mib`` the most memory that was resident before
    the work and in all.
    """

    name: str
    prepare: Callable[[], Work]
    environment: Mapping[str, str] = field(default_factory=dict)
    rounds: list[Round] = field(default_factory=list)
    idle_mib: float = 0.0
    peak_mib: float = 0.0

    def __enter__(self) -> Self:
        context = get_context("spawn")
        self._connection, child_end = context.Pipe()
        arguments = (child_end, self.prepare, dict(self.environment))
        self._process = context.Process(target=_serve, args=arguments, daemon=True)
        self._process.start()
        child_end.close()
        self.idle_mib = self._connection.recv()
        return self

    def warm_up(self) -> None:
        """Run a round without recording it."""
        self.run()
        self.rounds.clear()

    def run(self) -> None:
        """Run a round and record it in ``rounds``."""
        self._connection.send(True)
        self.rounds.append(self._connection.recv())

    def __exit__(self, *_: object) -> None:
        self._connection.send(False)
        self.peak_mib = self._connection.recv()
        self._process.join()
        self._connection.close()

    @property
    def wall_ms(self) -> float:
        return median(each.wall_ms for each in self.rounds)

    @property
    def cpu_ms(self) -> float:
        return median(each.cpu_ms for each in self.rounds)


def _serve(pipe: Connection, prepare: Callable[[], Work], environment: dict[str, str]) -> None:
    os.environ.update(environment)
    work = prepare()
    pipe.send(_peak_mib())
    while pipe.recv():
        pipe.send(_timed(work))
    pipe.send(_peak_mib())


def _timed(work: Work) -> Round:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Round((time.perf_counter() - wall) * 1000, (time.process_time() - cpu) * 1000)


def _peak_mib() -> float:
    """Peak resident memory in MiB; getrusage would include that of the parent before exec."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise OSError("no VmHWM in /proc/self/status")
