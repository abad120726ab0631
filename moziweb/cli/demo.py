"""``moziweb demo``: demo data for a new site."""

import json
import sys
from dataclasses import asdict
from datetime import UTC, date, datetime

import click
from rich.console import Console

from moziweb.demo.errors import DemoError
from moziweb.demo.loader import DemoReport, load_demo
from moziweb.manager.audit.log import COMMAND, MOVIE, Subject, record
from moziweb.movies.calendar import BUDAPEST

from .context import CommandContext, CommandError, service_errors


@click.group()
def demo() -> None:
    """Fill an empty site with real movies."""


@demo.command()
@click.option(
    "--today",
    metavar="DATE",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The premieres are around this day; by default today in Budapest.",
)
@click.pass_obj
def load(context: CommandContext, today: datetime | None) -> None:
    """Add the demo movies that the database lacks; change nothing else.

    Their posters are drawn at the first request, or by "moziweb posters generate".
    """
    now = datetime.now(UTC)
    day = today.date() if today else now.astimezone(BUDAPEST).date()
    with Console(stderr=True).status("Loading the demo movies…"), service_errors():
        report = _load(context, day, now)
    if sys.stdout.isatty():
        click.echo(_line(report))
    else:
        click.echo(json.dumps({"event": "demo loaded", "today": str(day), **asdict(report)}))


def _load(context: CommandContext, day: date, now: datetime) -> DemoReport:
    try:
        with context.services.database.write() as session:
            report = load_demo(session, day, now)
            if report.added:
                changes = [("films", "", str(report.added))]
                record(session, COMMAND, "demo.load", Subject(MOVIE, "demo"), now, changes)
            return report
    except DemoError as error:
        raise CommandError(str(error)) from None


def _line(report: DemoReport) -> str:
    if report.added == 0:
        return f"All {report.catalogue} demo movies are already in the database."
    return (
        f"Loaded {report.added} movies with {report.premieres} premieres, {report.people} people "
        f"and {report.posters} posters to draw."
    )
