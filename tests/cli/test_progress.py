"""The progress bar of a long command."""

import json
from io import StringIO

import pytest
from rich.console import Console

from moziweb.cli.progress import BarReport, JsonReport, progress_on


def test_bar_shows_rate_and_remaining_time() -> None:
    """A job of 100 seconds at two steps a second, after 20 seconds."""
    now = 0.0
    console = Console(file=StringIO(), width=100)
    progress = progress_on(console, clock=lambda: now)
    report = BarReport(progress, progress.add_task("Posters", total=200))
    for _ in range(40):
        now += 0.5
        report.step({"event": "source"})
    with console.capture() as shown:
        console.print(progress.get_renderable())
    assert shown.get().split()[-4:] == ["40/200", "2.0/s", "0:00:20", "0:01:20"]


def test_bar_follows_what_is_reached_and_grows_beyond_an_estimate() -> None:
    console = Console(file=StringIO(), width=100)
    progress = progress_on(console, clock=lambda: 1.0)
    report = BarReport(progress, progress.add_task("Stored", total=100))
    for done, total, shown in ((40, None, "40/100"), (120, None, "120/120"), (130, 130, "130/130")):
        report.reached(done, total)
        with console.capture() as captured:
            console.print(progress.get_renderable())
        assert shown in captured.get()


def test_bar_of_an_unknown_number_counts() -> None:
    console = Console(file=StringIO(), width=100)
    progress = progress_on(console, clock=lambda: 1.0)
    report = BarReport(progress, progress.add_task("Would make", total=None))
    report.reached(0)
    for _ in range(3):
        report.step({"event": "would make"})
    with console.capture() as captured:
        console.print(progress.get_renderable())
    assert "3/?" in captured.get()


def test_progress_without_a_terminal_is_a_line_at_once_and_every_ten_seconds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = 100.0
    report = JsonReport(clock=lambda: now)
    for number in range(25):
        report.reached(1_000 * number)
        now += 1
    captured = capsys.readouterr()
    assert captured.out == ""
    done = [json.loads(line)["done"] for line in captured.err.splitlines()]
    assert done == [0, 10_000, 20_000]
