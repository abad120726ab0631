"""Accounts: adds users, sets passwords, disables and enables, for views and commands.

Functions take a session and leave the commit to the caller. They write audit entries.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from moziweb.movies.collation import sort_key
from moziweb.movies.text_folding import nfc

from ..audit.log import Actor, record
from . import passwords
from .models import Role, User, UserSession

MAX_USER_NAME_LENGTH = 60


class AccountError(ValueError):
    """The name is invalid, taken or unknown. The text is one line."""


def normalise_name(name: str) -> str:
    """Returns a name as it is stored and compared."""
    return nfc(" ".join(name.split()).casefold())


def add_user(
    session: Session, name: str, password: str, role: Role, *, by: Actor, now: datetime
) -> User:
    """Adds a user. Raises ``AccountError`` or ``WeakPassword``."""
    normalised = normalise_name(name)
    if not normalised or len(normalised) > MAX_USER_NAME_LENGTH:
        raise AccountError(f"a name has 1 to {MAX_USER_NAME_LENGTH} characters")
    if find_user(session, normalised) is not None:
        raise AccountError(f"there is a user {normalised!r} already")
    passwords.check_strength(password, normalised)
    user = User(
        name=normalised, role=role, password_hash=passwords.hashed(password), created_at=now
    )
    session.add(user)
    session.flush()
    record(session, by, "user.add", user.audit_subject, now, changes=[("role", "", role.value)])
    return user


def set_password(
    session: Session, user: User, password: str, *, by: Actor, now: datetime, keep: int = 0
) -> None:
    """Sets a password and ends the user's sessions except ``keep``. Raises ``WeakPassword``."""
    passwords.check_strength(password, user.name)
    user.password_hash = passwords.hashed(password)
    end_sessions(session, user, keep=keep)
    record(session, by, "user.password", user.audit_subject, now)


def disable(session: Session, user: User, *, by: Actor, now: datetime) -> None:
    """Forbids the user to sign in, and ends the user's sessions."""
    if user.disabled_at is None:
        user.disabled_at = now
        record(session, by, "user.disable", user.audit_subject, now)
    end_sessions(session, user)


def enable(session: Session, user: User, *, by: Actor, now: datetime) -> None:
    """Reverses ``disable``."""
    if user.disabled_at is not None:
        user.disabled_at = None
        record(session, by, "user.enable", user.audit_subject, now)


def end_sessions(session: Session, user: User, *, keep: int = 0) -> int:
    """Ends the user's sessions except the one with the id ``keep``; returns how many ended."""
    ended = session.execute(
        delete(UserSession).where(UserSession.user_id == user.id, UserSession.id != keep)
    )
    count: int = ended.rowcount  # type: ignore[attr-defined]  # a DELETE's result has it
    return count


def find_user(session: Session, name: str) -> User | None:
    """Returns the user of a name, disabled or not."""
    return session.scalar(select(User).where(User.name == normalise_name(name)))


def all_users(session: Session) -> Sequence[User]:
    """Returns all users, by name."""
    return sorted(session.scalars(select(User)), key=lambda user: (sort_key(user.name), user.name))


def last_seen(session: Session) -> dict[int, datetime]:
    """Returns the latest request of each signed-in user, by user id."""
    rows = session.execute(
        select(UserSession.user_id, func.max(UserSession.seen_at)).group_by(UserSession.user_id)
    )
    return {row[0]: row[1] for row in rows}
