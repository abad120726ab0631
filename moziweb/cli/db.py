"""``moziweb db``: database migrations."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from alembic.util import CommandError as AlembicError
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError, OperationalError

from moziweb.db import migrations

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
    """Upgrade the schema to REVISION, by default the newest. Safe to repeat."""
    engine = context.database.engine
    if engine.dialect.name == "sqlite" and engine.url.database:  # SQLite creates only the file
        Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)
    _migrate(engine, migrations.upgrade, revision)


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
        at = migrations.current_revision(context.database.engine)
    click.echo(f"at {at or _EMPTY}, newest {migrations.head_revision()}")


def _migrate(engine: Engine, migrate: Callable[[Engine, str], None], revision: str) -> None:
    with _database_errors():
        before = migrations.current_revision(engine)
        migrate(engine, revision)
        after = migrations.current_revision(engine)
    if before == after:
        click.echo(f"The schema is at {after or _EMPTY} already.")
    else:
        click.echo(f"The schema went from {before or _EMPTY} to {after or _EMPTY}.")


@contextmanager
def _database_errors() -> Iterator[None]:
    try:
        yield
    except AlembicError as error:
        raise CommandError(str(error)) from None
    except (OperationalError, IntegrityError) as error:
        raise CommandError(f"the database: {str(error.orig).splitlines()[0]}") from None
