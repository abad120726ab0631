"""What runs in a child: ``python -m moziweb.posters.decoder.child MEMORY WALL CPU NICENESS``.

It imports imaging and what that needs, Pillow, and nothing of the site; warms up; ties its own
hands; then serves jobs from standard input until that closes.
"""

import contextlib
import os
import resource
import select
import signal
import sys
import threading
import time
from io import BytesIO
from math import ceil
from pathlib import Path
from typing import BinaryIO, Final

# All that Pillow imports when it meets what needs it: later, no file can be opened.
from PIL import (  # noqa: F401
    Image,
    ImageCms,
    ImageColor,
    ImageFilter,
    ImagePalette,
    MpoImagePlugin,
    TiffImagePlugin,
    TiffTags,
)

from ..imaging.errors import ImageRejected
from ..imaging.limits import probe
from ..imaging.variants import VariantSet, make_variants
from ..recipes import RECIPES
from .process import IDLE
from .wire_format import JOB_START_BYTES, Job, error_reply, made_reply, read_job, rejected_reply

_OOM_SCORE: Final = "500"
"""Of 1000: when the machine itself runs out of memory, the kernel takes a child, not the site."""

_WATCH_STACK_BYTES: Final = 256 * 1024


def main() -> None:
    memory, _wall, cpu, niceness = sys.argv[1:]
    jobs, replies = sys.stdin.buffer, _private_stdout()
    # Both go to a whole group of processes; a job that has begun is to be finished, and the end of
    # the parent is ours in any case.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _watch_parent(jobs.fileno())
    _warm_up()
    _set_rlimits(int(memory))
    _lower_priority(int(niceness))  # not before: a first visitor waits for the start
    while start := jobs.read(JOB_START_BYTES):
        _limit_processor(int(cpu))
        job = read_job(start, jobs.read)
        replies.writelines(_reply(job))
        replies.flush()
        del job


def _reply(job: Job) -> list[bytes]:
    try:
        return made_reply(_make(job))
    except ImageRejected as rejection:
        return rejected_reply(rejection)
    except Exception as error:
        return error_reply(error)


def _make(job: Job) -> VariantSet:
    """Without a recipe the picture is only looked at."""
    if not job.recipes:
        return VariantSet(probe(job.data, job.limits), "", "", ())
    return make_variants(job.data, job.recipes, job.limits)


def _private_stdout() -> BinaryIO:
    """The pipe to our parent; whatever else prints goes to the log."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return replies


def _watch_parent(jobs: int) -> None:
    """End at once when our parent does, even in the middle of a picture.

    The parent's death signal of Linux would come when the *thread* that started us ends.
    """

    # Unlike `poll`, it can go on waiting, after a stop for instance, once no file may be opened.
    waiting = select.epoll()
    waiting.register(jobs, 0)  # hang-ups are told unasked

    def watch() -> None:
        waiting.poll()
        os._exit(0)

    threading.stack_size(_WATCH_STACK_BYTES)
    threading.Thread(target=watch, daemon=True).start()


def _warm_up() -> None:
    """Load every codec, and the profile engine, while files can still be opened freely."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    for format_ in ("JPEG", "PNG", "WEBP", "GIF", "AVIF"):
        file = BytesIO()
        Image.new("RGB", (8, 8)).save(file, format_, icc_profile=profile)
        make_variants(file.getvalue(), RECIPES)


def _set_rlimits(memory: int) -> None:
    """Tie our hands for good: hard limits cannot be raised again."""
    with contextlib.suppress(OSError):  # not in every container
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    space = pages * resource.getpagesize() + memory
    resource.setrlimit(resource.RLIMIT_AS, (space, space))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    # What is open stays so. Not the number of what is open: who closes one would have one free.
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


def _lower_priority(niceness: int) -> None:
    """Leave processor time to others, at the most whatever anybody else wants.

    A niced process that has just slept may keep a core for a few milliseconds although a page has
    woken up there; one of the idle policy never does.
    """
    if niceness == IDLE:
        with contextlib.suppress(OSError):  # not in every container
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    os.nice(niceness)  # the kernel takes what is above 19 for that


def _limit_processor(seconds: int) -> None:
    """Let this job have ``seconds`` of processor time; after that comes SIGXCPU, which ends us."""
    soft = ceil(time.process_time()) + seconds
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


if __name__ == "__main__":
    main()
