"""Lets the C library return the memory of posters and pages that was freed."""

import ctypes
from typing import Final

# The parameters of ``mallopt`` in glibc's malloc.h.
_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_ARENA_MAX: Final = -8

_MAPPED_BYTES: Final = 2 * 1024 * 1024
"""Blocks of so many bytes are mapped, so the system has their memory as soon as they are freed.

glibc raises its own limit to the largest block that was freed, and each arena then keeps twice as
much: after four posters of 15 MB a web process had 30 MiB more than before, a worker 15
(``python -m benchmarks.hosted_memory --pages 60 POSTERS_IMAGE_MB=100``).

Brotli's tables are smaller: with half of this they would be mapped and unmapped for each page, and
compressing the index would take 1.4 times as long, a page of 27 KB twice.
"""


def return_freed_memory(arenas: int) -> None:
    """Map large blocks, and let all threads share so many arenas (0: glibc's own number).

    Call it before threads start, in a process that serves or makes posters for long.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # musl has none
        return
    mallopt(_MMAP_THRESHOLD, _MAPPED_BYTES)
    mallopt(_TRIM_THRESHOLD, 2 * _MAPPED_BYTES)
    if arenas:
        mallopt(_ARENA_MAX, arenas)
