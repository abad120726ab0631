"""``moziweb demo``: films to look at before anybody has entered one."""

import json
import sys
from dataclasses import asdict
from datetime import UTC, date, datetime

import click
from rich.console import Console

from moziweb.demo.errors import DemoError
from moziweb.demo.loader import DemoReport, load_demo
from moziweb.movies.calendar import BUDAPEST

from .context import CommandContext, CommandError, service_errors


@click.group()
def demo() -> None:
    """Fill the site with real films, so that there is something to see."""


@demo.command()
@click.option(
    "--today",
    metavar="DATE",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The day that the films' premieres are laid around; today in Budapest by default.",
)
@click.pass_obj
def load(installation: CommandContext, today: datetime | None) -> None:
    """Add the demo's films that the database lacks; what is there stays as it is.

    Their posters are drawn when they are first asked for, or by "moziweb posters generate".
    """
    now = datetime.now(UTC)
    day = today.date() if today else now.astimezone(BUDAPEST).date()
    with Console(stderr=True).status("Loading the demo's films…"), service_errors():
        report = _loaded(installation, day, now)
    if sys.stdout.isatty():
        click.echo(_line(report))
    else:
        click.echo(json.dumps({"event": "demo loaded", "today": str(day), **asdict(report)}))


def _loaded(installation: CommandContext, day: date, now: datetime) -> DemoReport:
    try:
        with installation.services.database.write() as session:
            return load_demo(session, day, now)
    except DemoError as error:
        raise CommandError(str(error)) from None


def _line(report: DemoReport) -> str:
    if report.added == 0:
        return f"All {report.catalogue} films of the demo are here already."
    return (
        f"Loaded {report.added} films with {report.premieres} premieres, {report.people} people "
        f"and {report.posters} posters to be drawn."
    )
