"""Accounts: adds users, sets passwords and roles, disables and enables, for views and commands.

Functions take a session and leave the commit to the caller. They write audit entries.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.orm import Session

from moziweb.movies.collation import sort_key
from moziweb.movies.text_folding import nfc

from ..audit.log import Actor, record
from . import passwords
from .factors.models import Challenge, Passkey
from .models import PasswordLink, Role, User, UserSession

MAX_USER_NAME_LENGTH = 60


class AccountError(ValueError):
    """The name is invalid, taken or unknown. The text is one line."""


class UserChanged(Exception):
    """The user was disabled, or the password or the role changed, since they were checked."""


class LastAdmin(AccountError):
    """The change would leave no administrator who can sign in."""

    def __init__(self) -> None:
        super().__init__("the last administrator cannot be disabled or made an editor")


def normalise_name(name: str) -> str:
    """Returns a name as it is stored and compared."""
    return nfc(" ".join(name.split()).casefold())


def add_user(
    session: Session, name: str, password: str, role: Role, *, by: Actor, now: datetime
) -> User:
    """Adds a user. Raises ``AccountError`` or ``WeakPassword``."""
    normalised = _new_name(session, name)
    passwords.check_strength(password, normalised)
    return _add(session, normalised, passwords.hashed(password), role, by=by, now=now)


def invite_user(session: Session, name: str, role: Role, *, by: Actor, now: datetime) -> User:
    """Adds a user without a password, who sets one by a link. Raises ``AccountError``."""
    user = _add(session, _new_name(session, name), passwords.UNUSABLE, role, by=by, now=now)
    user.invited = True
    return user


def _new_name(session: Session, name: str) -> str:
    normalised = normalise_name(name)
    if not normalised or len(normalised) > MAX_USER_NAME_LENGTH:
        raise AccountError(f"a name has 1 to {MAX_USER_NAME_LENGTH} characters")
    if find_user(session, normalised) is not None:
        raise AccountError(f"there is a user {normalised!r} already")
    return normalised


def _add(
    session: Session, name: str, password_hash: str, role: Role, *, by: Actor, now: datetime
) -> User:
    user = User(name=name, role=role, password_hash=password_hash, created_at=now)
    session.add(user)
    session.flush()
    record(session, by, "user.add", user.audit_subject, now, changes=[("role", "", role.value)])
    return user


def set_password(
    session: Session, user: User, password: str, *, by: Actor, now: datetime, keep: int = 0
) -> None:
    """Sets a password, ends the user's sessions except ``keep``, and deletes an open link.

    Passkeys stay, but need the password until the user has checked them: who knew the former
    password may have added one. Raises ``WeakPassword``.
    """
    passwords.check_strength(password, user.name)
    password_hash = passwords.hashed(password)  # slow: before the lock, unless the caller holds it
    lock_user(session, user)
    user.invited = False
    _replace_password(session, user, password_hash, keep=keep)
    record(session, by, "user.password", user.audit_subject, now)


def block_password(session: Session, user: User, *, by: Actor, now: datetime) -> None:
    """Makes the password useless at once and ends the user's sessions; an open link is deleted.

    Passkeys need the password from then on, so the user signs in again with a new one only.
    """
    lock_user(session, user)
    _replace_password(session, user, passwords.UNUSABLE)
    record(session, by, "user.password_block", user.audit_subject, now)


def _replace_password(session: Session, user: User, password_hash: str, *, keep: int = 0) -> None:
    user.password_hash = password_hash
    end_sessions(session, user, keep=keep)
    delete_links(session, user)
    own = Passkey.user_id == user.id
    session.execute(update(Passkey).where(own).values(needs_password=True))


def needs_link(user: User) -> bool:
    """Whether the user needs a link to sign in: they are invited, or the password is blocked."""
    return user.invited or passwords.is_unusable(user.password_hash)


def is_blocked(user: User) -> bool:
    """Whether the user's password was blocked, and no new one was set since."""
    return needs_link(user) and not user.invited


def disable(session: Session, user: User, *, by: Actor, now: datetime) -> None:
    """Forbids the user to sign in, ends their sessions and deletes an open link.

    Raises ``LastAdmin``.
    """
    admins = _lock_with_admins(session, user)
    if user.disabled_at is None:
        _require_another_admin(user, admins)
        user.disabled_at = now
        record(session, by, "user.disable", user.audit_subject, now)
    end_sessions(session, user)
    delete_links(session, user)


def enable(session: Session, user: User, *, by: Actor, now: datetime) -> None:
    """Reverses ``disable``."""
    lock_user(session, user)
    if user.disabled_at is not None:
        user.disabled_at = None
        record(session, by, "user.enable", user.audit_subject, now)


def set_role(session: Session, user: User, role: Role, *, by: Actor, now: datetime) -> None:
    """Changes the role, also for the user's open sessions. Raises ``LastAdmin``."""
    admins = _lock_with_admins(session, user)
    if role is user.role:
        return
    _require_another_admin(user, admins)
    changes = [("role", user.role.value, role.value)]
    user.role = role
    record(session, by, "user.role", user.audit_subject, now, changes)


def lock_user(session: Session, user: User) -> None:
    """Locks a user until the transaction ends and reads the row again; call it before a change."""
    _lock(session, User.id == user.id)


def require_unchanged(session: Session, user: User) -> None:
    """Locks a user that another session has read before. Raises ``UserChanged``.

    Call it in the transaction that relies on a checked password: the check takes long.
    """
    checked = user.password_hash
    rows = _lock(session, User.id == user.id)
    if not any(each.password_hash == checked and each.disabled_at is None for each in rows):
        raise UserChanged


def lock_as_admin(session: Session, user: User, *, by: Actor) -> None:
    """Locks a user and the administrators: of two who block each other, the second one fails.

    Raises ``UserChanged`` if ``by`` is a user who is no longer an administrator who can sign in.
    """
    able = _able(_lock_with_admins(session, user))
    if by.user_id is not None and by.user_id not in able:
        raise UserChanged


def _lock_with_admins(session: Session, user: User) -> Sequence[User]:
    """Locks a user and the administrators: of two who disable each other, the second one fails."""
    rows = _lock(session, or_(User.id == user.id, User.role == Role.ADMIN))
    return [each for each in rows if each.role is Role.ADMIN]


def _lock(session: Session, which: ColumnElement[bool]) -> Sequence[User]:
    """In the order of ids. Entries of the audit may refer to locked users."""
    query = select(User).where(which).order_by(User.id).with_for_update(key_share=True)
    return session.scalars(query.execution_options(populate_existing=True)).all()


def _require_another_admin(user: User, admins: Sequence[User]) -> None:
    if _able(admins) == {user.id}:
        raise LastAdmin


def _able(admins: Sequence[User]) -> set[int]:
    """The ids of the administrators who can sign in."""
    return {each.id for each in admins if each.disabled_at is None and not needs_link(each)}


def delete_links(session: Session, user: User) -> None:
    """Deletes the open link of a user."""
    session.execute(delete(PasswordLink).where(PasswordLink.user_id == user.id))


def end_sessions(session: Session, user: User, *, keep: int = 0) -> int:
    """Ends the user's sessions except the one with the id ``keep``; returns how many ended.

    Sign-ins that wait for a code end, too.
    """
    session.execute(delete(Challenge).where(Challenge.user_id == user.id))
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
