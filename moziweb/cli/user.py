"""``moziweb user``: the accounts of the manager at /manager."""

import json
import sys
from collections.abc import Callable
from typing import TypeVar

import click
from sqlalchemy.orm import Session

from moziweb.clock import utc_now
from moziweb.db import repeat_on_conflict
from moziweb.manager.audit.log import COMMAND
from moziweb.manager.auth.accounts import (
    AccountError,
    add_user,
    all_users,
    disable,
    enable,
    find_user,
    invite_user,
    is_blocked,
    last_seen,
    set_password,
    set_role,
)
from moziweb.manager.auth.factors.state import reset_factors, users_with_factors
from moziweb.manager.auth.login_throttle import forget_failures
from moziweb.manager.auth.models import Role, User
from moziweb.manager.auth.password_links import LINK_PATH, link_lifetime, make_link
from moziweb.manager.auth.passwords import MIN_LENGTH, WeakPassword

from .context import CommandContext, CommandError, service_errors

T = TypeVar("T")


@click.group()
def user() -> None:
    """Manage the users of the manager."""


from_stdin = click.option(
    "--password-stdin",
    is_flag=True,
    help="Read the password from standard input instead of prompting.",
)


@user.command()
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    default=Role.EDITOR.value,
    show_default=True,
    help="An editor changes movies; an admin also sees the users and the dashboards.",
)
@click.option(
    "--invite",
    is_flag=True,
    help="Print a link by which the user sets the password, instead of prompting for it.",
)
@from_stdin
@click.pass_obj
def add(context: CommandContext, name: str, role: str, invite: bool, password_stdin: bool) -> None:
    """Add the user NAME. Prompts for the password."""

    def add_invited(session: Session) -> str:
        added = invite_user(session, name, Role(role), by=COMMAND, now=utc_now())
        return _link(context, session, added)

    def add_with_password(session: Session) -> str:
        return add_user(session, name, password, Role(role), by=COMMAND, now=utc_now()).name

    if invite:
        click.echo(_write(context, add_invited))
        return
    password = _password(from_stdin=password_stdin)
    click.echo(f"{_write(context, add_with_password)} may sign in at /manager as {role}.")


@user.command()
@click.argument("name")
@from_stdin
@click.pass_obj
def passwd(context: CommandContext, name: str, password_stdin: bool) -> None:
    """Change the password of NAME and end their sessions."""
    password = _password(from_stdin=password_stdin)

    def change(session: Session) -> None:
        set_password(session, _user(session, name), password, by=COMMAND, now=utc_now())

    _write(context, change)
    click.echo("The password is changed, and all sessions have ended.")


@user.command(name="reset-link")
@click.argument("name")
@click.option(
    "--keep-password",
    is_flag=True,
    help="Leave the old password and the passkeys valid until the link is used.",
)
@click.pass_obj
def reset_link(context: CommandContext, name: str, keep_password: bool) -> None:
    """Print a link by which NAME sets a new password.

    The old password stops working at once, passkeys need the password, and all sessions end.
    """

    def make(session: Session) -> str:
        return _link(context, session, _user(session, name), keep_password=keep_password)

    click.echo(_write(context, make))


@user.command(name="reset-second-factor")
@click.argument("name")
@click.pass_obj
def reset_second_factor(context: CommandContext, name: str) -> None:
    """Remove the authenticator app, the passkeys and the recovery codes of NAME."""
    _switch(context, name, reset_factors)
    click.echo("The second factors are removed, and all sessions have ended.")


@user.command(name="role")
@click.argument("name")
@click.argument("role", type=click.Choice([role.value for role in Role]))
@click.pass_obj
def role_command(context: CommandContext, name: str, role: str) -> None:
    """Make NAME an editor or an admin."""

    def change(session: Session) -> None:
        set_role(session, _user(session, name), Role(role), by=COMMAND, now=utc_now())

    _write(context, change)
    click.echo(f"The role is {role}.")


@user.command(name="disable")
@click.argument("name")
@click.pass_obj
def disable_command(context: CommandContext, name: str) -> None:
    """Disable the user NAME and end their sessions."""
    _switch(context, name, disable)
    click.echo("Disabled and signed out.")


@user.command(name="enable")
@click.argument("name")
@click.pass_obj
def enable_command(context: CommandContext, name: str) -> None:
    """Enable the user NAME."""
    _switch(context, name, enable)
    click.echo("Enabled.")


@user.command()
@click.argument("name", required=False)
@click.pass_obj
def unlock(context: CommandContext, name: str | None) -> None:
    """Delete the failed sign-in attempts of NAME, or of all users: they can sign in at once."""

    def delete(session: Session) -> int:
        return forget_failures(session, None if name is None else _user(session, name).name)

    click.echo(f"Failed attempts deleted: {_write(context, delete)}.")


@user.command(name="list")
@click.pass_obj
def list_command(context: CommandContext) -> None:
    """List all users: names, roles, whether they are disabled, invited or blocked."""
    with service_errors(), context.database.read() as session:
        seen, secured = last_seen(session), users_with_factors(session)
        rows = [
            {
                "name": each.name,
                "role": each.role.value,
                "disabled": each.disabled_at is not None,
                "invited": each.invited,
                "password_blocked": is_blocked(each),
                "second_factor": each.id in secured,
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
        click.echo('There are no users; add one with "moziweb user add NAME --role admin".')


def _link(
    context: CommandContext, session: Session, user: User, *, keep_password: bool = False
) -> str:
    """Returns a new link of a user, and how long it is valid."""
    token = make_link(session, user, by=COMMAND, now=utc_now(), keep_password=keep_password)
    hours = round(link_lifetime(user).total_seconds() / 3600)
    url = f"{context.settings['site.base_url']}{LINK_PATH}?link={token}"
    return f"{url}\nIt works once, for {hours} hours. Pass it on; the site sends no mail."


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    entered: str = click.prompt(
        f"Password ({MIN_LENGTH} characters or more)", hide_input=True, confirmation_prompt=True
    )
    return entered


def _write(context: CommandContext, change: Callable[[Session], T]) -> T:
    """Runs a change in a transaction, and again after a conflict; returns its result."""

    def work() -> T:
        with context.database.write() as session:
            return change(session)

    try:
        with service_errors():
            return repeat_on_conflict(work)
    except (AccountError, WeakPassword) as error:
        raise CommandError(str(error)) from None


def _switch(context: CommandContext, name: str, switch: Callable[..., None]) -> None:
    def change(session: Session) -> None:
        switch(session, _user(session, name), by=COMMAND, now=utc_now())

    _write(context, change)


def _user(session: Session, name: str) -> User:
    found = find_user(session, name)
    if found is None:
        raise AccountError(f"there is no user {name!r}")
    return found
