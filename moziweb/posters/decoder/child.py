"""The decoder child: ``python -m moziweb.posters.decoder.child MEMORY WALL CPU NICENESS``.

It imports only `imaging` and Pillow, warms up, sets its resource limits, and serves jobs from
standard input until that is closed.
"""

import contextlib
import gc
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

# Modules that Pillow imports on demand: after the limits are set, no file can be opened.
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

from moziweb.child_process import lower_priority

from ..imaging.errors import ImageRejected
from ..imaging.limits import probe
from ..imaging.share_picture import draw_share_picture
from ..imaging.values import ShareText, VariantSet
from ..imaging.variants import make_variants
from ..recipes import RECIPES
from .wire_format import (
    JOB_START_BYTES,
    AnyJob,
    DrawingJob,
    Job,
    error_reply,
    picture_reply,
    read_job,
    rejected_reply,
    result_reply,
)

_OOM_SCORE: Final = "500"
"""Of 1000: if the machine runs out of memory, the kernel kills a child first."""

_WATCH_STACK_BYTES: Final = 256 * 1024


def main() -> None:
    """Decode jobs from standard input until it is closed; arguments: the resource limits."""
    memory, _wall, cpu, niceness = sys.argv[1:]
    jobs, replies = sys.stdin.buffer, _private_stdout()
    # Both are sent to the whole process group. A started job is finished; the child ends with its
    # parent in any case.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _watch_parent(jobs.fileno())
    _warm_up()
    _set_rlimits(int(memory))
    lower_priority(int(niceness))  # last, because the first request waits for the start
    while start := jobs.read(JOB_START_BYTES):
        _limit_cpu_time(int(cpu))
        job = read_job(start, jobs.read)
        replies.writelines(_reply(job))
        replies.flush()
        del job
        # The error of a failed job may be in a cycle with an image, as in Python 3.13. The memory
        # is limited: without it, all jobs would fail until the next collection.
        gc.collect()


def _reply(job: AnyJob) -> list[bytes]:
    try:
        if isinstance(job, DrawingJob):
            return picture_reply(draw_share_picture(job.posters, job.text))
        return result_reply(_make(job))
    except ImageRejected as rejection:
        return rejected_reply(rejection)
    except Exception as error:
        return error_reply(error)


def _make(job: Job) -> VariantSet:
    """Make variants; without recipes only probe the image."""
    if not job.recipes:
        return VariantSet(probe(job.data, job.limits), "", "", ())
    return make_variants(job.data, job.recipes, job.limits)


def _private_stdout() -> BinaryIO:
    """The pipe to the parent; other output to standard output goes to standard error."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return replies


def _watch_parent(jobs: int) -> None:
    """End this process as soon as the parent ends, even within a job.

    Linux's parent death signal would be sent when the *thread* ends that started this process.
    """
    # Unlike `poll`, epoll can be restarted (after SIGSTOP, for example) with RLIMIT_NOFILE = 0.
    epoll = select.epoll()
    epoll.register(jobs, 0)  # EPOLLHUP is always reported

    def watch() -> None:
        epoll.poll()
        os._exit(0)

    threading.stack_size(_WATCH_STACK_BYTES)
    threading.Thread(target=watch, daemon=True).start()


def _warm_up() -> None:
    """Load every codec and the colour management while files can be opened."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    for format_ in ("JPEG", "PNG", "WEBP", "GIF", "AVIF"):
        file = BytesIO()
        Image.new("RGB", (8, 8)).save(file, format_, icc_profile=profile)
        make_variants(file.getvalue(), RECIPES)
    draw_share_picture((), ShareText(("Ő",)))  # reads the font
    gc.freeze()  # collections take no time


def _set_rlimits(memory: int) -> None:
    """Set hard resource limits; they cannot be raised again."""
    with contextlib.suppress(OSError):  # not in every container
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    space = pages * resource.getpagesize() + memory
    resource.setrlimit(resource.RLIMIT_AS, (space, space))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    # Open files stay open. The limit is 0, not their number: closing one must not free a place.
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


def _limit_cpu_time(seconds: int) -> None:
    """Allow ``seconds`` of CPU time for this job; the kernel then sends SIGXCPU, which kills it."""
    soft = ceil(time.process_time()) + seconds
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


if __name__ == "__main__":
    main()
