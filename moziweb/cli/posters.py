"""``moziweb posters``: makes posters ahead of requests."""

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
from moziweb.posters.generation.result import GenerationStatus

from .context import CommandContext, check_movie, running_relay, service_errors
from .posters_maintenance import gc_command, reconcile, verify
from .posters_status import retry_command, status
from .progress import Report, progress_report
from .signals import pause_on_ctrl_z, stop_on_signal

_UNMADE = (
    GenerationStatus.FAILED,
    GenerationStatus.BACKING_OFF,
    GenerationStatus.BUSY,
    GenerationStatus.LOST,
)


@click.group()
def posters() -> None:
    """Make posters ahead of requests, and maintain the stored ones."""


for _command in (status, retry_command, gc_command, reconcile, verify):
    posters.add_command(_command)


@posters.command("generate")
@click.option(
    "--missing", "need", flag_value=SourceFilter.MISSING, default=True, type=SourceFilter,
    help="Sources that lack a variant of today's recipes (the default).",
)  # fmt: skip
@click.option(
    "--stale", "need", flag_value=SourceFilter.STALE, type=SourceFilter,
    help="Only sources with a variant of an older recipe that pages still link to.",
)  # fmt: skip
@click.option(
    "--movie", "movie_id", type=click.IntRange(1, MAX_ID), metavar="ID",
    help="The sources of one movie.",
)  # fmt: skip
@click.option(
    "--jobs", type=click.IntRange(1, 64), default=2, show_default=True,
    help="How many sources to work on at once.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="List the sources, and make nothing.")
@click.pass_obj
def generate_command(
    context: CommandContext, need: SourceFilter, movie_id: int | None, jobs: int, dry_run: bool
) -> None:
    """Make the variants of poster sources.

    Ctrl-C finishes the posters in progress and stops; the next run continues. Ctrl-Z finishes them
    and pauses until `fg`. Sources that failed are skipped until their next attempt is due. Several
    of these commands can run at once, on any number of machines.

    Exit status: 0 if everything is made, 1 if a source has no posters because it failed, waits for
    its next attempt, or is leased by another process; 128 + the signal when stopped.
    """
    with service_errors():
        check_movie(context.database, movie_id)
        query = SourceQuery(need, movie_id)
        status = _list(context, query) if dry_run else _run(context, query, jobs)
    raise SystemExit(status)


def _run(context: CommandContext, query: SourceQuery, jobs: int) -> int:
    services = context.services
    services.storage.check()  # or every source would be marked as failed
    summary = GenerationSummary()
    sources, total = query.sources(services.database), query.count(services.database)
    with (
        running_relay(context.registry),
        stop_on_signal() as stop,
        pause_on_ctrl_z() as pause,
        progress_report("Posters", total) as report,
    ):
        for result in generate(services.posters, sources, jobs, stop, pause):
            summary.add(result, report)
        summary.end(report, stopped=stop.is_set())
    return stop.exit_status(otherwise=int(summary.has_unmade))


def _list(context: CommandContext, query: SourceQuery) -> int:
    total = 0
    with progress_report("Would make") as report:
        report.reached(0)  # the first source may be the last of many
        for source in query.sources(context.database):
            report.step({"event": "would make", **_ids(source)})
            total += 1
        report.end({"event": "summary", "dry_run": True, "sources": total}, f"{total} sources.")
    return 0


@dataclass
class GenerationSummary:
    """Counts sources by status."""

    statuses: Counter[GenerationStatus] = field(default_factory=Counter)
    variants: int = 0

    @property
    def has_unmade(self) -> bool:
        """Whether any source was left without posters."""
        return any(self.statuses[status] for status in _UNMADE)

    def add(self, done: SourceResult, report: Report) -> None:
        """Count and report a source."""
        source, result = done.source, done.result
        self.statuses[result.status] += 1
        self.variants += result.made
        code = f" ({result.code})" if result.code else ""
        line = f"movie {source.movie_id}, source {source.id}: {result.status}{code}"
        report.step(
            {
                "event": "source",
                **_ids(source),
                "status": result.status,
                "code": result.code,
                "variants": result.made,
                "seconds": round(done.seconds, 3),
            },
            line if result.status in _UNMADE else None,
        )

    def end(self, report: Report, *, stopped: bool) -> None:
        """Report the totals."""
        sums = {status.value: count for status, count in sorted(self.statuses.items())}
        counts = ", ".join(f"{count} {name}" for name, count in sums.items()) or "nothing to do"
        report.end(
            {"event": "summary", **sums, "variants": self.variants, "stopped": stopped},
            f"{'Stopped: ' if stopped else ''}{counts}; {self.variants} variants made.",
        )


def _ids(source: DueSource) -> dict[str, int]:
    return {"source": source.id, "movie": source.movie_id}
