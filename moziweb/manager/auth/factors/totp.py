"""Authenticator apps: codes of RFC 6238, six digits, a new one each 30 seconds."""

from datetime import datetime
from typing import Final

from pyotp import TOTP, random_base32
from sqlalchemy import update
from sqlalchemy.orm import Session

from ...audit.log import Actor, record
from ..models import User
from .models import Totp

WINDOW: Final = 1
"""Time steps before and after the current one whose codes are accepted: clocks differ."""

ISSUER: Final = "moziweb"


def new_secret() -> str:
    """Returns a random secret of 160 bits in Base32."""
    return random_base32()


def provisioning_uri(secret: str, user_name: str, host: str) -> str:
    """Returns the ``otpauth:`` URI that an app reads from a QR code."""
    return TOTP(secret).provisioning_uri(name=user_name, issuer_name=f"{ISSUER} ({host})")


def matching_counter(secret: str, code: str, now: datetime) -> int | None:
    """Returns the time step of a code that is valid now, else None."""
    totp = TOTP(secret)
    current = totp.timecode(now)
    found = [
        counter
        for counter in range(current - WINDOW, current + WINDOW + 1)
        if totp.verify(code, for_time=counter * totp.interval)
    ]
    return found[-1] if found else None


def switch_on(session: Session, user: User, secret: str, code: str, *, now: datetime) -> bool:
    """Whether ``code`` is of ``secret``, which is then the user's."""
    counter = matching_counter(secret, code, now)
    if counter is None:
        return False
    session.merge(Totp(user_id=user.id, secret=secret, last_counter=counter, created_at=now))
    by = Actor(user.id, user.name)
    record(session, by, "user.totp_on", user.audit_subject, now)
    return True


def switch_off(session: Session, user: User, *, now: datetime) -> None:
    """Removes the user's authenticator app."""
    row = session.get(Totp, user.id)
    if row is not None:
        session.delete(row)
        session.flush()
        by = Actor(user.id, user.name)
        record(session, by, "user.totp_off", user.audit_subject, now)


def accept_code(session: Session, user_id: int, code: str, now: datetime) -> bool:
    """Whether a code is valid and later than the last accepted one, which it becomes."""
    row = session.get(Totp, user_id)
    counter = matching_counter(row.secret, code, now) if row is not None else None
    if counter is None:
        return False
    accepted = session.execute(
        update(Totp)
        .where(Totp.user_id == user_id, Totp.last_counter < counter)
        .values(last_counter=counter)
    )
    return bool(accepted.rowcount)  # type: ignore[attr-defined]  # an UPDATE's result has it
