"""``moziweb bin``: deletes movies and names, brings them back, and empties the bin."""

import json
import sys
from collections.abc import Sequence
from typing import Final

import click
from pyramid.registry import Registry
from sqlalchemy import select
from sqlalchemy.orm import Session, defer

from moziweb.clock import utc_now
from moziweb.db import repeat_on_conflict
from moziweb.manager.audit.log import COMMAND
from moziweb.manager.bin.deletion import Deleter, Removal
from moziweb.manager.bin.expiry import ExpiredItems
from moziweb.manager.bin.models import BinItem, BinKind
from moziweb.manager.bin.restoring import (
    BIN_RETENTION,
    Restored,
    RestoreRefused,
    find_item,
    restore,
)
from moziweb.manager.movies.affected_pages import note_pages, pages_of_change
from moziweb.manager.names.pages import paths_before
from moziweb.services import services_of

from .context import CommandContext, CommandError, service_errors, site_registry
from .progress import progress_report
from .signals import stop_on_signal

_KINDS: Final = {"movie": BinKind.MOVIE} | {
    each.value: each for each in BinKind if each is not BinKind.MOVIE
}

dry_run = click.option("--dry-run", is_flag=True, help="Show what happens, and change nothing.")


@click.group("bin")
def deleting() -> None:
    """Delete what can be brought back for 30 days; list, restore and empty the bin."""


@deleting.command()
@click.argument("kind", type=click.Choice(list(_KINDS)))
@click.argument("row_id", metavar="ID", type=click.IntRange(min=1))
@click.option("--yes", is_flag=True, help="Delete without asking.")
@dry_run
@click.pass_obj
def delete(context: CommandContext, kind: str, row_id: int, yes: bool, dry_run: bool) -> None:
    """Delete the movie, poster, person, genre or distributor ID. It goes to the bin.

    Shows what is deleted and the cached pages that become stale, and asks for confirmation.
    """

    def remove(session: Session) -> Removal:
        done = Deleter(session, COMMAND, utc_now()).delete(_KINDS[kind], row_id)
        if done is None:
            raise CommandError(f"there is no {kind} {row_id}")
        return done

    with site_registry(context) as registry:

        def preview() -> None:
            with services_of(registry).database.rollback_session() as session:
                former = paths_before(registry, session, kind, row_id)
                done = remove(session)
                counts = {table: len(rows) for table, rows in done.item.rows.items()}
                _report("would delete", done.item.name, counts, registry, session, done, former)
                session.rollback()

        def write() -> int:
            with services_of(registry).database.write() as session:
                former = paths_before(registry, session, kind, row_id)
                done = remove(session)
                note_pages(registry, session, done.entry, done.movies, former)
                return done.item.id

        repeat_on_conflict(preview)
        if dry_run or not (yes or click.confirm("Delete it?", err=True)):
            return
        item_id = repeat_on_conflict(write)
    click.echo(json.dumps({"event": "deleted", "item": item_id, "kind": kind, "id": row_id}))


@deleting.command("restore")
@click.argument("item_id", metavar="ITEM", type=click.IntRange(min=1))
@dry_run
@click.pass_obj
def restore_command(context: CommandContext, item_id: int, dry_run: bool) -> None:
    """Bring ITEM of `moziweb bin list` back, with its ids and its posters."""

    def bring_back(session: Session) -> Restored:
        item = find_item(session, item_id)
        if item is None:
            raise CommandError(f"there is no item {item_id} in the bin")
        try:
            return restore(session, item, COMMAND, utc_now())
        except RestoreRefused as error:
            raise CommandError(error.text.interpolate()) from None

    with site_registry(context) as registry:

        def preview() -> None:
            with services_of(registry).database.rollback_session() as session:
                done = bring_back(session)
                _report("would restore", done.entry.subject_name, {}, registry, session, done)
                session.rollback()

        def write() -> Restored:
            with services_of(registry).database.write() as session:
                done = bring_back(session)
                note_pages(registry, session, done.entry, done.movies)
                return done

        if dry_run:
            repeat_on_conflict(preview)
            return
        done = repeat_on_conflict(write)
    click.echo(json.dumps({"event": "restored", "kind": done.kind, "id": done.row_id}))


@deleting.command("list")
@click.pass_obj
def list_command(context: CommandContext) -> None:
    """List the bin, the latest deletion first."""
    query = select(BinItem).options(defer(BinItem.rows)).order_by(BinItem.id.desc())
    with service_errors(), context.database.read() as session:
        for item in session.scalars(query):
            row = {
                "item": item.id,
                "kind": item.kind,
                "id": item.row_id,
                "name": item.name,
                "deleted": item.deleted_at.isoformat(timespec="seconds"),
                "until": (item.deleted_at + BIN_RETENTION).isoformat(timespec="seconds"),
                "by": item.user_name,
            }
            if sys.stdout.isatty():
                click.echo("{item:>6}  {until:.10}  {kind:<12} {id:>6}  {name}".format(**row))
            else:
                click.echo(json.dumps(row))


@deleting.command()
@click.pass_obj
def empty(context: CommandContext) -> None:
    """Remove for good what has been in the bin for 30 days. Run it every night.

    `moziweb posters gc` then removes the objects. A worker does both every night.
    """
    with service_errors():
        expired = ExpiredItems(context.database, utc_now)
        with (
            stop_on_signal() as stop,
            progress_report("Removed", expired.count()) as report,
        ):
            count = 0
            for item in expired.run():
                event = {"event": "removed", "item": item.id, "kind": item.kind, "id": item.row_id}
                report.step({**event, "name": item.name})
                count += 1
                if stop.is_set():
                    break
            report.end({"event": "summary", "removed": count}, f"{count} items removed.")
    raise SystemExit(stop.exit_status(otherwise=0))


def _report(
    event: str,
    name: str,
    counts: dict[str, int],
    registry: Registry,
    session: Session,
    done: Removal | Restored,
    former: Sequence[str] = (),
) -> None:
    affected = pages_of_change(registry, session, done.movies, former=former)
    pages = None if affected is None else list(affected.pages)
    line = {"event": event, "name": name, "rows": counts, "pages": pages}
    click.echo(json.dumps(line, ensure_ascii=False))
