"""Progress of long commands: a progress bar on a terminal, otherwise JSON lines."""

import json
import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, Protocol

import click
from rich.console import Console
from rich.logging import RichHandler
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

PROGRESS_SECONDS: Final = 10.0
"""Seconds between two lines of progress, where there is no terminal."""


class Report(Protocol):
    """Reports the steps of a command."""

    def step(self, event: Mapping[str, object], line: str | None = None) -> None:
        """Report a finished step: ``event`` to programs, ``line`` to people."""

    def note(self, event: Mapping[str, object], line: str) -> None:
        """Report something that is no step."""

    def reached(self, done: int, total: int | None = None) -> None:
        """Report how many steps are done, instead of each step; ``total`` corrects an estimate."""

    def end(self, event: Mapping[str, object], line: str) -> None:
        """Report the summary after the last step."""


class JsonReport:
    """Writes each event as one line of JSON, and what is reached to standard error at times."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next = 0.0

    def step(self, event: Mapping[str, object], line: str | None = None) -> None:
        """Write the event."""
        click.echo(json.dumps(event))

    end = note = step

    def reached(self, done: int, total: int | None = None) -> None:
        """Write it at most every ``PROGRESS_SECONDS``."""
        now = self._clock()
        if now >= self._next:
            self._next = now + PROGRESS_SECONDS
            click.echo(json.dumps({"event": "progress", "done": done}), err=True)


class BarReport:
    """Advances a progress bar and writes the lines above it."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def step(self, event: Mapping[str, object], line: str | None = None) -> None:
        """Write the line and advance the bar."""
        if line:
            self._progress.console.print(line, markup=False, highlight=False)
        self._progress.advance(self._task)

    def note(self, event: Mapping[str, object], line: str) -> None:
        """Write the line."""
        self._progress.console.print(line, markup=False, highlight=False)

    def reached(self, done: int, total: int | None = None) -> None:
        """Move the bar; an estimate that is too low grows."""
        expected = self._progress.tasks[self._task].total
        is_known = total is not None or expected is None
        grown = total if is_known else max(done, expected or 0)
        self._progress.update(self._task, completed=done, total=grown)

    def end(self, event: Mapping[str, object], line: str) -> None:
        """Write the line below the bar."""
        self._progress.stop()
        self._progress.console.print(line, markup=False, highlight=False)


class RateColumn(ProgressColumn):
    """The steps per second."""

    def render(self, task: Task) -> Text:
        """Return ``3.1/s``, or nothing before the first step."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f}/s" if speed else "", style="progress.data.speed")


@contextmanager
def progress_report(title: str, total: int | None = None) -> Iterator[Report]:
    """Return the report for standard output, for a block of ``total`` steps if this is known."""
    if not sys.stdout.isatty():
        yield JsonReport()
        return
    console = Console()
    with progress_on(console) as progress, _logging_to(console):
        yield BarReport(progress, progress.add_task(title, total=total))


def progress_on(console: Console, clock: Callable[[], float] | None = None) -> Progress:
    """Return a bar with the steps, the rate, and the elapsed and remaining time.

    ``clock`` is monotonic, in seconds.
    """
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        RateColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        get_time=clock,
    )


@contextmanager
def _logging_to(console: Console) -> Iterator[None]:
    """Write log lines above the bar during the block."""
    root = logging.getLogger()
    before, root.handlers = root.handlers, [RichHandler(console=console, show_path=False)]
    try:
        yield
    finally:
        root.handlers = before
