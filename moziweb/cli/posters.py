"""``moziweb posters``: making posters without waiting for visitors."""

from collections import Counter
from dataclasses import dataclass, field

import click

from moziweb.db.types import MAX_ID
from moziweb.posters.generation.batch import (
    DueSource,
    SourceFilter,
    SourceQuery,
    SourceResult,
    generate,
)
from moziweb.posters.generation.result import Status
from moziweb.services import services_of

from .context import CommandContext, check_movie, running_relay, service_errors
from .posters_maintenance import gc_command, reconcile, verify
from .posters_status import retry_command, status
from .progress import Report, reporting
from .signals import pausing, stopping

_UNMADE = (Status.FAILED, Status.BACKING_OFF, Status.BUSY, Status.LOST)


@click.group()
def posters() -> None:
    """Make posters ahead of visitors, and look after those there are."""


for _command in (status, retry_command, gc_command, reconcile, verify):
    posters.add_command(_command)


@posters.command("generate")
@click.option(
    "--missing", "need", flag_value=SourceFilter.MISSING, default=True, type=SourceFilter,
    help="Sources that lack a variant of today's recipes (the default).",
)  # fmt: skip
@click.option(
    "--stale", "need", flag_value=SourceFilter.STALE, type=SourceFilter,
    help="Only sources whose pages still show a variant of an older recipe.",
)  # fmt: skip
@click.option(
    "--movie", "movie_id", type=click.IntRange(1, MAX_ID), metavar="ID",
    help="The sources of one movie.",
)  # fmt: skip
@click.option(
    "--jobs", type=click.IntRange(1, 64), default=2, show_default=True,
    help="How many sources to work on at once.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Tell what would be made, and make nothing.")
@click.pass_obj
def generate_command(
    installation: CommandContext, need: SourceFilter, movie_id: int | None, jobs: int, dry_run: bool
) -> None:
    """Make the variants of poster sources.

    Ctrl-C finishes the posters that are being made and stops; run it again and it goes on. Ctrl-Z
    finishes them and stands still until `fg`. Sources
    that failed are left alone until their next attempt is due. Several of these commands may run
    at once, on any number of machines.

    Exit status: 0 when all is made, 1 when some source is without posters: it failed, is held after
    a failure, or is in another process's hands; 128 + the signal when stopped.
    """
    with service_errors():
        check_movie(installation.database, movie_id)
        selection = SourceQuery(need, movie_id)
        status = _list(installation, selection) if dry_run else _run(installation, selection, jobs)
    raise SystemExit(status)


def _run(installation: CommandContext, selection: SourceQuery, jobs: int) -> int:
    registry = installation.registry
    database = services_of(registry).database
    services_of(registry).storage.check()  # or every source would be marked as failed
    tally = GenerationSummary()
    sources, total = selection.sources(database), selection.count(database)
    with (
        running_relay(registry),
        stopping() as stop,
        pausing() as pause,
        reporting("Posters", total) as report,
    ):
        for done in generate(services_of(registry).posters, sources, jobs, stop, pause):
            tally.add(done, report)
        tally.end(report, stopped=stop.is_set())
    return stop.exit_status(otherwise=int(tally.has_unmade))


def _list(installation: CommandContext, selection: SourceQuery) -> int:
    database = installation.database
    total = selection.count(database)
    with reporting("Would make", total) as report:
        for source in selection.sources(database):
            report.step({"event": "would make", **_named(source)})
        report.end({"event": "summary", "dry_run": True, "sources": total}, f"{total} sources.")
    return 0


@dataclass
class GenerationSummary:
    """How many sources ended how."""

    statuses: Counter[Status] = field(default_factory=Counter)
    variants: int = 0

    @property
    def has_unmade(self) -> bool:
        """Whether any source was left without posters, for whatever reason."""
        return any(self.statuses[status] for status in _UNMADE)

    def add(self, done: SourceResult, report: Report) -> None:
        """Count a source and tell of it."""
        outcome = done.result
        self.statuses[outcome.status] += 1
        self.variants += outcome.made
        report.step(
            {
                "event": "source",
                **_named(done.source),
                "status": outcome.status,
                "code": outcome.code,
                "variants": outcome.made,
                "seconds": round(done.seconds, 3),
            },
            _line(done) if outcome.status in _UNMADE else None,
        )

    def end(self, report: Report, *, stopped: bool) -> None:
        """Tell the sums."""
        sums = {status.value: count for status, count in sorted(self.statuses.items())}
        told = ", ".join(f"{count} {status}" for status, count in sums.items()) or "nothing to do"
        report.end(
            {"event": "summary", **sums, "variants": self.variants, "stopped": stopped},
            f"{'Stopped: ' if stopped else ''}{told}; {self.variants} variants made.",
        )


def _line(done: SourceResult) -> str:
    code = f" ({done.result.code})" if done.result.code else ""
    return f"movie {done.source.movie_id}, source {done.source.id}: {done.result.status}{code}"


def _named(source: DueSource) -> dict[str, int]:
    return {"source": source.id, "movie": source.movie_id}
