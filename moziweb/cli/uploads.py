"""``moziweb uploads``: imports original pictures from a folder."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path

import click
from sqlalchemy.orm import Session

from moziweb.clock import utc_now
from moziweb.manager.audit.log import COMMAND, record
from moziweb.movies.models import Movie
from moziweb.posters.maintenance.upload_migration import (
    Move,
    MoveStatus,
    UploadMigration,
    upload_files,
)
from moziweb.posters.models import PosterSource

from .context import CommandContext, running_relay, service_errors
from .progress import progress_report
from .signals import stop_on_signal


@click.group()
def uploads() -> None:
    """Import original pictures."""


@uploads.command()
@click.argument(
    "folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option("--delete", is_flag=True, help="Delete each file once it is stored and verified.")
@click.pass_obj
def migrate(context: CommandContext, folder: Path, delete: bool) -> None:
    """Store the pictures below DIR and add each as a poster source of its movie.

    The name of a file begins with the id of its movie: 1234.jpg, 1234-dune.jpg. Other files are
    reported and skipped. Each file is checked, stored, read back, compared and recorded. It is safe
    to run this again: a file that is already stored gets no second source. Nothing is deleted
    without --delete.

    Exit status: 0 if every file is stored, 1 if some are not, 128 + the signal when stopped.
    """
    with service_errors():
        raise SystemExit(_run(context, folder, delete))


def _run(context: CommandContext, folder: Path, delete: bool) -> int:
    services = context.services
    migration = UploadMigration(
        services.database,
        services.storage,
        services.posters.limits,
        delete=delete,
        prober=services.posters.probe,
        on_added=_audit,
    )
    files = upload_files(folder)
    statuses: Counter[str] = Counter()
    with (
        running_relay(context.registry),
        stop_on_signal() as stop,
        progress_report("Uploads", len(files)) as report,
    ):
        for move in migration.run(folder, files):
            statuses[move.status] += 1
            report.step({"event": "file", **asdict(move)}, _line(move))
            if stop.is_set():
                break
        counts = ", ".join(f"{count} {status}" for status, count in sorted(statuses.items()))
        summary = {"event": "summary", **statuses, "files": len(files), "stopped": stop.is_set()}
        report.end(summary, f"{len(files)} files: {counts or 'nothing to do'}.")
    return stop.exit_status(otherwise=int(statuses[MoveStatus.MOVED] < len(files)))


def _audit(session: Session, source: PosterSource) -> None:
    movie = session.get_one(Movie, source.movie_id)
    change = ("poster", "", f"#{source.id} {source.file_name or ''}".strip())
    record(session, COMMAND, "poster.add", movie, utc_now(), [change])


def _line(move: Move) -> str | None:
    if move.status is MoveStatus.MOVED:
        return None
    return f"{move.name}: {move.status}" + (f" ({move.code})" if move.code else "")
