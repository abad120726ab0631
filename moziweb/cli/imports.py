"""``moziweb import``: imports movies from distributors' lists and from TMDB."""

import json
import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path

import click
from pyramid.registry import Registry
from sqlalchemy.orm import Session

from moziweb.clock import utc_now
from moziweb.db.types import MAX_ID, parse_id
from moziweb.manager.audit.log import COMMAND, record_import
from moziweb.manager.audit.name_entries import record_names
from moziweb.manager.imports.jobs import command_batch
from moziweb.manager.movies.affected_pages import pages_of_import
from moziweb.manager.movies.changes import before_import, imported_fields
from moziweb.movies.calendar import budapest_today
from moziweb.movies.importers.candidate import Candidate
from moziweb.movies.importers.csv_columns import ListOptions, candidates_of
from moziweb.movies.importers.encodings import ENCODINGS
from moziweb.movies.importers.file_readers import MAX_LIST_BYTES, Table, read_table
from moziweb.movies.importers.list_formats import remembered_reading, sample_of
from moziweb.movies.importers.planning import Plan
from moziweb.movies.importers.problems import ImportRefused
from moziweb.movies.importers.refreshing import due_movies, record_refresh, stale_movies
from moziweb.movies.importers.report import ImportSummary, plan_event, plan_lines
from moziweb.movies.importers.service import CHUNK, NO_CHOICES, Choices, Importer
from moziweb.movies.importers.tmdb.source import TmdbSource, source_of
from moziweb.movies.models import Movie
from moziweb.posters.importer_port import ImportedPosters
from moziweb.posters.wiring import fetch_policy_from

from .context import CommandContext, CommandError, running_relay, service_errors
from .progress import progress_report
from .signals import stop_on_signal

log = logging.getLogger(__name__)


class UnreadableError(CommandError):
    """The source of the import cannot be read at all."""

    exit_code = 2


_PUBLISH = click.option(
    "--publish", is_flag=True, help="Put new films on the site; otherwise they are drafts."
)


@click.group("import")
def imports() -> None:
    """Import movies from distributors' lists and from TMDB.

    Values that were entered by hand are never overwritten. Importing the same again changes
    nothing.

    Exit status: 0 if everything is imported, 1 if there were problems (everything else is
    imported), 2 if nothing could be read, 128 + the signal when stopped.
    """


@imports.command("csv")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show the differences and write nothing.")
@click.option(
    "--list", "list_name", default="", metavar="NAME",
    help="The name of the list, if several distributors may use the same external ids.",
)  # fmt: skip
@click.option(
    "--column", "columns", multiple=True, metavar="COLUMN=HEADING",
    help='The heading of a column in this list, such as --column runtime="Running Time min"; '
    "empty if it has none.",
)  # fmt: skip
@click.option(
    "--date-format", default="", metavar="FORMAT",
    help='The strptime format of dates ("%b %d %Y"); not needed if the year is first.',
)  # fmt: skip
@click.option(
    "--encoding", default="", type=click.Choice(["", *ENCODINGS]), metavar="ENCODING",
    help=f"The encoding of the file: {', '.join(ENCODINGS)}. Needed if it is only guessed.",
)  # fmt: skip
@click.option(
    "--choose", "chosen", multiple=True, metavar="ROW=FILM",
    help='The film that a row is, if it may be several: --choose "row 3=12", or "row 3=new".',
)  # fmt: skip
@_PUBLISH
@click.pass_obj
def csv_command(
    context: CommandContext,
    file: Path,
    dry_run: bool,
    list_name: str,
    columns: Sequence[str],
    date_format: str,
    encoding: str,
    chosen: Sequence[str],
    publish: bool,
) -> None:
    """Import a distributor's list: CSV, xlsx or JSON. docs/importing.md lists the columns.

    New films are drafts, unless --publish is given. The columns of a list with a --list NAME are
    read as the manager remembers them.
    """
    choices = dict(_choices(chosen))
    with service_errors():
        table, options = _read_list(
            context, file, list_name, dict(_pairs(columns)), date_format, encoding
        )
    if table.guessed:
        name = ENCODINGS[table.encoding]
        click.echo(f"moziweb: {file.name}: read as {name}, which is a guess", err=True)
        if not dry_run:
            raise UnreadableError(
                f"{file.name}: check the letters with --dry-run, then give "
                f"--encoding {table.encoding}"
            )
    if table.ignored:
        click.echo(f"moziweb: ignored columns: {', '.join(table.ignored)}", err=True)
    candidates = candidates_of(table, options)
    if unknown := sorted(choices.keys() - {each.place for each in candidates}):
        raise click.BadParameter(f"no row is called {unknown[0]!r}", param_hint="--choose")
    with service_errors(), running_relay(context.registry):
        importer = importer_of(context, chunk_size=CHUNK, publish=publish)
        total = len(candidates)
        raise SystemExit(run_import(importer, candidates, total, dry_run=dry_run, choices=choices))


def _read_list(
    context: CommandContext,
    file: Path,
    list_name: str,
    columns: dict[str, str],
    date_format: str,
    encoding: str,
) -> tuple[Table, ListOptions]:
    """Return a list and how to read its cells. Raises ``UnreadableError``."""
    posters = ImportedPosters(fetch_policy_from(context.settings))
    today, is_allowed_url = budapest_today(utc_now()), posters.is_allowed_url
    try:
        options = ListOptions(today, is_allowed_url, list_name, date_format)
        with file.open("rb") as opened:
            data = opened.read(MAX_LIST_BYTES + 1)
        if not list_name:
            return read_table(data, columns, encoding), options
        with context.services.database.read() as session:
            reading = remembered_reading(session, list_name)
        columns = {**reading.columns, **columns}
        sample = sample_of(data, replace(reading, encoding=encoding, columns=columns))
        table = read_table(data, columns, sample.encoding)
        is_guess = sample.guessed and sample.encoding != reading.usual_encoding
        options = replace(options, date_format=date_format or reading.date_format)
        return replace(table, guessed=is_guess), options
    except ImportRefused as error:
        raise UnreadableError(f"{file.name}: {error}") from None
    except OSError as error:
        raise UnreadableError(f"{file.name}: {error.strerror}") from None


@imports.group("tmdb")
def tmdb() -> None:
    """Import movies from TMDB: by title, by id, or by date.

    This product uses the TMDB API but is not endorsed or certified by TMDB.
    """


@tmdb.command("search")
@click.argument("title")
@click.option("--dry-run", is_flag=True, help="No effect: a search writes nothing.")
@click.pass_obj
def search_command(context: CommandContext, title: str, dry_run: bool) -> None:
    """Search TMDB for TITLE. "moziweb import tmdb id" imports one of the results."""
    with _import_errors(), service_errors():
        found = tmdb_of(context).search(title)
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
@_PUBLISH
@click.pass_obj
def id_command(
    context: CommandContext, tmdb_ids: Sequence[int], dry_run: bool, publish: bool
) -> None:
    """Import the movies with these TMDB ids."""
    with service_errors(), running_relay(context.registry):
        movies, importer = tmdb_of(context).movies(tmdb_ids), importer_of(context, publish=publish)
        raise SystemExit(run_import(importer, movies, len(tmdb_ids), dry_run=dry_run))


@tmdb.command("imdb")
@click.argument("imdb_id")
@click.option("--dry-run", is_flag=True, help="Show the differences and write nothing.")
@_PUBLISH
@click.pass_obj
def imdb_command(context: CommandContext, imdb_id: str, dry_run: bool, publish: bool) -> None:
    """Import the movie with this IMDb id, such as tt0137523."""
    with service_errors(), running_relay(context.registry):
        source = tmdb_of(context)
        with _import_errors():
            movies = source.movies([source.id_of_imdb(imdb_id)])
        importer = importer_of(context, publish=publish)
        raise SystemExit(run_import(importer, movies, 1, dry_run=dry_run))


@tmdb.command("premieres")
@click.option("--from", "first", required=True, type=click.DateTime(["%Y-%m-%d"]))
@click.option("--to", "last", required=True, type=click.DateTime(["%Y-%m-%d"]))
@click.option("--dry-run", is_flag=True, help="Show the differences and write nothing.")
@_PUBLISH
@click.pass_obj
def premieres_command(
    context: CommandContext, first: datetime, last: datetime, dry_run: bool, publish: bool
) -> None:
    """Import the movies with a Hungarian premiere from one day to another, both included."""
    days = first.date(), last.date()
    if days[0] > days[1]:
        raise click.UsageError(f"--from {days[0]} is after --to {days[1]}; swap them")
    with service_errors(), running_relay(context.registry):
        source = tmdb_of(context)
        with _import_errors():
            ids = source.ids_between(*days)
        movies = source.premieres_between(ids, *days)
        importer = importer_of(context, publish=publish)
        raise SystemExit(run_import(importer, movies, len(ids), dry_run=dry_run))


@imports.command("refresh")
@click.option("--limit", type=click.IntRange(1), help="The maximum number of movies in this run.")
@click.option("--all", "everything", is_flag=True, help="Also movies that TMDB has not changed.")
@click.option("--dry-run", is_flag=True, help="Show the differences and write nothing.")
@click.pass_obj
def refresh_command(
    context: CommandContext, limit: int | None, everything: bool, dry_run: bool
) -> None:
    """Fetch movies from TMDB again: upcoming, without an exact date, or with old data.

    For a scheduler: it is not interactive, and several runs at once are safe. A run without
    differences invalidates no page.
    """
    with service_errors(), running_relay(context.registry):
        source, database, now = tmdb_of(context), context.services.database, utc_now()
        stale_since = _stale_since(context)
        with _import_errors():
            ids = due_movies(database, source, now, stale_since, limit, everything=everything)
        status = run_import(importer_of(context), source.movies(ids), len(ids), dry_run=dry_run)
        is_complete = limit is None or len(ids) < limit
        if is_complete and status in (0, 1) and not dry_run:
            record_refresh(database, now)
        raise SystemExit(status)


def refresh_in_worker(context: CommandContext, is_stopping: Callable[[], bool]) -> None:
    """Refresh without output, for a worker: log one line, and end when ``is_stopping``."""
    source, database, now = tmdb_of(context), context.services.database, utc_now()
    summary, stopped = ImportSummary(), False
    try:
        ids = due_movies(database, source, now, _stale_since(context))
        for applied in importer_of(context).run(source.movies(ids)):
            summary.add(applied.plan)
            stopped = is_stopping()
            if stopped:
                break
    except ImportRefused as error:
        log.warning("the refresh from TMDB ended early: %s %s", error, summary.line)
        return
    log.info("refreshed from TMDB: %s", summary.line)
    if not stopped:
        record_refresh(database, now)


@imports.command("stale")
@click.pass_obj
def stale_command(context: CommandContext) -> None:
    """List the movies with data that was fetched from TMDB over tmdb.max_age_days ago.

    Exit status: 1 if there are any.
    """
    with service_errors(), context.services.database.read() as session:
        movies = stale_movies(session, _stale_since(context))
    for movie_id, title, fetched_at in movies:
        if sys.stdout.isatty():
            click.echo(f"{movie_id:>9}  {title}: fetched on {fetched_at:%Y-%m-%d}")
        else:
            row = {"movie": movie_id, "title": title, "fetched_at": fetched_at.isoformat()}
            click.echo(json.dumps({"event": "stale", **row}))
    raise SystemExit(int(bool(movies)))


def tmdb_of(context: CommandContext) -> TmdbSource:
    """Return the TMDB source of the ini file. Raises ``UnreadableError`` without a token."""
    if context.settings["tmdb.token"] is None:
        raise UnreadableError("tmdb.token is empty; set TMDB_TOKEN, or the key in the ini file")
    return source_of(context.registry, utc_now)


def _stale_since(context: CommandContext) -> datetime:
    return utc_now() - timedelta(days=context.settings["tmdb.max_age_days"])


@contextmanager
def _import_errors() -> Iterator[None]:
    """Translate errors of a source into ``CommandError``."""
    try:
        yield
    except (ImportRefused, ValueError) as error:
        raise CommandError(str(error)) from None


def importer_of(context: CommandContext, *, chunk_size: int = 1, publish: bool = False) -> Importer:
    """Return the importer of a site. With ``chunk_size`` 1, each movie is fetched when needed.

    The audit has an entry for each movie that it writes, with the pages that it invalidates. The
    entries have one batch, so that the manager can take all of them back.
    """
    registry, batch = _registry_with_pages(context), command_batch()

    def audit(session: Session, movie: Movie, plan: Plan) -> None:
        pages = () if registry is None else pages_of_import(registry, session, movie)
        fields, now = imported_fields(session, movie), utc_now()
        entry = record_import(session, COMMAND, movie, plan, now, pages, fields=fields, batch=batch)
        record_names(session, [entry], COMMAND, now)

    database = context.services.database
    posters = ImportedPosters(fetch_policy_from(context.settings))
    return Importer(database, posters, utc_now, chunk_size, audit, before_import, publish=publish)


def _registry_with_pages(context: CommandContext) -> Registry | None:
    """The registry of the application, which has the routes of pages.

    None if this process cannot see which pages are cached: they are in the memory of others.
    """
    pages = context.services.page_cache
    if pages is None or set(pages.cache.regions) <= set(pages.cache.private_regions):
        return None
    registry: Registry = context.application.registry
    return registry


def run_import(
    importer: Importer,
    candidates: Iterable[Candidate],
    total: int,
    *,
    dry_run: bool,
    choices: Choices = NO_CHOICES,
) -> int:
    """Import or preview the candidates, report them, and return the exit status.

    If the source fails, the movies before the failure are imported and counted, and
    ``CommandError`` is raised.
    """
    summary, failure = ImportSummary(), None
    with stop_on_signal() as stop, progress_report("Movies", total) as report:
        try:
            for plan, movie_id in _plans(importer, candidates, choices, dry_run=dry_run):
                summary.add(plan)
                event = {"event": "movie", **plan_event(plan, movie_id)}
                report.step(event, "\n".join(plan_lines(plan)))
                if stop.is_set():
                    break
        except ImportRefused as error:
            failure = str(error)
        stopped = stop.is_set()
        marks = ("Stopped: " if stopped else "") + ("Dry run: " if dry_run else "")
        event = {"event": "summary", **summary.sums, "dry_run": dry_run, "stopped": stopped}
        report.end(event, marks + summary.line)
    if failure is not None:
        raise CommandError(failure)
    return stop.exit_status(otherwise=int(bool(summary.problems)))


def _plans(
    importer: Importer, candidates: Iterable[Candidate], choices: Choices, *, dry_run: bool
) -> Iterator[tuple[Plan, int | None]]:
    if dry_run:
        yield from ((plan, plan.movie_id) for plan in importer.preview(candidates, choices))
    else:
        yield from ((each.plan, each.movie_id) for each in importer.run(candidates, choices))


def _pairs(columns: Sequence[str]) -> Iterator[tuple[str, str]]:
    for pair in columns:
        column, separator, heading = pair.partition("=")
        if not (separator and column):
            raise click.BadParameter(f"COLUMN=HEADING, not {pair!r}", param_hint="--column")
        yield column, heading


def _choices(chosen: Sequence[str]) -> Iterator[tuple[str, int | None]]:
    for pair in chosen:
        place, _separator, film = pair.rpartition("=")
        movie_id = parse_id(film)
        if not place or (movie_id is None and film != "new"):
            raise click.BadParameter(f"ROW=FILM, not {pair!r}", param_hint="--choose")
        yield place.strip(), movie_id
