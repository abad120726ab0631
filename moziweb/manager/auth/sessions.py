"""Who is signed in: rows of the database, each named by a random token that one browser holds.

A session ends when it was not used for ``idle``, and at ``lifetime`` whatever happens. Signing in
always begins a new one: a token that somebody planted in a browser never becomes a session."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from pyramid.request import Request, RequestLocalCache
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session, joinedload

from moziweb.db import Database
from moziweb.security import Identity

from ..audit.log import Actor
from .cookies import SESSION, is_manager_request
from .models import Role, User, UserSession

SEEN_EVERY: Final = timedelta(minutes=1)
"""How exactly the last use is known: a session that is used writes this often at most."""


@dataclass(frozen=True, slots=True)
class CurrentUser:
    """A valid session and its user."""

    session_id: int
    user_id: int
    name: str
    role: Role
    csrf_token: str

    @property
    def actor(self) -> Actor:
        """Who it is, for the audit."""
        return Actor(self.user_id, self.name)


class Sessions:
    """The sessions of a site; ``now`` gives aware moments."""

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

    def begin(self, user_id: int, *, address: str = "", agent: str = "", replaces: str = "") -> str:
        """A new session's token; the one that the browser had before (``replaces``) ends."""
        token, now = secrets.token_urlsafe(32), self._now()
        with self._database.write() as session:
            self._forget_old(session, now)
            session.execute(
                delete(UserSession).where(UserSession.token_hash == token_hash(replaces))
            )
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
        """The valid session of a token, whose use it notes; None for any other text. One query."""
        now = self._now()
        with self._database.read() as session:
            row = session.scalar(
                select(UserSession)
                .join(UserSession.user)
                .where(
                    UserSession.token_hash == token_hash(token),
                    UserSession.seen_at > now - self._idle,
                    UserSession.created_at > now - self._lifetime,
                    User.disabled_at.is_(None),
                )
                .options(joinedload(UserSession.user))
            )
        if row is None:
            return None
        if now - row.seen_at >= SEEN_EVERY:
            self._saw(row.id, now)
        return CurrentUser(row.id, row.user_id, row.user.name, row.user.role, row.csrf_token)

    def end(self, session_id: int) -> None:
        """Sign out there."""
        with self._database.write() as session:
            session.execute(delete(UserSession).where(UserSession.id == session_id))

    def of_user(self, session: Session, user_id: int) -> Sequence[UserSession]:
        """Where somebody is signed in, the latest use first."""
        now = self._now()
        return session.scalars(
            select(UserSession)
            .where(
                UserSession.user_id == user_id,
                UserSession.seen_at > now - self._idle,
                UserSession.created_at > now - self._lifetime,
            )
            .order_by(UserSession.seen_at.desc(), UserSession.id)
        ).all()

    def _saw(self, session_id: int, now: datetime) -> None:
        with self._database.write() as session:
            session.execute(
                update(UserSession).where(UserSession.id == session_id).values(seen_at=now)
            )

    def _forget_old(self, session: Session, now: datetime) -> None:
        session.execute(
            delete(UserSession).where(
                (UserSession.seen_at <= now - self._idle)
                | (UserSession.created_at <= now - self._lifetime)
            )
        )


def token_hash(token: str) -> str:
    """What is kept of a token."""
    return sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


ROLE_PRINCIPALS: Final = {role: f"role:{role.value}" for role in Role}
"""The principals of roles, for ACLs."""


def signed_in(request: Request) -> CurrentUser | None:
    """The session of a request; None for everybody else, and on every page of the public site."""
    found: CurrentUser | None = _sessions_of_requests.get_or_create(request)
    return found


def require_user(request: Request) -> CurrentUser:
    """The session of a request that had to be signed in to come here."""
    found = signed_in(request)
    if found is None:
        raise LookupError("a view that needs a user is open to nobody else")
    return found


def identify(request: Request) -> Identity | None:
    """What the security policy is to know of ``signed_in``."""
    found = signed_in(request)
    if found is None:
        return None
    return Identity(str(found.user_id), (ROLE_PRINCIPALS[found.role],))


def _find(request: Request) -> CurrentUser | None:
    if not is_manager_request(request):
        return None
    token = SESSION.read(request)
    sessions: Sessions = request.registry["manager_sessions"]
    return sessions.find(token) if token else None


_sessions_of_requests: Final = RequestLocalCache(_find)
