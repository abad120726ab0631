"""``moziweb user``: who may sign in to the manager at /manager."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import click
from sqlalchemy.orm import Session

from moziweb.manager.audit.log import COMMAND
from moziweb.manager.auth.accounts import (
    AccountError,
    add_user,
    all_users,
    disable,
    enable,
    find_user,
    last_seen,
    set_password,
)
from moziweb.manager.auth.login_throttle import forget_failures
from moziweb.manager.auth.models import Role, User
from moziweb.manager.auth.passwords import MIN_LENGTH, WeakPassword

from .context import CommandContext, CommandError, service_errors


@click.group()
def user() -> None:
    """Let people into the manager, or keep them out."""


from_stdin = click.option(
    "--password-stdin",
    is_flag=True,
    help="Read the password from standard input, where nobody can be asked for it.",
)


@user.command()
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    default=Role.EDITOR.value,
    show_default=True,
    help="An editor changes films; an admin also sees users and the machinery.",
)
@from_stdin
@click.pass_obj
def add(installation: CommandContext, name: str, role: str, password_stdin: bool) -> None:
    """Add NAME; asks for the password."""
    password = _password(from_stdin=password_stdin)
    with _changing(installation) as session:
        made = add_user(session, name, password, Role(role), by=COMMAND, now=_now())
        told = f"{made.name} may sign in at /manager as {role}."
    click.echo(told)


@user.command()
@click.argument("name")
@from_stdin
@click.pass_obj
def passwd(installation: CommandContext, name: str, password_stdin: bool) -> None:
    """Give NAME another password, and sign them out everywhere."""
    password = _password(from_stdin=password_stdin)
    with _changing(installation) as session:
        set_password(session, _known(session, name), password, by=COMMAND, now=_now())
    click.echo("The password is changed, and all sessions have ended.")


@user.command(name="disable")
@click.argument("name")
@click.pass_obj
def disable_command(installation: CommandContext, name: str) -> None:
    """Keep NAME out, and sign them out everywhere at once."""
    _switch(installation, name, disable)
    click.echo("Disabled and signed out.")


@user.command(name="enable")
@click.argument("name")
@click.pass_obj
def enable_command(installation: CommandContext, name: str) -> None:
    """Let NAME in again."""
    _switch(installation, name, enable)
    click.echo("Enabled.")


@user.command()
@click.argument("name", required=False)
@click.pass_obj
def unlock(installation: CommandContext, name: str | None) -> None:
    """Let NAME (or everybody) try to sign in at once, after too many failed attempts."""
    with _changing(installation) as session:
        folded = _known(session, name).name if name is not None else None
        forgotten = forget_failures(session, folded)
    click.echo(f"Failed attempts forgotten: {forgotten}.")


@user.command(name="list")
@click.pass_obj
def list_command(installation: CommandContext) -> None:
    """Show everybody: name, role, and whether they may sign in."""
    with service_errors(), installation.database.read() as session:
        seen = last_seen(session)
        rows = [
            {
                "name": each.name,
                "role": each.role.value,
                "disabled": each.disabled_at is not None,
                "last_seen": seen[each.id].isoformat() if each.id in seen else None,
            }
            for each in all_users(session)
        ]
    if not sys.stdout.isatty():
        for row in rows:
            click.echo(json.dumps(row))
        return
    for row in rows:
        click.echo(f"{row['name']:<30} {row['role']:<8} {'disabled' if row['disabled'] else ''}")
    if not rows:
        click.echo('Nobody may sign in yet: "moziweb user add NAME --role admin".')


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    entered: str = click.prompt(
        f"Password ({MIN_LENGTH} characters or more)", hide_input=True, confirmation_prompt=True
    )
    return entered


@contextmanager
def _changing(installation: CommandContext) -> Iterator[Session]:
    """A transaction whose troubles are one line each."""
    try:
        with service_errors(), installation.database.write() as session:
            yield session
    except (AccountError, WeakPassword) as error:
        raise CommandError(str(error)) from None


def _switch(installation: CommandContext, name: str, switch: Callable[..., None]) -> None:
    with _changing(installation) as session:
        switch(session, _known(session, name), by=COMMAND, now=_now())


def _known(session: Session, name: str) -> User:
    found = find_user(session, name)
    if found is None:
        raise AccountError(f"there is no user {name!r}")
    return found


def _now() -> datetime:
    return datetime.now(UTC)
