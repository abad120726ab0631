"""``moziweb posters status`` and ``retry``: failures, and another attempt after them."""

import json
import sys
from datetime import datetime
from functools import partial

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from moziweb.clock import utc_now
from moziweb.db import Database
from moziweb.db.types import MAX_ID
from moziweb.manager.audit.log import COMMAND, POSTERS_SUBJECT, Subject, record
from moziweb.posters.generation.error_codes import ERROR_MEANINGS
from moziweb.posters.maintenance.status import (
    PosterCounts,
    PosterStatus,
    Retry,
    estimate_count,
    poster_status,
    retry,
)

from .context import CommandContext, check_movie, service_errors
from .progress import progress_report


@click.command()
@click.pass_obj
def status(context: CommandContext) -> None:
    """Show the sources and variants by state, failures by code and host, and circuit breakers.

    A table on a terminal, otherwise one JSON object. Exit status: 0, also if there are failures.
    """
    with service_errors(), context.database.read() as session:
        total = estimate_count(session)
        with progress_report("Counted", total) as report:
            report.reached(0)
            found = poster_status(session)
            counts = PosterCounts.reported(session, utc_now(), report.reached)
            counted = sum(counts.sources.values()) + sum(counts.variants.values())
            report.reached(counted, counted)
    if sys.stdout.isatty():
        _show(found, counts)
    else:
        click.echo(json.dumps(_as_json(found, counts)))


@click.command("retry")
@click.option("--code", metavar="CODE", help="Only sources that failed with this code.")
@click.option("--host", metavar="HOST", help="Only external sources of this host.")
@click.option(
    "--movie", "movie_id", type=click.IntRange(1, MAX_ID), metavar="ID",
    help="Only the sources of one movie.",
)  # fmt: skip
@click.pass_obj
def retry_command(
    context: CommandContext, code: str | None, host: str | None, movie_id: int | None
) -> None:
    """Schedule failed sources for an immediate attempt, also those that failed permanently.

    The background workers or `posters generate` make them. The circuit breakers of their hosts are
    closed.

    Exit status: 0, also if there are none.
    """
    with service_errors():
        check_movie(context.database, movie_id)
        _check_code(context.database, code)
        what = Retry(code, host and host.lower(), movie_id)
        count = retry(context.database, what, partial(_audit, what))
    if sys.stdout.isatty():
        click.echo(f"{count} sources will be tried again.")
    else:
        click.echo(json.dumps({"event": "summary", "retried": count}))


def _audit(what: Retry, session: Session, count: int) -> None:
    movie = f"#{what.movie_id}" if what.movie_id else ""
    subject = Subject(POSTERS_SUBJECT, " ".join(filter(None, (what.code, what.host, movie))))
    changes = [("sources", "", str(count))]
    record(session, COMMAND, "posters.retry", subject, utc_now(), changes)


def _check_code(database: Database, code: str | None) -> None:
    """Raise a usage error for a code that is unknown and that no stored failure has."""
    if code is None or code in ERROR_MEANINGS:
        return
    with database.read() as session:
        failed = sorted({known for known, _ in poster_status(session).failures})
    if code not in failed:
        codes = ", ".join(failed) or "none at all"
        raise click.BadParameter(
            f"there is no code {code!r}; sources have failed with: {codes}", param_hint="'--code'"
        )


def _as_json(found: PosterStatus, counts: PosterCounts) -> dict[str, object]:
    return {
        "event": "status",
        "sources": counts.sources,
        "variants": counts.variants,
        "failures": [
            {"code": code, "host": host or None, "sources": count}
            for (code, host), count in found.failures.items()
        ],
        "hosts": [
            {
                "host": host.name,
                "failures": host.failures,
                "code": host.error_code,
                "open_until": _moment(host.open_until),
            }
            for host in found.hosts
        ],
        "oldest_pending": _moment(found.oldest_pending),
    }


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")


def _show(found: PosterStatus, counts: PosterCounts) -> None:
    console = Console()
    states = Table("state", "sources", "variants", title="Posters")
    for state in sorted({*counts.sources, *counts.variants}):
        row = (counts.sources.get(state), counts.variants.get(state))
        states.add_row(state, *("" if count is None else f"{count:,}" for count in row))
    console.print(states)
    if found.oldest_pending:
        console.print(f"The oldest pending source is from {found.oldest_pending:%F %H:%M} UTC.")
    if found.failures:
        failures = Table("code", "host", "sources", title="Failures")
        for (code, host), count in found.failures.items():
            failures.add_row(code, host, f"{count:,}")
        console.print(failures)
    if found.hosts:
        hosts = Table("host", "failures", "code", "paused until (UTC)", title="Hosts")
        for view in found.hosts:
            is_open = view.open_until is not None and view.open_until > counts.at
            until = f"{view.open_until:%F %H:%M}" if is_open else ""
            hosts.add_row(view.name, f"{view.failures}", view.error_code or "", until)
        console.print(hosts)
