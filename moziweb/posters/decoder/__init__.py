"""Sandboxed decoding of images in child processes.

An image is untrusted input for decoders written in C. The serving process only parses its header in
Python; a child process decodes it. A child has limits of address space and CPU time, an empty
environment, a low priority, and no open file or socket but its pipes. It is killed when a job takes
too long, serves one job at a time, and is replaced after a number of jobs or when it dies.

`MemoryBudget` limits how many images are open at once by their estimated memory, not by their
number: a dozen posters fit where two large transparent PNGs do not. Jobs that need more than
``alone_bytes`` are done one at a time by all processes that run the same files; containers do not
share files.
"""

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Final, TypeVar

from ..imaging.errors import ImageRejected, RejectCode
from ..imaging.limits import estimate_memory
from ..imaging.values import LIMITS, Limits, ShareText, SourceImage, VariantSet
from ..recipes import Recipe
from .machine_lock import machine_lock
from .memory_budget import WAIT_INTERVAL_SECONDS, MemoryBudget, OnWait, no_op
from .process import DecoderLostError, DecoderProcess, ResourceLimits
from .wire_format import DrawingJob, Job

__all__ = ["DecoderPool", "MemoryBudget", "ResourceLimits"]

MEBIBYTE: Final = 1024 * 1024

_DRAWING_BYTES: Final = 24 * MEBIBYTE
"""The memory of drawing the picture of a link, whose posters are variants of ours."""

_Result = TypeVar("_Result")

CHILD_IDLE_SECONDS: Final = 30.0
"""Seconds without a job after which a child ends. It keeps 30 to 40 MiB, and a new one starts in
0.2 s (``python -m benchmarks.hosted_memory``)."""


@dataclass
class _ChildSet:
    """The children of the process ``owner``; the most recently used idle child is the last.

    ``timer`` runs while a child is idle.
    """

    owner: int
    idle: list[DecoderProcess]
    all: set[DecoderProcess]
    timer: threading.Timer | None = None

    def end_all(self) -> None:
        """End all children; in a fork, which does not own them, only close the pipes."""
        for child in self.all:
            child.end() if self.owner == os.getpid() else child.close_pipes()
        self.all.clear()
        self.idle.clear()
        if self.timer is not None and self.owner == os.getpid():
            self.timer.cancel()
        self.timer = None


class DecoderPool:
    """Makes variants in child processes. A process has one pool, which its threads share.

    At most ``children`` processes work at once, on images with at most ``budget_bytes`` of
    estimated memory together; the first job starts the first child. A child is replaced after
    ``jobs_per_child`` jobs, and ends after ``idle_seconds`` without one. Children end with the
    pool, with the interpreter, and with the parent process, even if it is killed.

    Images of more than ``image_bytes`` are refused. Jobs of more than ``alone_bytes`` are done one
    at a time by all processes that share `machine_lock`; none by default.
    """

    def __init__(
        self,
        children: int,
        budget_bytes: int,
        resource_limits: ResourceLimits,
        jobs_per_child: int = 100,
        idle_seconds: float = CHILD_IDLE_SECONDS,
        image_bytes: int | None = None,
        alone_bytes: int | None = None,
    ) -> None:
        self._max_children = children
        self._slots = threading.Semaphore(children)
        self._budget = MemoryBudget(budget_bytes)
        self._resource_limits = resource_limits
        self._jobs_per_child = jobs_per_child
        self._idle_seconds = idle_seconds
        self._image_bytes = image_bytes
        self._alone_bytes = alone_bytes
        self._lock = threading.Lock()
        self._children = self._new_child_set()

    def reserve_core(self) -> None:
        """Use one child fewer from now on, if there are more than one; call it at start-up.

        A niced child does not yield a core at once: if all cores are busy, a request may wait for a
        few milliseconds. One core without a decoder is enough.
        """
        if self._max_children > 1:
            self._max_children -= 1
            self._slots.acquire()

    def make(
        self,
        data: bytes,
        recipes: Sequence[Recipe],
        limits: Limits = LIMITS,
        on_wait: OnWait = no_op,
    ) -> VariantSet:
        """As `imaging.make_variants`, in a child; ``on_wait`` is called while no child is free.

        Raises ImageRejected also if the child exceeds its time, dies, or reports an unexpected
        error, because a compromised child could report any error.
        """
        if len({recipe.master for recipe in recipes}) != 1:
            raise ValueError("no recipes, or recipes that share no master")
        return self._make(Job(data, recipes, limits), on_wait)

    def probe(self, data: bytes, limits: Limits = LIMITS) -> SourceImage:
        """As `imaging.limits.probe`, in a child, because opening an image runs a decoder."""
        return self._make(Job(data, (), limits)).source

    def draw(self, text: ShareText, posters: Sequence[bytes]) -> bytes:
        """As `imaging.share_picture.draw_share_picture`, in a child; raises ImageRejected."""
        job = DrawingJob(text, tuple(posters))
        return self._run_in_turn(lambda child: child.draw(job), _DRAWING_BYTES)

    def _make(self, job: Job, on_wait: OnWait = no_op) -> VariantSet:
        memory = estimate_memory(job.data, job.limits)
        if self._image_bytes is not None and memory > self._image_bytes:
            detail = f"decoding takes {memory // MEBIBYTE} MiB, more than posters.decoder.image_mb"
            raise ImageRejected(RejectCode.TOO_MUCH_MEMORY, detail)
        if not job.recipes:  # no pixel is decoded
            return self._run(lambda child: child.make(job), memory, on_wait)
        return self._run_in_turn(lambda child: child.make(job), memory, on_wait)

    def _run_in_turn(
        self, work: Callable[[DecoderProcess], _Result], memory: int, on_wait: OnWait = no_op
    ) -> _Result:
        is_alone = self._alone_bytes is not None and memory > self._alone_bytes
        # Before the budget: smaller images use that while this one waits for another process.
        with machine_lock(on_wait) if is_alone else nullcontext():
            return self._run(work, memory, on_wait)

    def _run(
        self, work: Callable[[DecoderProcess], _Result], memory: int, on_wait: OnWait = no_op
    ) -> _Result:
        with self._budget.reserve(memory, on_wait), self._slot(on_wait):
            try:
                return self._in_child(work)
            except DecoderLostError as lost:
                if not lost.was_idle:
                    raise lost.rejection from lost
            # The child may have died before this job, for example of the OOM killer: try once more.
            try:
                return self._in_child(work)
            except DecoderLostError as lost:
                raise lost.rejection from lost

    @contextmanager
    def _slot(self, on_wait: OnWait) -> Iterator[None]:
        while not self._slots.acquire(timeout=WAIT_INTERVAL_SECONDS):
            on_wait()
        try:
            yield
        finally:
            self._slots.release()

    def close(self) -> None:
        """End all children; a later job starts new ones."""
        with self._lock:
            self._children.end_all()

    def _new_child_set(self) -> _ChildSet:
        children = _ChildSet(os.getpid(), [], set())
        self._finalizer = weakref.finalize(self, children.end_all)
        return children

    def _in_child(self, work: Callable[[DecoderProcess], _Result]) -> _Result:
        child = self._acquire_child()
        try:
            return work(child)
        finally:
            self._release_child(child)

    def _acquire_child(self) -> DecoderProcess:
        with self._lock:
            if self._children.owner != os.getpid():  # in a fork: the children are the parent's
                self._children.end_all()
                self._finalizer.detach()
                self._children = self._new_child_set()
            while self._children.idle:
                child = self._children.idle.pop()
                if child.is_alive:
                    return child
                self._end_child(child)
            return self._start_child()

    def _release_child(self, child: DecoderProcess) -> None:
        with self._lock:
            if child not in self._children.all:  # the pool was closed during the job
                return
            if not child.is_alive:
                self._end_child(child)
            elif child.jobs >= self._jobs_per_child:
                self._end_child(child)
                self._children.idle.insert(0, self._start_child())  # warms up before its first job
            else:
                child.idle_since = time.monotonic()
                self._children.idle.append(child)
            self._start_timer()

    def _start_timer(self) -> None:
        """Start the timer that ends idle children, if one is idle; the lock is held."""
        children = self._children
        if children.timer is not None or not children.idle:
            return
        rest = min(each.idle_since for each in children.idle) + self._idle_seconds
        wait = max(0.0, rest - time.monotonic())
        timer = threading.Timer(wait, _end_idle_children, [weakref.ref(self)])
        timer.daemon = True
        with suppress(RuntimeError):  # no more threads: the child stays until the next job
            timer.start()
            children.timer = timer

    def end_idle_children(self) -> None:
        """End the children without a job for ``idle_seconds``."""
        with self._lock:
            self._children.timer = None
            latest = time.monotonic() - self._idle_seconds
            for child in [each for each in self._children.idle if each.idle_since <= latest]:
                self._children.idle.remove(child)
                self._end_child(child)
            self._start_timer()

    def _start_child(self) -> DecoderProcess:
        child = DecoderProcess(self._resource_limits)
        self._children.all.add(child)
        return child

    def _end_child(self, child: DecoderProcess) -> None:
        self._children.all.discard(child)
        child.end()


def _end_idle_children(pool: "weakref.ref[DecoderPool]") -> None:
    """For the timer, which must not keep a pool alive."""
    found = pool()
    if found is not None:
        found.end_idle_children()
