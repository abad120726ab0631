"""The progress bar of a long command."""

from io import StringIO

from rich.console import Console

from moziweb.cli.progress import BarReport, progress_on


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
