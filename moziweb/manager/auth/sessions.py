"""Sessions of signed-in users: rows in the database, each with a random token.

A session ends after ``idle`` without a request, and after ``lifetime`` in any case. Every sign-in
starts a new session, so a token planted in a browser never becomes valid.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from pyramid.request import Request, RequestLocalCache
from sqlalchemy import ColumnElement, and_, delete, select, update
from sqlalchemy.orm import Session, joinedload

from moziweb.db import Database
from moziweb.ops.request_log import bind_user
from moziweb.security import Identity
from moziweb.services import services_of

from ..audit.log import Actor
from .cookies import SESSION, is_manager_request
from .models import Role, User, UserSession

CONFIRMED_FOR: Final = timedelta(minutes=10)
"""How long after the password was entered again second factors and users can be changed."""

TOUCH_INTERVAL: Final = timedelta(minutes=1)
"""Precision of ``seen_at``: a session in use writes at most this often."""


@dataclass(frozen=True, slots=True)
class CurrentUser:
    """A valid session and its user."""

    session_id: int
    user_id: int
    name: str
    role: Role
    csrf_token: str
    confirmed_at: datetime | None
    """When the user last entered the password again."""

    @property
    def actor(self) -> Actor:
        """The user as the actor of an audit entry."""
        return Actor(self.user_id, self.name)


class Sessions:
    """The sessions of a site; ``now`` returns aware datetimes."""

    def __init__(
        self,
        database: Database,
        now: Callable[[], datetime],
        *,
        idle: timedelta,
        lifetime: timedelta,
    ) -> None:
        self._database = database
        self._now = now
        self._idle = idle
        self._lifetime = lifetime

    def begin(
        self,
        session: Session,
        user_id: int,
        *,
        address: str = "",
        agent: str = "",
        replaces: str = "",
    ) -> str:
        """Starts a session and returns its token. The session of the token ``replaces`` ends."""
        token, now = secrets.token_urlsafe(32), self._now()
        session.execute(delete(UserSession).where(~self._is_valid(now)))
        session.execute(delete(UserSession).where(UserSession.token_hash == token_hash(replaces)))
        session.add(
            UserSession(
                token_hash=token_hash(token),
                csrf_token=secrets.token_urlsafe(32),
                user_id=user_id,
                created_at=now,
                seen_at=now,
                address=address[:60],
                agent=agent[:200],
            )
        )
        return token

    def find(self, token: str) -> CurrentUser | None:
        """Returns the valid session of a token and records its use; else None. One query."""
        now = self._now()
        with self._database.read() as session:
            row = session.scalar(
                select(UserSession)
                .join(UserSession.user)
                .where(UserSession.token_hash == token_hash(token), self._is_valid(now))
                .where(User.disabled_at.is_(None))
                .options(joinedload(UserSession.user))
            )
        if row is None:
            return None
        if now - row.seen_at >= TOUCH_INTERVAL:
            self._touch(row.id, now)
        return CurrentUser(
            row.id, row.user_id, row.user.name, row.user.role, row.csrf_token, row.confirmed_at
        )

    def end(self, session_id: int) -> None:
        """Ends a session."""
        with self._database.write() as session:
            session.execute(delete(UserSession).where(UserSession.id == session_id))

    def confirm(self, session_id: int) -> None:
        """Stores that the user has entered the password again."""
        with self._database.write() as session:
            session.execute(
                update(UserSession)
                .where(UserSession.id == session_id)
                .values(confirmed_at=self._now())
            )

    def of_user(self, session: Session, user_id: int) -> Sequence[UserSession]:
        """Returns the valid sessions of a user, the most recently used first."""
        return session.scalars(
            select(UserSession)
            .where(UserSession.user_id == user_id, self._is_valid(self._now()))
            .order_by(UserSession.seen_at.desc(), UserSession.id)
        ).all()

    def _touch(self, session_id: int, now: datetime) -> None:
        with self._database.write() as session:
            session.execute(
                update(UserSession).where(UserSession.id == session_id).values(seen_at=now)
            )

    def _is_valid(self, now: datetime) -> ColumnElement[bool]:
        used, begun = UserSession.seen_at, UserSession.created_at
        return and_(used > now - self._idle, begun > now - self._lifetime)


def token_hash(token: str) -> str:
    """Returns what is stored of a token."""
    return sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


ROLE_PRINCIPALS: Final = {role: f"role:{role.value}" for role in Role}
"""Principals of the roles, for ACLs."""


def signed_in(request: Request) -> CurrentUser | None:
    """Returns the session of a request; None without one, and always for the public site."""
    found: CurrentUser | None = _sessions_of_requests.get_or_create(request)
    return found


def require_user(request: Request) -> CurrentUser:
    """Returns the session of a request to a view that requires one."""
    found = signed_in(request)
    if found is None:
        raise LookupError("the view has no permission that requires a session")
    return found


def is_confirmed(request: Request) -> bool:
    """Whether the user has entered the password again within ``CONFIRMED_FOR``."""
    confirmed_at, now = require_user(request).confirmed_at, services_of(request.registry).clock()
    return confirmed_at is not None and now - confirmed_at < CONFIRMED_FOR


def identity_of(request: Request) -> Identity | None:
    """Returns the identity for the security policy."""
    found = signed_in(request)
    return Identity(str(found.user_id), (ROLE_PRINCIPALS[found.role],)) if found else None


def _find(request: Request) -> CurrentUser | None:
    if not is_manager_request(request):
        return None
    token = SESSION.read(request)
    found = services_of(request.registry).sessions.find(token) if token else None
    if found is not None:
        bind_user(found.name)
    return found


_sessions_of_requests: Final = RequestLocalCache(_find)
