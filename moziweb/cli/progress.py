"""How a long command tells what it does: a progress bar on a terminal, JSON lines elsewhere."""

import json
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

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


class Report(Protocol):
    """Where a command tells each step and its end."""

    def step(self, event: Mapping[str, object], line: str | None = None) -> None:
        """One thing is done. ``line`` is what a reader is told of it, if it is worth a line."""

    def end(self, event: Mapping[str, object], line: str) -> None:
        """All is done."""


class JsonReport:
    """Writes each event as one line of JSON."""

    def step(self, event: Mapping[str, object], line: str | None = None) -> None:
        """Write the event."""
        click.echo(json.dumps(event))

    def end(self, event: Mapping[str, object], line: str) -> None:
        """Write the event."""
        click.echo(json.dumps(event))


class BarReport:
    """Moves a progress bar and writes the lines above it."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def step(self, event: Mapping[str, object], line: str | None = None) -> None:
        """Move the bar on."""
        if line:
            self._progress.console.print(line, markup=False, highlight=False)
        self._progress.advance(self._task)

    def end(self, event: Mapping[str, object], line: str) -> None:
        """Write the line below the bar."""
        self._progress.stop()
        self._progress.console.print(line, markup=False, highlight=False)


class RateColumn(ProgressColumn):
    """How many are done in a second."""

    def render(self, task: Task) -> Text:
        """``3.1/s``, or nothing before the first is done."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f}/s" if speed else "", style="progress.data.speed")


@contextmanager
def reporting(title: str, total: int) -> Iterator[Report]:
    """The report that fits standard output, for a block that takes ``total`` steps."""
    if not sys.stdout.isatty():
        yield JsonReport()
        return
    console = Console()
    with progress_on(console) as progress, _logging_above(console):
        yield BarReport(progress, progress.add_task(title, total=total))


@contextmanager
def counting(title: str, expected: int) -> Iterator[Callable[[int], None]]:
    """Has a bar on a terminal told how many are done so far; elsewhere nothing is told."""
    if not sys.stdout.isatty():
        yield lambda _: None
        return
    console = Console()
    with progress_on(console) as progress, _logging_above(console):
        task = progress.add_task(title, total=expected)
        yield lambda done: progress.update(task, completed=done, total=max(done, expected))


def progress_on(console: Console, clock: Callable[[], float] | None = None) -> Progress:
    """The bar: done of all, the rate, the time that has passed, and the time that it will take.

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
def _logging_above(console: Console) -> Iterator[None]:
    """Log lines go through the console for the length of a block, or they would cut the bar."""
    root = logging.getLogger()
    before, root.handlers = root.handlers, [RichHandler(console=console, show_path=False)]
    try:
        yield
    finally:
        root.handlers = before
