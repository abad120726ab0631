"""Where pictures are decoded: in child processes, so that no picture can harm the site.

A picture is a stranger's program for a decoder written in C. Its size is read here, in Python; all
else happens in a child that has an address-space limit, a limit on processor time, an empty
environment and no file or socket but its pipes, is niced, and is killed when it is late. A child is
warm, serves one job at a time and is replaced after a number of them, or when it dies.

How many pictures are open at once is decided by what they weigh (`Budget`), not by how many they
are: a dozen posters fit where two large transparent PNGs do not.
"""

import os
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from ..imaging.limits import LIMITS, Limits, SourceImage, estimate_memory
from ..imaging.variants import VariantSet
from ..recipes import Recipe
from .memory_budget import WAITING_SECONDS, MemoryBudget, Waiting, wait_on
from .process import IDLE, DecoderLostError, DecoderProcess, ResourceLimits
from .wire_format import Job

__all__ = ["IDLE", "DecoderPool", "MemoryBudget", "ResourceLimits"]

MEBIBYTE: Final = 1024 * 1024


@dataclass
class _ChildSet:
    """The children of one process, the idle ones with the most recently used last."""

    owner: int
    idle: list[DecoderProcess]
    everyone: set[DecoderProcess]

    def dismiss(self) -> None:
        """End all children; what a fork inherited is only let go of."""
        for worker in self.everyone:
            worker.end() if self.owner == os.getpid() else worker.let_go()
        self.everyone.clear()
        self.idle.clear()


class DecoderPool:
    """Makes variants in child processes. One per process; threads share it.

    At most ``children`` processes work at once, on pictures that together weigh at most
    ``budget_bytes``; the first is started by the first job. ``jobs_per_child`` is when a child is
    replaced. Children end with the workshop, with the interpreter, and with this process, whatever
    ended it.
    """

    def __init__(
        self,
        children: int,
        budget_bytes: int,
        allowed: ResourceLimits,
        jobs_per_child: int = 100,
    ) -> None:
        self._children = children
        self._places = threading.Semaphore(children)
        self._budget = MemoryBudget(budget_bytes)
        self._allowed = allowed
        self._jobs_per_child = jobs_per_child
        self._lock = threading.Lock()
        self._staff = self._new_staff()

    def reserve_core(self) -> None:
        """Have one child fewer at work from now on, unless there is but one; call it at the start.

        Niced children give way to pages, but not at once: a page that wakes where both cores are
        busy may wait for a few milliseconds. One core that is not busy with pictures is enough.
        """
        if self._children > 1:
            self._children -= 1
            self._places.acquire()

    def make(
        self,
        data: bytes,
        recipes: Sequence[Recipe],
        limits: Limits = LIMITS,
        waiting: Waiting = wait_on,
    ) -> VariantSet:
        """As `imaging.make_variants`, in a child; ``waiting`` is called while none is free.

        ImageRejected, too, when the child ran out of time, died of the picture, or met an error
        that no picture should cause: whoever took it over could tell of any.
        """
        if len({recipe.master for recipe in recipes}) != 1:
            raise ValueError("no recipes, or recipes that share no master")
        return self._do(Job(data, recipes, limits), waiting)

    def probe(self, data: bytes, limits: Limits = LIMITS) -> SourceImage:
        """As `probe.probe`, in a child: opening a picture is a decoder's work already."""
        return self._do(Job(data, (), limits)).source

    def _do(self, job: Job, waiting: Waiting = wait_on) -> VariantSet:
        weight = estimate_memory(job.data, job.limits)
        with self._budget.hold(weight, waiting), self._place(waiting):
            try:
                return self._make(job)
            except DecoderLostError as lost:
                if not lost.was_idle:
                    raise lost.rejection from lost
            # It may have died while it had nothing to do: of a lack of memory, say, of the machine.
            try:
                return self._make(job)
            except DecoderLostError as lost:
                raise lost.rejection from lost

    @contextmanager
    def _place(self, waiting: Waiting) -> Iterator[None]:
        while not self._places.acquire(timeout=WAITING_SECONDS):
            waiting()
        try:
            yield
        finally:
            self._places.release()

    @property
    def is_full(self) -> bool:
        """Whether every child that there may be is at work."""
        if self._places.acquire(blocking=False):
            self._places.release()
            return False
        return True

    @property
    def pids(self) -> frozenset[int]:
        """The children there are."""
        with self._lock:
            return frozenset(worker.pid for worker in self._staff.everyone)

    def close(self) -> None:
        """End all children; a later job starts new ones."""
        with self._lock:
            self._staff.dismiss()

    def _new_staff(self) -> _ChildSet:
        staff = _ChildSet(os.getpid(), [], set())
        self._ending = weakref.finalize(self, staff.dismiss)
        return staff

    def _make(self, job: Job) -> VariantSet:
        worker = self._take()
        try:
            return worker.make(job)
        finally:
            self._give_back(worker)

    def _take(self) -> DecoderProcess:
        with self._lock:
            if self._staff.owner != os.getpid():  # we are a fork: these children are our parent's
                self._staff.dismiss()
                self._ending.detach()
                self._staff = self._new_staff()
            while self._staff.idle:
                worker = self._staff.idle.pop()
                if worker.is_alive:
                    return worker
                self._dismiss(worker)
            return self._hire()

    def _give_back(self, worker: DecoderProcess) -> None:
        with self._lock:
            if worker not in self._staff.everyone:  # the workshop was closed meanwhile
                return
            if not worker.is_alive:
                self._dismiss(worker)
            elif worker.jobs >= self._jobs_per_child:
                self._dismiss(worker)
                self._staff.idle.insert(0, self._hire())  # it warms up while nobody waits for it
            else:
                self._staff.idle.append(worker)

    def _hire(self) -> DecoderProcess:
        worker = DecoderProcess(self._allowed)
        self._staff.everyone.add(worker)
        return worker

    def _dismiss(self, worker: DecoderProcess) -> None:
        self._staff.everyone.discard(worker)
        worker.end()
