"""``moziweb db``: the schema of the database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from alembic.util import CommandError as AlembicError
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError, OperationalError

from moziweb.db import migrations

from .context import CommandContext, CommandError

_NOTHING = "base"
"""Alembic's word for a database without a schema."""


@click.group()
def db() -> None:
    """Bring the database's schema up to date, or take it back."""


@db.command()
@click.argument("revision", default="head")
@click.pass_obj
def upgrade(installation: CommandContext, revision: str) -> None:
    """Bring the schema to REVISION, the newest one by default. Safe to repeat."""
    engine = installation.database.engine
    _make_folder(engine)
    _step(engine, migrations.upgrade, revision)


@db.command()
@click.argument("revision")
@click.pass_obj
def downgrade(installation: CommandContext, revision: str) -> None:
    """Take the schema back to REVISION; "base" is a database without tables."""
    _step(installation.database.engine, migrations.downgrade, revision)


@db.command()
@click.pass_obj
def current(installation: CommandContext) -> None:
    """Tell the revision of the schema, and the newest one that this version brings."""
    with _in_one_line():
        at = migrations.current_revision(installation.database.engine)
    click.echo(f"at {at or _NOTHING}, newest {migrations.head_revision()}")


def _step(engine: Engine, step: Callable[[Engine, str], None], revision: str) -> None:
    with _in_one_line():
        before = migrations.current_revision(engine)
        step(engine, revision)
        after = migrations.current_revision(engine)
    if before == after:
        click.echo(f"The schema is at {after or _NOTHING} already.")
    else:
        click.echo(f"The schema went from {before or _NOTHING} to {after or _NOTHING}.")


def _make_folder(engine: Engine) -> None:
    """SQLite makes its file, but not the folder that it stands in."""
    if engine.dialect.name == "sqlite" and engine.url.database:
        Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)


@contextmanager
def _in_one_line() -> Iterator[None]:
    try:
        yield
    except AlembicError as error:
        raise CommandError(str(error)) from None
    except (OperationalError, IntegrityError) as error:
        raise CommandError(f"the database: {str(error.orig).splitlines()[0]}") from None
