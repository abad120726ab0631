"""``moziweb uploads``: the originals that operators uploaded."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path

import click

from moziweb.posters.maintenance.upload_migration import (
    Move,
    MoveStatus,
    UploadMigration,
    upload_files,
)
from moziweb.services import services_of

from .context import CommandContext, running_relay, service_errors
from .progress import reporting
from .signals import stopping


@click.group()
def uploads() -> None:
    """Look after uploaded originals."""


@uploads.command()
@click.argument(
    "folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option("--delete", is_flag=True, help="Delete each file once it is stored and verified.")
@click.pass_obj
def migrate(installation: CommandContext, folder: Path, delete: bool) -> None:
    """Move the upload files below DIR to storage and make each its movie's poster source.

    A file belongs to a movie when its name begins with the movie's id: 1234.jpg, 1234-dune.jpg.
    All others are named and left alone. Each file is checked, stored, read back, compared and
    recorded; run it again at any time, what is moved already gets no second source. Nothing is
    deleted without --delete.

    Exit status: 0 when every file is moved, 1 when some was left, 128 + the signal when stopped.
    """
    with service_errors():
        raise SystemExit(_run(installation, folder, delete))


def _run(installation: CommandContext, folder: Path, delete: bool) -> int:
    registry = installation.registry
    posters = services_of(registry).posters
    migration = UploadMigration(
        services_of(registry).database,
        services_of(registry).storage,
        posters.limits,
        delete=delete,
        prober=posters.probe,
    )
    files = upload_files(folder)
    statuses: Counter[str] = Counter()
    with running_relay(registry), stopping() as stop, reporting("Uploads", len(files)) as report:
        for move in migration.run(folder, files):
            statuses[move.status] += 1
            report.step({"event": "file", **asdict(move)}, _line(move))
            if stop.is_set():
                break
        told = ", ".join(f"{count} {status}" for status, count in sorted(statuses.items()))
        summary = {"event": "summary", **statuses, "files": len(files), "stopped": stop.is_set()}
        report.end(summary, f"{len(files)} files: {told or 'nothing to do'}.")
    return stop.exit_status(otherwise=int(statuses[MoveStatus.MOVED] < len(files)))


def _line(move: Move) -> str | None:
    if move.status is MoveStatus.MOVED:
        return None
    return f"{move.name}: {move.status}" + (f" ({move.code})" if move.code else "")
