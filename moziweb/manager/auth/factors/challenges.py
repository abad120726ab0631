"""Challenges: random values that a browser must return once, within five minutes.

A challenge is for one purpose and one browser: its digest includes the browser's CSRF token. The
database has the digest only. The token of a used password link is stored like a challenge, so that
its form is recognised if the same browser sends it again.
"""

import secrets
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Final

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from ..login_throttle import is_recognised, network_of
from ..models import User
from .models import Challenge

CHALLENGE_LASTS: Final = timedelta(minutes=5)

MAX_CHALLENGES: Final = 30
"""Challenges of one network address within ``CHALLENGE_LASTS``; more are refused.

As for failed sign-ins, users who have signed in from the address before are not limited by the
challenges of others, only by their own (``MAX_OWN_CHALLENGES``).
"""

MAX_OWN_CHALLENGES: Final = 10
"""Challenges of one user at one network address within ``CHALLENGE_LASTS``."""


class Purpose(StrEnum):
    """What a challenge is for.

    ``CODE``: the password was right, and a code is needed. ``USED_LINK``: the browser has set a
    password by this link.
    """

    CODE = "code"
    USED_LINK = "used-link"
    PASSKEY_SIGN_IN = "passkey-sign-in"
    PASSKEY_REGISTRATION = "passkey-registration"


class TooManyChallenges(Exception):
    """The network address has ``MAX_CHALLENGES``, or the user ``MAX_OWN_CHALLENGES`` there."""


def new_challenge(
    session: Session,
    purpose: Purpose,
    browser: str,
    *,
    user_id: int | None = None,
    address: str,
    now: datetime,
) -> str:
    """Stores a challenge and returns it; ``browser`` is the CSRF token.

    Raises ``TooManyChallenges``.
    """
    network = network_of(address)
    _delete_expired(session, now)
    _check_limits(session, user_id, network, now)
    challenge = secrets.token_urlsafe(32)
    session.add(
        Challenge(
            digest=_digest(purpose, browser, challenge),
            user_id=user_id,
            address=network,
            created_at=now,
        )
    )
    return challenge


def add_used_link(
    session: Session, browser: str, token: str, *, user_id: int, now: datetime
) -> None:
    """Stores that a browser has used a link; ``browser`` is the CSRF token.

    Without an address, the row counts towards no limit.
    """
    _delete_expired(session, now)
    digest = _digest(Purpose.USED_LINK, browser, token)
    session.add(Challenge(digest=digest, user_id=user_id, address="", created_at=now))


def _delete_expired(session: Session, now: datetime) -> None:
    session.execute(delete(Challenge).where(Challenge.created_at <= now - CHALLENGE_LASTS))


def _check_limits(session: Session, user_id: int | None, network: str, now: datetime) -> None:
    there = Challenge.address == network
    user = session.get(User, user_id) if user_id is not None else None
    if user is not None:
        if _count(session, there, Challenge.user_id == user.id) >= MAX_OWN_CHALLENGES:
            raise TooManyChallenges
        if is_recognised(session, user.name, network, now):
            return
    if _count(session, there) >= MAX_CHALLENGES:
        raise TooManyChallenges


def _count(session: Session, *which: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(Challenge).where(*which)) or 0


def open_challenge(
    session: Session, purpose: Purpose, browser: str, challenge: str, now: datetime
) -> Challenge | None:
    """Returns the row of a challenge that is still valid, and leaves it valid."""
    row = session.get(Challenge, _digest(purpose, browser, challenge))
    return row if row is not None and row.created_at > now - CHALLENGE_LASTS else None


def take_challenge(
    session: Session, purpose: Purpose, browser: str, challenge: str, now: datetime
) -> Challenge | None:
    """Returns the row of a challenge that is still valid, and ends it. Only one caller gets it."""
    row = open_challenge(session, purpose, browser, challenge, now)
    if row is None:
        return None
    session.expunge(row)
    taken = session.execute(delete(Challenge).where(Challenge.digest == row.digest))
    return row if taken.rowcount else None  # type: ignore[attr-defined]  # a DELETE's result has it


def _digest(purpose: Purpose, browser: str, challenge: str) -> str:
    text = f"{purpose}\n{browser}\n{challenge}"
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
