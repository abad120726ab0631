"""``moziweb import``: films from distributors' lists and from TMDB."""

import json
import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

import click

from moziweb.clock import utc_now
from moziweb.db.types import MAX_ID
from moziweb.movies.calendar import budapest_today
from moziweb.movies.importers.candidate import Candidate
from moziweb.movies.importers.csv_columns import ListOptions, candidates_of
from moziweb.movies.importers.file_readers import read_table
from moziweb.movies.importers.planning import Plan
from moziweb.movies.importers.problems import ImportRefused
from moziweb.movies.importers.refreshing import due_movies, note_refreshed, stale_movies
from moziweb.movies.importers.report import ImportSummary, plan_event, plan_lines
from moziweb.movies.importers.service import CHUNK, Importer
from moziweb.movies.importers.tmdb.source import TmdbSource, source_of
from moziweb.posters.importer_port import ImportedPosters

from .context import CommandContext, CommandError, running_relay, service_errors
from .progress import Report, reporting
from .signals import StopFlag, stopping

log = logging.getLogger(__name__)


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
    installation: CommandContext,
    file: Path,
    dry_run: bool,
    list_name: str,
    columns: Sequence[str],
    date_format: str,
) -> None:
    """Import a distributor's list, CSV or JSON; docs/importing.md names its columns."""
    shelf = ImportedPosters()
    terms = ListOptions(budapest_today(utc_now()), shelf.accepts, list_name, date_format)
    try:
        table = read_table(file.read_bytes(), dict(_pairs(columns)))
    except ImportRefused as error:
        raise UnreadableError(f"{file.name}: {error}") from None
    except OSError as error:
        raise UnreadableError(f"{file.name}: {error.strerror}") from None
    if table.ignored:
        click.echo(f"moziweb: columns left aside: {', '.join(table.ignored)}", err=True)
    candidates = candidates_of(table, terms)
    with service_errors(), running_relay(installation.registry):
        importer = importer_of(installation)
        raise SystemExit(bring_in(importer, candidates, len(candidates), dry_run=dry_run))


@imports.group("tmdb")
def tmdb() -> None:
    """Import films from TMDB, by their title, by an id, or by days.

    This product uses the TMDB API but is not endorsed or certified by TMDB.
    """


@tmdb.command("search")
@click.argument("title")
@click.option("--dry-run", is_flag=True, help="Accepted and idle: a search writes nothing.")
@click.pass_obj
def search_command(installation: CommandContext, title: str, dry_run: bool) -> None:
    """Show what TMDB has under TITLE; "moziweb import tmdb id" imports one of them."""
    with _refusals(), service_errors():
        found = tmdb_of(installation).search(title)
    for movie in found:
        if sys.stdout.isatty():
            original = f" ({movie.original_title})" if movie.original_title != movie.title else ""
            click.echo(f"{movie.tmdb_id:>9}  {movie.title}{original}, {movie.year or '?'}")
        else:
            click.echo(json.dumps({"event": "found", **asdict(movie)}))
    raise SystemExit(0 if found else 1)


@tmdb.command("id")
@click.argument("tmdb_ids", nargs=-1, required=True, type=click.IntRange(1, MAX_ID))
@click.option("--dry-run", is_flag=True, help="Show the differences and write nothing.")
@click.pass_obj
def id_command(installation: CommandContext, tmdb_ids: Sequence[int], dry_run: bool) -> None:
    """Import the films of TMDB's ids."""
    with service_errors(), running_relay(installation.registry):
        movies = tmdb_of(installation).movies(tmdb_ids)
        importer = importer_of(installation, at_once=1)
        raise SystemExit(bring_in(importer, movies, len(tmdb_ids), dry_run=dry_run))


@tmdb.command("imdb")
@click.argument("imdb_id")
@click.option("--dry-run", is_flag=True, help="Show the differences and write nothing.")
@click.pass_obj
def imdb_command(installation: CommandContext, imdb_id: str, dry_run: bool) -> None:
    """Import the film of an IMDb id, such as tt0137523."""
    with service_errors(), running_relay(installation.registry):
        source = tmdb_of(installation)
        with _refusals():
            tmdb_id = source.id_of_imdb(imdb_id)
        importer = importer_of(installation, at_once=1)
        raise SystemExit(bring_in(importer, source.movies([tmdb_id]), 1, dry_run=dry_run))


@tmdb.command("premieres")
@click.option("--from", "first", required=True, type=click.DateTime(["%Y-%m-%d"]))
@click.option("--to", "last", required=True, type=click.DateTime(["%Y-%m-%d"]))
@click.option("--dry-run", is_flag=True, help="Show the differences and write nothing.")
@click.pass_obj
def premieres_command(
    installation: CommandContext, first: datetime, last: datetime, dry_run: bool
) -> None:
    """Import the films with a Hungarian premiere between two days, both included."""
    days = first.date(), last.date()
    with service_errors(), running_relay(installation.registry):
        source = tmdb_of(installation)
        with _refusals():
            ids = source.ids_between(*days)
        importer = importer_of(installation, at_once=1)
        movies = source.premieres_between(ids, *days)
        raise SystemExit(bring_in(importer, movies, len(ids), dry_run=dry_run))


@imports.command("refresh")
@click.option("--limit", type=click.IntRange(1), help="No more films than this in one run.")
@click.option("--all", "everything", is_flag=True, help="All of them, changed at TMDB or not.")
@click.option("--dry-run", is_flag=True, help="Show the differences and write nothing.")
@click.pass_obj
def refresh_command(
    installation: CommandContext, limit: int | None, everything: bool, dry_run: bool
) -> None:
    """Fetch from TMDB again what is still to come, has no day yet, or has grown old.

    For a scheduler: it asks nothing, may run beside itself, and a run that finds no difference
    makes no page stale.
    """
    with service_errors(), running_relay(installation.registry):
        source, database, now = tmdb_of(installation), installation.services.database, utc_now()
        kept_since = _kept_since(installation)
        with _refusals():
            ids = due_movies(database, source, now, kept_since, limit, everything=everything)
        importer = importer_of(installation, at_once=1)
        status = bring_in(importer, source.movies(ids), len(ids), dry_run=dry_run)
        is_whole = limit is None or len(ids) < limit
        if is_whole and status in (0, 1) and not dry_run:
            note_refreshed(database, now)
        raise SystemExit(status)


def refresh_quietly(installation: CommandContext, is_stopping: Callable[[], bool]) -> None:
    """The same for a worker: nothing is shown, the log has a line; it ends when told to stop."""
    source, database, now = tmdb_of(installation), installation.services.database, utc_now()
    tally, stopped = ImportSummary(), False
    try:
        ids = due_movies(database, source, now, _kept_since(installation))
        for applied in importer_of(installation, at_once=1).run(source.movies(ids)):
            tally.add(applied.plan)
            stopped = is_stopping()
            if stopped:
                break
    except ImportRefused as error:
        log.warning("the refresh from TMDB ended early: %s %s", error, tally.line)
        return
    log.info("refreshed from TMDB: %s", tally.line)
    if not stopped:
        note_refreshed(database, now)


@imports.command("stale")
@click.pass_obj
def stale_command(installation: CommandContext) -> None:
    """List the films that keep something of TMDB's for longer than tmdb.max_age_days.

    Exit status: 1 when there are any.
    """
    with service_errors(), installation.services.database.read() as session:
        movies = stale_movies(session, _kept_since(installation))
    for movie_id, title, fetched_at in movies:
        if sys.stdout.isatty():
            click.echo(f"{movie_id:>9}  {title}: fetched on {fetched_at:%Y-%m-%d}")
        else:
            told = {"movie": movie_id, "title": title, "fetched_at": fetched_at.isoformat()}
            click.echo(json.dumps({"event": "stale", **told}))
    raise SystemExit(int(bool(movies)))


def tmdb_of(installation: CommandContext) -> TmdbSource:
    """TMDB as the site's ini file has it; without a token there is none."""
    if installation.settings["tmdb.token"] is None:
        raise UnreadableError("tmdb.token is empty; set TMDB_TOKEN, or the key in the ini file")
    return source_of(installation.registry, utc_now)


def _kept_since(installation: CommandContext) -> datetime:
    return utc_now() - timedelta(days=installation.settings["tmdb.max_age_days"])


@contextmanager
def _refusals() -> Iterator[None]:
    """Tell in one line why nothing could be had."""
    try:
        yield
    except (ImportRefused, ValueError) as error:
        raise CommandError(str(error)) from None


def importer_of(installation: CommandContext, *, at_once: int = CHUNK) -> Importer:
    """The importer of a site; what it writes makes the site's pages stale.

    ``at_once`` is how many films are looked up together: one, where each has to be fetched first.
    """
    return Importer(installation.services.database, ImportedPosters(), utc_now, at_once)


def bring_in(
    importer: Importer, candidates: Iterable[Candidate], total: int, *, dry_run: bool
) -> int:
    """Import, or only preview, and report; the exit status.

    A source that fails for good ends it: what came before is imported and counted.
    """
    tally = ImportSummary()
    with stopping() as stop, reporting("Films", total) as report:
        failure = _bring_in(importer, candidates, tally, report, stop, dry_run=dry_run)
        _end(report, tally, dry_run=dry_run, stopped=stop.is_set())
    if failure is not None:
        raise CommandError(str(failure))
    return stop.exit_status(otherwise=int(bool(tally.problems)))


def _bring_in(
    importer: Importer,
    candidates: Iterable[Candidate],
    tally: ImportSummary,
    report: Report,
    stop: StopFlag,
    *,
    dry_run: bool,
) -> ImportRefused | None:
    try:
        for plan, movie_id in _plans(importer, candidates, dry_run=dry_run):
            tally.add(plan)
            _tell(report, plan, movie_id)
            if stop.is_set():
                break
    except ImportRefused as error:
        return error
    return None


def _plans(
    importer: Importer, candidates: Iterable[Candidate], *, dry_run: bool
) -> Iterator[tuple[Plan, int | None]]:
    if dry_run:
        yield from ((plan, plan.movie_id) for plan in importer.preview(candidates))
    else:
        yield from ((each.plan, each.movie_id) for each in importer.run(candidates))


def _tell(report: Report, plan: Plan, movie_id: int | None) -> None:
    report.step({"event": "film", **plan_event(plan, movie_id)}, "\n".join(plan_lines(plan)))


def _end(report: Report, tally: ImportSummary, *, dry_run: bool, stopped: bool) -> None:
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
