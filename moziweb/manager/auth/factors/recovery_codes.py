"""Recovery codes: each replaces the second factor once."""

import secrets
from base64 import b32encode
from datetime import datetime
from hashlib import sha256
from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from ...audit.log import Actor, record
from ..models import User
from .models import RecoveryCode

CODES: Final = 10
CODE_BYTES: Final = 10

_GROUP: Final = 4


def make_codes(session: Session, user: User, *, now: datetime) -> list[str]:
    """Replaces the user's codes and returns the new ones, which are stored nowhere."""
    delete_codes(session, user)
    codes = [_grouped(b32encode(secrets.token_bytes(CODE_BYTES)).decode()) for _ in range(CODES)]
    session.add_all(RecoveryCode(user_id=user.id, code_hash=_hash(code)) for code in codes)
    by = Actor(user.id, user.name)
    record(session, by, "user.recovery_codes", user.audit_subject, now)
    return codes


def use_code(session: Session, user: User, code: str, now: datetime) -> bool:
    """Whether ``code`` is an unused code of the user; it is used then."""
    row = session.get(RecoveryCode, (user.id, _hash(code)))
    if row is None:
        return False
    session.expunge(row)
    used = session.execute(
        delete(RecoveryCode).where(
            RecoveryCode.user_id == user.id, RecoveryCode.code_hash == row.code_hash
        )
    )
    if not used.rowcount:  # type: ignore[attr-defined]  # another request has used it
        return False
    left = str(count_codes(session, user.id))
    by, changes = Actor(user.id, user.name), [("codes", "", left)]
    record(session, by, "user.recovery_code", user.audit_subject, now, changes)
    return True


def count_codes(session: Session, user_id: int) -> int:
    """Returns how many codes are unused."""
    count = select(func.count()).where(RecoveryCode.user_id == user_id)
    return session.scalar(count) or 0


def delete_codes(session: Session, user: User) -> None:
    """Deletes the user's codes."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))


def _grouped(text: str) -> str:
    groups = (text[at : at + _GROUP] for at in range(0, len(text), _GROUP))
    return "-".join(groups).lower()


def _hash(code: str) -> str:
    text = "".join(each for each in code.lower() if each.isalnum())
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
