"""The parent's side of a decoder child process."""

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import astuple, dataclass
from typing import IO, Final, TypeVar

from moziweb.child_process import child_command, child_environment, signals_blocked

from ..imaging.errors import ImageRejected, RejectCode
from ..imaging.values import VariantSet
from .wire_format import (
    AnyJob,
    BadReplyError,
    DrawingJob,
    Job,
    Reader,
    encode_job,
    read_picture,
    read_reply,
)

_Result = TypeVar("_Result")

_CHILD_MODULE: Final = "moziweb.posters.decoder.child"

_DYING_SECONDS: Final = 1.0
"""The timeout for a child that closed its pipes to end; it usually takes a few milliseconds."""


@dataclass(frozen=True, slots=True)
class ResourceLimits:
    """Limits of a child.

    ``memory_bytes`` is address space on top of that of an idle child; ``wall_seconds`` and
    ``cpu_seconds`` are for one job; ``niceness`` is added to the parent's. With `IDLE` of
    ``moziweb.child_process`` a child gets only CPU time that no other process needs.
    """

    memory_bytes: int = 256 * 1024 * 1024
    wall_seconds: float = 10.0
    cpu_seconds: int = 8
    niceness: int = 10


class DecoderLostError(Exception):
    """The child died or was killed; ``rejection`` is the resulting error for its image.

    If ``was_idle``, the child had finished other jobs, so it may have died before this one.
    """

    def __init__(self, rejection: ImageRejected, *, was_idle: bool = False) -> None:
        super().__init__(rejection.detail)
        self.rejection = rejection
        self.was_idle = was_idle


class DecoderProcess:
    """A child process. Only one thread may use it at a time.

    It is a new program, not a fork, which would inherit the locks of the parent's threads and all
    of its memory.
    """

    def __init__(self, limits: ResourceLimits) -> None:
        self._limits = limits
        self.jobs = 0
        self.idle_since = time.monotonic()
        with signals_blocked():
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                child_command(_CHILD_MODULE, *map(str, astuple(limits))),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                env=child_environment(),
                cwd="/",
            )
        self._to, self._from = _pipe(self._process.stdin), _pipe(self._process.stdout)

    @property
    def pid(self) -> int:
        """The id of the child process."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process is running."""
        return self._process.poll() is None

    def make(self, job: Job) -> VariantSet:
        """Make variants in the child.

        Raises ImageRejected if the child rejects the image. After DecoderLostError it has ended.
        """
        return self._run(job, lambda read: read_reply(read, job))

    def draw(self, job: DrawingJob) -> bytes:
        """Draw the picture of a link in the child; raises as `make` does."""
        return self._run(job, read_picture)

    def _run(self, job: AnyJob, read_result: Callable[[Reader], _Result]) -> _Result:
        self.jobs += 1
        deadline = time.monotonic() + self._limits.wall_seconds
        try:
            _send(self._to, encode_job(job), deadline)
            return read_result(_receiver(self._from, deadline))
        except TimeoutError as error:
            detail = f"no answer within {self._limits.wall_seconds:g} s"
            raise self._lost(RejectCode.DECODE_TIMEOUT, detail) from error
        except (EOFError, OSError) as error:
            raise self._died() from error
        except BadReplyError as error:
            raise self._lost(RejectCode.DECODER_DIED, f"malformed reply: {error}") from error
        except ImageRejected:
            raise
        except BaseException:  # such as KeyboardInterrupt within a reply
            self.end()
            raise

    def end(self) -> None:
        """Kill the child."""
        self._process.kill()
        self._process.wait()
        self.close_pipes()

    def close_pipes(self) -> None:
        """Close the parent's ends of the pipes."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _lost(self, code: RejectCode, detail: str) -> DecoderLostError:
        self.end()
        return DecoderLostError(ImageRejected(code, detail))

    def _died(self) -> DecoderLostError:
        try:
            status = self._process.wait(_DYING_SECONDS)
        except subprocess.TimeoutExpired:
            status = 0
        if status == -signal.SIGXCPU:
            detail = f"more than {self._limits.cpu_seconds} s of processor time"
            return self._lost(RejectCode.TOO_MUCH_WORK, detail)
        self.end()
        rejection = ImageRejected(RejectCode.DECODER_DIED, f"it ended with status {status}")
        return DecoderLostError(rejection, was_idle=self.jobs > 1)


def _pipe(stream: IO[bytes] | None) -> int:
    if stream is None:
        raise TypeError("the child was started without this pipe")
    os.set_blocking(stream.fileno(), False)
    return stream.fileno()


def _send(pipe: int, chunks: Iterable[bytes], deadline: float) -> None:
    for chunk in chunks:
        remaining = memoryview(chunk)
        while remaining:
            _wait(pipe, select.POLLOUT, deadline)
            remaining = remaining[os.write(pipe, remaining) :]


def _receiver(pipe: int, deadline: float) -> Callable[[int], bytes]:
    def receive(count: int) -> bytes:
        received = bytearray()
        while len(received) < count:
            _wait(pipe, select.POLLIN, deadline)
            chunk = os.read(pipe, min(count - len(received), 1 << 20))
            if not chunk:
                raise EOFError("the child closed its end")
            received += chunk
        return bytes(received)

    return receive


def _wait(pipe: int, event: int, deadline: float) -> None:
    poll = select.poll()
    poll.register(pipe, event)
    if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise TimeoutError
