"""``moziweb posters gc``, ``reconcile`` and ``verify``: storage kept as the database has it."""

from collections import Counter
from dataclasses import asdict
from datetime import timedelta

import click

from moziweb.clock import utc_now
from moziweb.posters.maintenance.garbage_collection import RETENTION, SupersededVariants
from moziweb.posters.maintenance.pending_uploads import ExpiredUploads
from moziweb.posters.maintenance.reconciliation import Finding, Reconciler, Survey
from moziweb.posters.maintenance.verification import ObjectCheck, Verifier
from moziweb.services import services_of

from .context import CommandContext, CommandError, running_relay, service_errors
from .progress import Report, counting, reporting
from .signals import StopFlag, stopping

_SHARE = 0.1


@click.command("gc")
@click.option(
    "--days", type=click.IntRange(1, 3650), default=RETENTION.days, show_default=True,
    help="How long superseded objects stay.",
)  # fmt: skip
@click.pass_obj
def gc_command(installation: CommandContext, days: int) -> None:
    """Remove objects that nothing links: superseded variants, originals that were not saved.

    An original is removed a day after it can no longer be saved. Leased sources are skipped. Run it
    every night; it can be stopped at any time, and run beside anything else.

    Exit status: 0 when all is removed, or left to the next run; 1 when storage fails; 128 + the
    signal when stopped.
    """
    with service_errors():
        registry = installation.registry
        kept = timedelta(days=days)
        collector = SupersededVariants(
            services_of(registry).database, services_of(registry).storage, utc_now, kept
        )
        forgotten = ExpiredUploads(
            services_of(registry).database, services_of(registry).storage, utc_now
        )
        sums: Counter[str] = Counter(movies=0, variants=0, objects=0, shared=0, busy=0, originals=0)
        total = collector.count() + forgotten.count()
        with running_relay(registry), stopping() as stop, reporting("Collected", total) as report:
            for removed in collector.run():
                sums.update(movies=1, **_counts(asdict(removed)))
                report.step({"event": "movie", **asdict(removed)})
                if stop.is_set():
                    break
            for key, gone in () if stop.is_set() else forgotten.run():
                sums["originals"] += gone
                report.step({"event": "original", "key": key, "removed": gone})
                if stop.is_set():
                    break
            summary = {"event": "summary", **sums, "stopped": stop.is_set()}
            told = f"{sums['objects']} objects and {sums['originals']} originals removed"
            report.end(summary, f"{told}; {sums['busy']} movies busy.")
    raise SystemExit(stop.exit_status(otherwise=0))


@click.command()
@click.option("--delete", is_flag=True, help="Remove orphans. Without it, nothing is changed.")
@click.option("--repair", is_flag=True, help="Have variants made anew whose objects are missing.")
@click.option(
    "--max-share", type=click.FloatRange(0, 1), default=_SHARE, show_default=True,
    help="Refuse to remove more than this share of what is stored.",
)  # fmt: skip
@click.pass_obj
def reconcile(installation: CommandContext, delete: bool, repair: bool, max_share: float) -> None:
    """Compare storage with the database, and tell where they differ.

    An orphan is an object that no row knows and that is older than a day; missing is an object that
    is linked and not there. Nothing is changed unless it is asked for.

    Exit status: 0 when they agree or were made to, 1 when not, or when more than --max-share would
    have to be removed: that looks like the wrong database or the wrong bucket.
    """
    with service_errors():
        registry = installation.registry
        reconciler = Reconciler(
            services_of(registry).database, services_of(registry).storage, utc_now
        )
        with counting("Stored", reconciler.count()) as tell:
            survey = reconciler.run(tell)
        with running_relay(registry), reporting("Differences", len(survey.findings)) as report:
            for finding in survey.findings:
                report.step(_told(finding), _line(finding))
            if delete and survey.share > max_share:
                raise CommandError(
                    f"{len(survey.orphans)} of {survey.objects} objects would be removed, more "
                    f"than --max-share {max_share:g}; nothing was. Is this the right database?"
                )
            removed = reconciler.remove(survey.orphans) if delete else 0
            mended = reconciler.repair(survey.missing) if repair else []
            _sum(report, survey, removed, len(mended))
    left = (len(survey.orphans) - removed) + (0 if repair else len(survey.missing))
    raise SystemExit(int(left > 0))


@click.command()
@click.option("--repair", is_flag=True, help="Have faulty variants made anew.")
@click.option(
    "--jobs", type=click.IntRange(1, 64), default=8, show_default=True,
    help="How many objects to ask for at once.",
)  # fmt: skip
@click.pass_obj
def verify(installation: CommandContext, repair: bool, jobs: int) -> None:
    """Ask storage for every object that the database claims.

    Exit status: 0 when all are there, with the size and the headers that they should have; 1 when
    not, when they are to be made anew, or when some are in another bucket, which is not asked; 128
    + the signal when stopped.
    """
    with service_errors():
        registry = installation.registry
        verifier = Verifier(services_of(registry).database, services_of(registry).storage, jobs)
        faulty: list[ObjectCheck] = []
        checked = 0
        with (
            running_relay(registry),
            stopping() as stop,
            reporting("Objects", verifier.count()) as report,
        ):
            for verdict in verifier.run(stop):
                checked += 1
                if verdict.fault:
                    faulty.append(verdict)
                report.step(*_judged(verdict))
            mended = verifier.repair(faulty) if repair else []
            elsewhere = verifier.count_in_other_buckets()
            sums = {"checked": checked, "elsewhere": elsewhere, "mended": len(mended)}
            _sum_faults(report, faulty, sums, stop)
    raise SystemExit(stop.exit_status(otherwise=int(bool(faulty or elsewhere))))


def _counts(removed: dict[str, int | bool]) -> dict[str, int]:
    return {name: int(count) for name, count in removed.items() if name != "movie_id"}


def _told(finding: Finding) -> dict[str, object]:
    kind = "orphan" if finding.is_orphan else "missing"
    return {"event": kind, "key": finding.key, "bytes": finding.size}


def _line(finding: Finding) -> str:
    return f"{'orphan' if finding.is_orphan else 'missing'}: {finding.key}"


def _sum(report: Report, survey: Survey, removed: int, mended: int) -> None:
    sums = {
        "objects": survey.objects,
        "young": survey.young,
        "orphans": len(survey.orphans),
        "missing": len(survey.missing),
        "removed": removed,
        "mended": mended,
    }
    told = ", ".join(f"{count} {name}" for name, count in sums.items())
    report.end({"event": "summary", **sums}, f"{told}.")


def _judged(verdict: ObjectCheck) -> tuple[dict[str, object], str | None]:
    expected, fault = verdict.expected, verdict.fault
    event = {"event": "object", "source": expected.source_id, "key": expected.key, "fault": fault}
    return event, f"{fault}: {expected.key} (source {expected.source_id})" if fault else None


def _sum_faults(
    report: Report, faulty: list[ObjectCheck], sums: dict[str, int], stop: StopFlag
) -> None:
    faults = Counter(verdict.fault.value for verdict in faulty if verdict.fault)
    told = ", ".join(f"{count} {fault}" for fault, count in sorted(faults.items())) or "no faults"
    if sums["elsewhere"]:
        told += f"; {sums['elsewhere']} more are in another bucket"
    summary = {"event": "summary", **sums, **faults, "stopped": stop.is_set()}
    report.end(summary, f"{sums['checked']} objects: {told}.")
