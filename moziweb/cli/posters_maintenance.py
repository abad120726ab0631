"""``moziweb posters gc``, ``reconcile`` and ``verify``: compare storage with the database."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from tempfile import TemporaryFile
from typing import IO

import click

from moziweb.clock import utc_now
from moziweb.posters.maintenance.garbage_collection import OBJECT_RETENTION, SupersededVariants
from moziweb.posters.maintenance.held_objects import ReleasedObjects
from moziweb.posters.maintenance.pending_uploads import ExpiredUploads
from moziweb.posters.maintenance.reconciliation import Finding, Reconciler, Survey
from moziweb.posters.maintenance.verification import ObjectCheck, Verifier
from moziweb.posters.sharing import SupersededPictures

from .context import CommandContext, CommandError, running_relay, service_errors
from .progress import Report, progress_report
from .signals import StopFlag, stop_on_signal


@click.command("gc")
@click.option(
    "--days", type=click.IntRange(1, 3650), default=OBJECT_RETENTION.days, show_default=True,
    help="Days that superseded objects are kept.",
)  # fmt: skip
@click.pass_obj
def gc_command(context: CommandContext, days: int) -> None:
    """Remove unused objects: superseded variants, uploads not saved, and deleted posters.

    An upload is removed a day after it can no longer be saved, a deleted poster once it has left
    the bin. Pictures of links are removed as variants are. Leased sources are skipped. Run it
    every night. It can be stopped at any time, and run beside any other command.

    Exit status: 0 if everything is removed or left to the next run, 1 if storage fails, 128 + the
    signal when stopped.
    """
    with service_errors():
        database, storage = context.services.database, context.services.storage
        superseded = SupersededVariants(database, storage, utc_now, timedelta(days=days))
        expired = ExpiredUploads(database, storage, utc_now)
        released = ReleasedObjects(database, storage, utc_now)
        pictures = SupersededPictures(database, storage, utc_now, timedelta(days=days))
        total = superseded.count() + expired.count() + released.count() + pictures.count()
        with (
            running_relay(context.registry),
            stop_on_signal() as stop,
            progress_report("Collected", total) as report,
        ):
            _collect(superseded, expired, released, pictures, report, stop)
    raise SystemExit(stop.exit_status(otherwise=0))


def _collect(
    superseded: SupersededVariants,
    expired: ExpiredUploads,
    released: ReleasedObjects,
    pictures: SupersededPictures,
    report: Report,
    stop: StopFlag,
) -> None:
    names = ["movies", "variants", "objects", "shared", "busy", "originals", "deleted", "pictures"]
    sums = Counter(dict.fromkeys(names, 0))
    for result in superseded.run():
        counts = asdict(result)
        report.step({"event": "movie", **counts})
        del counts["movie_id"]
        sums.update(movies=1, **{name: int(count) for name, count in counts.items()})
        if stop.is_set():
            break
    for key, is_removed in () if stop.is_set() else expired.run():
        sums["originals"] += is_removed
        report.step({"event": "original", "key": key, "removed": is_removed})
        if stop.is_set():
            break
    for key, is_removed in () if stop.is_set() else released.run():
        sums["deleted"] += is_removed
        report.step({"event": "deleted", "key": key, "removed": is_removed})
        if stop.is_set():
            break
    for key in () if stop.is_set() else pictures.run():
        sums["pictures"] += 1
        report.step({"event": "picture", "key": key})
        if stop.is_set():
            break
    report.end(
        {"event": "summary", **sums, "stopped": stop.is_set()},
        f"{sums['objects']} objects, {sums['originals']} originals, {sums['deleted']} "
        f"objects of deleted posters and {sums['pictures']} pictures of links removed; "
        f"{sums['busy']} movies busy.",
    )


@click.command()
@click.option("--delete", is_flag=True, help="Remove orphans.")
@click.option("--repair", is_flag=True, help="Have missing objects made again.")
@click.option(
    "--max-share", type=click.FloatRange(0, 1), default=0.1, show_default=True,
    help="Refuse to remove more than this share of the stored objects.",
)  # fmt: skip
@click.pass_obj
def reconcile(context: CommandContext, delete: bool, repair: bool, max_share: float) -> None:
    """Compare storage with the database, and list the differences.

    Variants, pictures of links and originals are compared. An orphan is an object without a row
    that is older than a day. A missing object has a row and is not in storage. Without --delete and
    --repair, nothing is changed.

    Exit status: 0 if there are no differences left, 1 if there are, or if more than --max-share
    would have to be removed, which suggests the wrong database or bucket.
    """
    with service_errors():
        reconciler = Reconciler(context.services.database, context.services.storage, utc_now)
        survey = Survey()
        with (
            running_relay(context.registry),
            progress_report("Stored", reconciler.estimate()) as report,
            TemporaryFile("w+", encoding="utf-8") as file,
        ):
            report.reached(0)
            for finding in reconciler.findings(survey, report.reached):
                report.note(*_finding_report(finding))
                file.write(json.dumps(asdict(finding)) + "\n")
            report.reached(survey.objects, survey.objects)
            if delete and survey.share > max_share:
                raise CommandError(
                    f"{survey.orphans} of {survey.objects} objects would be removed, more "
                    f"than --max-share {max_share:g}; nothing was removed. Check "
                    "sqlalchemy.url, or raise --max-share."
                )
            sums = {
                **asdict(survey),
                "removed": reconciler.remove(_read(file, is_orphan=True)) if delete else 0,
                "mended": reconciler.repair(_read(file, is_orphan=False)) if repair else 0,
            }
            counts = ", ".join(f"{count} {name}" for name, count in sums.items())
            report.end({"event": "summary", **sums}, f"{counts}.")
    left = sums["orphans"] - sums["removed"] + (0 if repair else sums["missing"])
    raise SystemExit(int(left > 0))


def _read(file: IO[str], *, is_orphan: bool) -> Iterator[Finding]:
    """The findings of one kind: there may be more than fit into memory."""
    file.seek(0)
    findings = (Finding(**json.loads(line)) for line in file)
    return (found for found in findings if found.is_orphan == is_orphan)


def _finding_report(finding: Finding) -> tuple[dict[str, object], str]:
    kind = "orphan" if finding.is_orphan else "missing"
    return {"event": kind, "key": finding.key, "bytes": finding.size}, f"{kind}: {finding.key}"


@click.command()
@click.option("--repair", is_flag=True, help="Have faulty variants made again.")
@click.option(
    "--jobs", type=click.IntRange(1, 64), default=8, show_default=True,
    help="How many objects to check at once.",
)  # fmt: skip
@click.pass_obj
def verify(context: CommandContext, repair: bool, jobs: int) -> None:
    """Check that each object of the database is in storage.

    Exit status: 0 if all are there with the right size and headers; 1 if not, also when --repair
    has scheduled them, or if some are in another bucket, which is not checked; 128 + the signal
    when stopped.
    """
    with service_errors():
        verifier = Verifier(context.services.database, context.services.storage, jobs)
        faulty: list[ObjectCheck] = []
        checked = 0
        with (
            running_relay(context.registry),
            stop_on_signal() as stop,
            progress_report("Objects", verifier.count()) as report,
        ):
            for check in verifier.run(stop):
                checked += 1
                if check.fault:
                    faulty.append(check)
                report.step(*_check_report(check))
            mended = verifier.repair(faulty) if repair else []
            elsewhere = verifier.count_in_other_buckets()
            sums = {"checked": checked, "elsewhere": elsewhere, "mended": len(mended)}
            _report_faults(report, faulty, sums, stop)
    raise SystemExit(stop.exit_status(otherwise=int(bool(faulty or elsewhere))))


def _check_report(check: ObjectCheck) -> tuple[dict[str, object], str | None]:
    expected, fault = check.expected, check.fault
    event = {"event": "object", "source": expected.source_id, "key": expected.key, "fault": fault}
    return event, f"{fault}: {expected.key} (source {expected.source_id})" if fault else None


def _report_faults(
    report: Report, faulty: list[ObjectCheck], sums: dict[str, int], stop: StopFlag
) -> None:
    faults = Counter(check.fault.value for check in faulty if check.fault)
    line = ", ".join(f"{count} {fault}" for fault, count in sorted(faults.items())) or "no faults"
    if sums["elsewhere"]:
        line += f"; {sums['elsewhere']} more are in another bucket"
    event = {"event": "summary", **sums, **faults, "stopped": stop.is_set()}
    report.end(event, f"{sums['checked']} objects: {line}.")
