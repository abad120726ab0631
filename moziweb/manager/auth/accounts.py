"""The people of the manager: added, given a password, disabled; from the command and on its pages.

Functions take a session and leave the commit to whoever opened it. What they do is in the audit.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from ..audit.log import Actor, record
from . import passwords
from .models import Role, User, UserSession

MAX_NAME = 60


class AccountError(ValueError):
    """There is no such user, or one already; its text is one line."""


def normalise_name(name: str) -> str:
    """A name as it is kept and compared."""
    return " ".join(name.split()).casefold()


def add_user(
    session: Session, name: str, password: str, role: Role, *, by: Actor, now: datetime
) -> User:
    """A new user; raises ``AccountError`` or ``WeakPassword``."""
    folded = normalise_name(name)
    if not folded or len(folded) > MAX_NAME:
        raise AccountError(f"a name has 1 to {MAX_NAME} characters")
    if find_user(session, folded) is not None:
        raise AccountError(f"there is a user {folded!r} already")
    user = User(name=folded, role=role, password_hash=passwords.hashed(password), created_at=now)
    session.add(user)
    session.flush()
    record(session, by, "user.add", user.audit_subject, now, changes=[("role", "", role.value)])
    return user


def set_password(
    session: Session, user: User, password: str, *, by: Actor, now: datetime, keep: int = 0
) -> None:
    """Another password; every session of the user ends but ``keep``. Raises ``WeakPassword``."""
    user.password_hash = passwords.hashed(password)
    end_sessions(session, user, keep=keep)
    record(session, by, "user.password", user.audit_subject, now)


def disable(session: Session, user: User, *, by: Actor, now: datetime) -> None:
    """Nobody signs in with it any more, and whoever is in is out."""
    if user.disabled_at is None:
        user.disabled_at = now
        record(session, by, "user.disable", user.audit_subject, now)
    end_sessions(session, user)


def enable(session: Session, user: User, *, by: Actor, now: datetime) -> None:
    """The opposite of ``disable``."""
    if user.disabled_at is not None:
        user.disabled_at = None
        record(session, by, "user.enable", user.audit_subject, now)


def end_sessions(session: Session, user: User, *, keep: int = 0) -> int:
    """Sign the user out everywhere, but for the session ``keep``; returns from how many places."""
    ended = session.execute(
        delete(UserSession).where(UserSession.user_id == user.id, UserSession.id != keep)
    )
    count: int = ended.rowcount  # type: ignore[attr-defined]  # a DELETE's result has it
    return count


def find_user(session: Session, name: str) -> User | None:
    """The user of this name, disabled or not."""
    return session.scalar(select(User).where(User.name == normalise_name(name)))


def all_users(session: Session) -> Sequence[User]:
    """Everybody, by name."""
    return session.scalars(select(User).order_by(User.name)).all()


def last_seen(session: Session) -> dict[int, datetime]:
    """When each user that is signed in anywhere last asked for something, by id."""
    rows = session.execute(
        select(UserSession.user_id, func.max(UserSession.seen_at)).group_by(UserSession.user_id)
    )
    return {row[0]: row[1] for row in rows}
