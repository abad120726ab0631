"""Contenders in processes of their own, so that each one's memory and start-up are its own."""

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
    """One run of the work: milliseconds on the clock, and of processor time over all threads."""

    wall_ms: float
    cpu_ms: float


@dataclass
class Child:
    """A process that prepares once, then works when told to, as often as told to.

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
        self._ours, theirs = context.Pipe()
        arguments = (theirs, self.prepare, dict(self.environment))
        self._process = context.Process(target=_serve, args=arguments, daemon=True)
        self._process.start()
        theirs.close()
        self.idle_mib = self._ours.recv()
        return self

    def warm_up(self) -> None:
        """One round that is not kept."""
        self.run()
        self.rounds.clear()

    def run(self) -> None:
        """One round, waited for, and kept in ``rounds``."""
        self._ours.send(True)
        self.rounds.append(self._ours.recv())

    def __exit__(self, *_: object) -> None:
        self._ours.send(False)
        self.peak_mib = self._ours.recv()
        self._process.join()
        self._ours.close()

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
    """The most that was ever resident. getrusage's figure would include the parent's, by exec."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise OSError("no VmHWM in /proc/self/status")
