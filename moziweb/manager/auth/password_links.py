"""Links by which users set their own passwords: invitations and resets.

A link has a random token, whose hash is stored. It can be used once, until it expires. A new link
replaces the open one of the user.
"""

import secrets
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ..audit.log import Actor, record
from . import passwords
from .accounts import (
    AccountError,
    block_password,
    delete_links,
    end_sessions,
    lock_as_admin,
    lock_user,
    needs_link,
    set_password,
)
from .factors.challenges import Purpose, add_used_link, open_challenge, take_challenge
from .models import PasswordLink, User
from .sessions import token_hash

INVITATION_LASTS: Final = timedelta(days=7)
RESET_LASTS: Final = timedelta(hours=24)

LINK_PATH: Final = "/manager/set-password"
"""The path of links of commands. The token is in the query, which the site does not log."""


def link_lifetime(user: User) -> timedelta:
    """Returns how long a new link of a user is valid."""
    return INVITATION_LASTS if user.invited else RESET_LASTS


def make_link(
    session: Session, user: User, *, by: Actor, now: datetime, keep_password: bool = False
) -> str:
    """Makes the link of a user and returns its token, which is stored nowhere.

    The user's sessions end. The password is blocked (`block_password`), unless ``keep_password`` is
    set: then it works until the link is used. Raises ``AccountError`` for a disabled user, and
    ``UserChanged`` if ``by`` is a user who is no longer an administrator who can sign in.
    """
    lock_as_admin(session, user, by=by)
    if user.disabled_at is not None:
        raise AccountError(f"the user {user.name!r} is disabled; enable them first")
    if not (keep_password or needs_link(user)):
        block_password(session, user, by=by, now=now)
    delete_links(session, user)
    session.execute(delete(PasswordLink).where(PasswordLink.expires_at <= now))
    token, expires_at = secrets.token_urlsafe(32), now + link_lifetime(user)
    session.add(PasswordLink(token_hash=token_hash(token), user_id=user.id, expires_at=expires_at))
    end_sessions(session, user)
    action = "user.invite" if user.invited else "user.reset_link"
    record(session, by, action, user.audit_subject, now)
    return token


def user_of_link(session: Session, token: str, now: datetime) -> User | None:
    """Returns the user of a link that is valid."""
    return session.scalar(
        select(User)
        .join(PasswordLink, PasswordLink.user_id == User.id)
        .where(PasswordLink.token_hash == token_hash(token), PasswordLink.expires_at > now)
        .where(User.disabled_at.is_(None))
    )


def use_link(
    session: Session, token: str, password: str, *, now: datetime, browser: str = ""
) -> User | None:
    """Sets the password of the user of a link, which ends the link; None if it is not valid.

    ``browser`` is the CSRF token, for ``user_of_used_link``. Raises ``WeakPassword``; the link
    stays valid then.
    """
    user = user_of_link(session, token, now)
    if user is None:
        return None
    by = Actor(user.id, user.name)
    passwords.check_strength(password, user.name)
    lock_user(session, user)  # before the link, as all changes of users do
    used = session.execute(delete(PasswordLink).where(PasswordLink.token_hash == token_hash(token)))
    if not used.rowcount:  # type: ignore[attr-defined]  # another request has used it
        return None
    set_password(session, user, password, by=by, now=now)
    if browser:
        add_used_link(session, browser, token, user_id=user.id, now=now)
    return user


def user_of_used_link(session: Session, token: str, browser: str, now: datetime) -> User | None:
    """Returns the user whose password a browser has set by a link, within the last five minutes.

    None if another link or password was set since, or the user was disabled.
    """
    used = open_challenge(session, Purpose.USED_LINK, browser, token, now)
    return session.get(User, used.user_id) if used is not None else None


def forget_used_link(session: Session, token: str, browser: str, now: datetime) -> None:
    """Lets ``user_of_used_link`` return None."""
    take_challenge(session, Purpose.USED_LINK, browser, token, now)
