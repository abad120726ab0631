"""pytest plugin: keeps the resident memory of a test process low and reports its peak.

An application leaves a hundred thousand objects in reference cycles. With Python's default
threshold a seventh of the run time goes into garbage collection; with a high threshold alone a
process grows to 870 MB. So automatic collection is rare, and a full one runs when memory has grown.

``linecache`` and ``re`` keep what was used once. They are emptied before a full collection.
"""

import ctypes
import gc
import linecache
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

GROWTH: Final = 12 << 20
"""Bytes of growth after which all garbage is collected. With 4 MB, 108 tests of pages took 3.2 s of
processor time in their teardown instead of 1.7 s, and 8 MB less."""

LIMIT_MB: Final = 530
"""The run fails if a process gets larger.

The goal is 400. With coverage, the workers peaked at 389 in the part ``LOWER`` of the Makefile, at
484 in ``UPPER`` and at 410 in ``OTHER``; when the tests are collected they have 162 to 186.
"""

_M_MMAP_THRESHOLD: Final = -3
_MMAP_BYTES: Final = 128 << 10
"""From this size on, memory is returned to the system when it is freed. glibc's threshold grows
with the largest block that was freed; then images of megabytes leave holes in the heap."""

_PEAK: Final = "moziweb_peak"
_STATM: Final = Path("/proc/self/statm")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class Memory:
    """Watches this process, and collects the peaks of the workers under pytest-xdist."""

    def __init__(self) -> None:
        self.peaks: dict[str, tuple[int, str]] = {}
        self._peak = (0, "no test")
        libc = ctypes.CDLL(None)
        self._trim = getattr(libc, "malloc_trim", None)
        if hasattr(libc, "mallopt"):
            libc.mallopt(_M_MMAP_THRESHOLD, _MMAP_BYTES)
        self._baseline = 0

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self) -> Iterator[Any]:
        """Look for no garbage while the tests are imported: a fifth of that time for 2 MB."""
        gc.disable()
        try:
            return (yield)
        finally:
            gc.enable()

    def pytest_collection_finish(self) -> None:
        """Exclude all imported modules from garbage collection."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000)
        self._baseline = resident()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Iterator[None]:
        """Collect garbage if memory has grown since the last time."""
        yield
        if peak_mb() > self._peak[0]:
            self._peak = (peak_mb(), item.nodeid)
        if resident() - self._baseline > GROWTH:
            empty_caches()
            gc.collect()
            if self._trim is not None:
                self._trim(0)
            self._baseline = resident()

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Pass the peak of a worker to the controlling process, which fails above the limit."""
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[_PEAK] = self._peak
            return
        self.peaks["main"] = (peak_mb(), self._peak[1])
        if max(self.peaks.values())[0] > LIMIT_MB and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take the peak of a worker that has ended."""
        peak, test = getattr(node, "workeroutput", {}).get(_PEAK, self._peak)
        self.peaks[node.gateway.id] = (peak, test)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the peaks, and the tests that reached them."""
        highest = max(self.peaks.values(), default=(0, ""))[0]
        above = "above" if highest > LIMIT_MB else "below"
        terminalreporter.write_line(f"Peak memory, {above} the limit of {LIMIT_MB} MB:")
        for name, (peak, test) in sorted(self.peaks.items()):
            terminalreporter.write_line(f"{name} {peak} MB in {test}")


def empty_caches() -> None:
    """Empty the caches of libraries that outlive a test."""
    linecache.clearcache()
    re.purge()


def resident() -> int:
    """Resident memory of this process, in bytes; 0 where there is no /proc."""
    try:
        return int(_STATM.read_text().split()[1]) * _PAGE
    except OSError:
        return 0


def peak_mb() -> int:
    """The highest resident memory that this process has had, in MB; 0 where there is no /proc."""
    if not _STATM.exists():
        return 0
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) // 1024
    return 0
