"""``moziweb db``: database migrations."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import click
from alembic.util import CommandError as AlembicError
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError, OperationalError

from moziweb.db import migrations
from moziweb.db.schema_state import SchemaState, current_revision, head_revision, schema_state

from .context import CommandContext, CommandError

_EMPTY = "base"
"""Alembic's name for a database without a schema."""


@click.group()
def db() -> None:
    """Upgrade or downgrade the schema of the database."""


@db.command()
@click.argument("revision", default="head")
@click.pass_obj
def upgrade(context: CommandContext, revision: str) -> None:
    """Upgrade the schema to REVISION, by default the newest. Safe to repeat.

    One process migrates at a time, others wait for it. A schema of a newer release stays as it is,
    so that a release can be rolled back.
    """
    engine = context.database.engine
    if engine.dialect.name == "sqlite" and engine.url.database:  # SQLite creates only the file
        Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)
    at = _migrate(engine, migrations.upgrade, revision)
    if revision == migrations.HEAD and schema_state(at) is SchemaState.AHEAD:
        click.echo(
            f"It is newer than this release, which knows {head_revision()} and runs on "
            f"it. To downgrade it, run the newer release's "
            f'"moziweb db downgrade {head_revision()}"; its new columns are then lost.'
        )


@db.command()
@click.argument("revision")
@click.pass_obj
def downgrade(context: CommandContext, revision: str) -> None:
    """Downgrade the schema to REVISION; "base" is a database without tables."""
    _migrate(context.database.engine, migrations.downgrade, revision)


@db.command()
@click.pass_obj
def current(context: CommandContext) -> None:
    """Show the revision of the schema, and the newest revision of this release."""
    with _database_errors():
        at = current_revision(context.database.engine)
    newer = " (of a newer release)" if schema_state(at) is SchemaState.AHEAD else ""
    click.echo(f"at {at or _EMPTY}{newer}, newest {head_revision()}")


_Migrate: TypeAlias = Callable[[Engine, str], tuple[str | None, str | None]]


def _migrate(engine: Engine, migrate: _Migrate, revision: str) -> str | None:
    with _database_errors():
        before, after = migrate(engine, revision)
    if before == after:
        click.echo(f"The schema is at {after or _EMPTY} already.")
    else:
        click.echo(f"The schema went from {before or _EMPTY} to {after or _EMPTY}.")
    return after


@contextmanager
def _database_errors() -> Iterator[None]:
    try:
        yield
    except AlembicError as error:
        raise CommandError(str(error)) from None
    except (OperationalError, IntegrityError) as error:
        raise CommandError(f"the database: {str(error.orig).splitlines()[0]}") from None
