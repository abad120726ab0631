"""One child process, as its parent sees it."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import astuple, dataclass
from typing import IO, Final

from ..imaging.errors import ImageRejected, RejectCode
from ..imaging.variants import VariantSet
from .wire_format import BadReplyError, Job, job_pieces, read_reply

_CHILD_MODULE: Final = "moziweb.posters.decoder.child"

IDLE: Final = 20
"""A niceness beyond the kernel's last, 19: to have only what nobody else wants."""

_KEPT_VARIABLES: Final = ("PATH", "LD_LIBRARY_PATH", "LANG")
"""What a child has of our environment: passwords stand in the rest."""

_DYING_SECONDS: Final = 1.0
"""How long a child that closed its pipes may take to end; the kernel needs a few milliseconds."""


@dataclass(frozen=True, slots=True)
class ResourceLimits:
    """What a child may take.

    ``memory_bytes`` of address space above what it has when it is warm; ``wall_seconds`` for a job
    on the clock, ``cpu_seconds`` of processor time; ``niceness`` is added to ours; with
    ``IDLE`` it has only the processor time that nobody else wants.
    """

    memory_bytes: int = 256 * 1024 * 1024
    wall_seconds: float = 10.0
    cpu_seconds: int = 8
    niceness: int = 10


class DecoderLostError(Exception):
    """The child is gone, or was killed; ``rejection`` is what that says of its picture.

    ``was_idle`` says that it had worked before, so that it may have been gone already.
    """

    def __init__(self, rejection: ImageRejected, *, was_idle: bool = False) -> None:
        super().__init__(rejection.detail)
        self.rejection = rejection
        self.was_idle = was_idle


class DecoderProcess:
    """A child process. Only one thread may use it at a time.

    It is executed, not forked: a fork of a process with threads inherits their locks, and all of
    its memory.
    """

    def __init__(self, allowed: ResourceLimits) -> None:
        self._allowed = allowed
        self.jobs = 0
        arguments = (str(part) for part in astuple(allowed))
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-I", "-m", _CHILD_MODULE, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env=_environment(),
            cwd="/",
        )
        self._to, self._from = _pipe(self._process.stdin), _pipe(self._process.stdout)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it can be given a job, as far as is known."""
        return self._process.poll() is None

    def make(self, job: Job) -> VariantSet:
        """Have it make variants. ImageRejected is its word about the picture; after a
        WorkerLostError it is dead.
        """
        self.jobs += 1
        deadline = time.monotonic() + self._allowed.wall_seconds
        try:
            _send(self._to, job_pieces(job), deadline)
            return read_reply(_receiver(self._from, deadline), job)
        except TimeoutError as error:
            detail = f"no answer within {self._allowed.wall_seconds:g} s"
            raise self._lost(RejectCode.DECODE_TIMEOUT, detail) from error
        except (EOFError, OSError) as error:
            raise self._died() from error
        except BadReplyError as error:
            raise self._lost(RejectCode.DECODER_DIED, f"it spoke nonsense: {error}") from error
        except ImageRejected:
            raise
        except BaseException:  # such as Ctrl-C in the middle of a reply
            self.end()
            raise

    def end(self) -> None:
        """Kill it: between jobs it has nothing to lose."""
        self._process.kill()
        self._process.wait()
        self.let_go()

    def let_go(self) -> None:
        """Close our ends of its pipes, and no more."""
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
            detail = f"more than {self._allowed.cpu_seconds} s of processor time"
            return self._lost(RejectCode.TOO_MUCH_WORK, detail)
        self.end()
        rejection = ImageRejected(RejectCode.DECODER_DIED, f"it ended with status {status}")
        return DecoderLostError(rejection, was_idle=self.jobs > 1)


def _pipe(stream: IO[bytes] | None) -> int:
    if stream is None:
        raise TypeError("the child was started without this pipe")
    os.set_blocking(stream.fileno(), False)
    return stream.fileno()


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    # An arena per thread would reserve 64 MB of the address space that is limited.
    return {**kept, "MALLOC_ARENA_MAX": "1"}


def _send(pipe: int, pieces: Iterable[bytes], deadline: float) -> None:
    for piece in pieces:
        rest = memoryview(piece)
        while rest:
            _wait(pipe, select.POLLOUT, deadline)
            rest = rest[os.write(pipe, rest) :]


def _receiver(pipe: int, deadline: float) -> Callable[[int], bytes]:
    def receive(count: int) -> bytes:
        received = bytearray()
        while len(received) < count:
            _wait(pipe, select.POLLIN, deadline)
            piece = os.read(pipe, min(count - len(received), 1 << 20))
            if not piece:
                raise EOFError("the child closed its end")
            received += piece
        return bytes(received)

    return receive


def _wait(pipe: int, event: int, deadline: float) -> None:
    poll = select.poll()
    poll.register(pipe, event)
    if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise TimeoutError
