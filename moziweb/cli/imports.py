"""``moziweb import``: films from distributors' lists and from TMDB."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from moziweb.movies.calendar import budapest_today
from moziweb.movies.importers.candidate import Candidate
from moziweb.movies.importers.planning import Plan
from moziweb.movies.importers.problems import ImportRefused
from moziweb.movies.importers.rows import ListTerms, candidates_of
from moziweb.movies.importers.service import Importer
from moziweb.movies.importers.tables import read_table
from moziweb.movies.importers.telling import Tally, plan_event, plan_lines
from moziweb.movies.models import now_utc
from moziweb.posters.shelf import ImportedPosters

from .installation import CommandError, Installation, services_in_one_line
from .report import Report, reporting
from .stopping import stopping


class UnreadableError(CommandError):
    """What was to be imported cannot be read at all."""

    exit_code = 2


@click.group("import")
def imports() -> None:
    """Bring in films: lists of distributors, TMDB.

    What was entered by hand is never overwritten, and the same import twice changes nothing.

    Exit status: 0 when all is imported, 1 when there were problems (all else is imported), 2 when
    nothing could be read, 128 + the signal when stopped.
    """


@imports.command("csv")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show the differences and write nothing.")
@click.option(
    "--list", "list_name", default="", metavar="NAME",
    help="Whose list it is, where several distributors' external ids may be alike.",
)  # fmt: skip
@click.option(
    "--column", "columns", multiple=True, metavar="OURS=THEIRS",
    help='A column that is called otherwise there, such as --column runtime="Running Time min".',
)  # fmt: skip
@click.option(
    "--date-format", default="", metavar="FORMAT",
    help='How dates are written, as strptime has it ("%b %d %Y"); 2026-08-13 and 2026.08.13. '
    "need none.",
)  # fmt: skip
@click.pass_obj
def csv_command(
    installation: Installation,
    file: Path,
    dry_run: bool,
    list_name: str,
    columns: Sequence[str],
    date_format: str,
) -> None:
    """Import a distributor's list, CSV or JSON; docs/importing.md names its columns."""
    shelf = ImportedPosters()
    terms = ListTerms(budapest_today(now_utc()), shelf.accepts, list_name, date_format)
    try:
        table = read_table(file.read_bytes(), dict(_pairs(columns)))
    except ImportRefused as error:
        raise UnreadableError(f"{file.name}: {error}") from None
    except OSError as error:
        raise UnreadableError(f"{file.name}: {error.strerror}") from None
    if table.ignored:
        click.echo(f"moziweb: columns left aside: {', '.join(table.ignored)}", err=True)
    candidates = candidates_of(table, terms)
    with services_in_one_line():
        importer = importer_of(installation)
        raise SystemExit(bring_in(importer, candidates, "Films", dry_run=dry_run))


def importer_of(installation: Installation) -> Importer:
    """The importer of a site; what it writes makes the site's pages stale."""
    return Importer(installation.registry["database"], ImportedPosters(), now_utc)


def bring_in(
    importer: Importer, candidates: Sequence[Candidate], title: str, *, dry_run: bool
) -> int:
    """Import, or only preview, and report; the exit status."""
    tally = Tally()
    with stopping() as stop, reporting(title, len(candidates)) as report:
        for plan, movie_id in _plans(importer, candidates, dry_run=dry_run):
            tally.add(plan)
            _tell(report, plan, movie_id)
            if stop.is_set():
                break
        _end(report, tally, dry_run=dry_run, stopped=stop.is_set())
    return stop.exit_status(otherwise=int(bool(tally.problems)))


def _plans(
    importer: Importer, candidates: Sequence[Candidate], *, dry_run: bool
) -> Iterator[tuple[Plan, int | None]]:
    if dry_run:
        yield from ((plan, plan.movie_id) for plan in importer.preview(candidates))
    else:
        yield from ((each.plan, each.movie_id) for each in importer.run(candidates))


def _tell(report: Report, plan: Plan, movie_id: int | None) -> None:
    report.step({"event": "film", **plan_event(plan, movie_id)}, "\n".join(plan_lines(plan)))


def _end(report: Report, tally: Tally, *, dry_run: bool, stopped: bool) -> None:
    marks = "".join([*(["Stopped: "] if stopped else []), *(["Dry run: "] if dry_run else [])])
    report.end(
        {"event": "summary", **tally.sums, "dry_run": dry_run, "stopped": stopped},
        f"{marks}{tally.line}",
    )


def _pairs(columns: Sequence[str]) -> Iterator[tuple[str, str]]:
    for pair in columns:
        ours, is_pair, theirs = pair.partition("=")
        if not (is_pair and ours and theirs):
            raise click.BadParameter(f"OURS=THEIRS, not {pair!r}", param_hint="--column")
        yield ours, theirs
