"""``moziweb merge``: merges two people, genres, distributors or streaming services."""

import json
from typing import Final

import click
from sqlalchemy.orm import Session

from moziweb.clock import utc_now
from moziweb.db import repeat_on_conflict
from moziweb.manager.audit.log import COMMAND
from moziweb.manager.movies.affected_pages import note_pages, pages_of_change
from moziweb.manager.names.kinds import NAME_MODELS, NamedKind
from moziweb.manager.names.merging import NameMerge, merge_names
from moziweb.manager.names.pages import paths_before
from moziweb.services import services_of

from .context import CommandContext, CommandError, site_registry

_KINDS: Final = [each.value for each in NamedKind]


@click.command("merge")
@click.argument("kind", type=click.Choice(_KINDS))
@click.argument("row_id", metavar="ID", type=click.IntRange(min=1))
@click.argument("kept_id", metavar="KEPT_ID", type=click.IntRange(min=1))
@click.option("--yes", is_flag=True, help="Merge without asking.")
@click.option("--dry-run", is_flag=True, help="Show what happens, and change nothing.")
@click.pass_obj
def merging(
    context: CommandContext, kind: str, row_id: int, kept_id: int, yes: bool, dry_run: bool
) -> None:
    """Merge the person, genre, distributor or service ID into KEPT_ID, and delete it.

    Shows what follows and the cached pages that become stale, and asks for confirmation. The list
    of changes in the manager takes a merge back.
    """
    name_kind = NamedKind(kind)
    if row_id == kept_id:
        raise CommandError(f"{kind} {row_id} cannot be merged into itself")

    def merge(session: Session) -> NameMerge:
        done = merge_names(session, name_kind, row_id, kept_id, COMMAND, utc_now())
        if done is None:
            missing = row_id if session.get(NAME_MODELS[name_kind], row_id) is None else kept_id
            raise CommandError(f"there is no {kind} {missing}")
        return done

    with site_registry(context) as registry:
        database = services_of(registry).database

        def preview() -> None:
            with database.rollback_session() as session:
                paths = paths_before(registry, session, kind, row_id, kept_id)
                done = merge(session)
                affected = pages_of_change(registry, session, done.movies, former=paths)
                line = {
                    "event": "would merge",
                    "name": done.entry.changes[0]["before"],
                    "into": done.entry.subject_name,
                    "moved": done.moved,
                    "joined": done.joined,
                    "lost": {each.field: each.lost for each in done.lost},
                    "pages": None if affected is None else list(affected.pages),
                }
                session.rollback()
            click.echo(json.dumps(line, ensure_ascii=False))

        def write() -> int:
            with database.write() as session:
                paths = paths_before(registry, session, kind, row_id, kept_id)
                done = merge(session)
                note_pages(registry, session, done.entry, done.movies, paths)
                return done.entry.id

        repeat_on_conflict(preview)
        if dry_run or not (yes or click.confirm("Merge them?", err=True)):
            return
        entry_id = repeat_on_conflict(write)
    event = {"event": "merged", "kind": kind, "id": row_id, "into": kept_id, "entry": entry_id}
    click.echo(json.dumps(event))
