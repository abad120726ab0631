"""Recognises a form that is submitted again, so that it does not create the same thing twice.

The form carries a random token. The transaction that creates the row also stores the token with the
path of the result. A second click, or going back and saving again, finds it.
"""

import hashlib
import json
import re
import secrets
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ForeignKey, String, delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from moziweb.db.meta import Base

KEPT_FOR: Final = timedelta(days=7)
"""How long a form may stay open and still be recognised."""

FIELD: Final = "submission"
"""The hidden field with the token."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{22}")


class Submission(Base):
    """A form that was submitted: the SHA-256 of its fields, and the path of its result."""

    __tablename__ = "manager_submission"

    token: Mapped[str] = mapped_column(String(22), primary_key=True)
    user_id: Mapped[int] = mapped_column(
        ForeignKey("manager_user.id", ondelete="CASCADE"), primary_key=True
    )
    digest: Mapped[str] = mapped_column(String(64))
    path: Mapped[str] = mapped_column(String(300), default="")
    created_at: Mapped[datetime] = mapped_column(index=True)


def new_token() -> str:
    """The token of a form that is shown for the first time."""
    return secrets.token_urlsafe(16)


def fields_digest(fields: Any) -> str:
    """The SHA-256 of the texts of a form, without the CSRF token, as 64 hexadecimal digits."""
    texts = [
        [name, value]
        for name, value in fields.items()
        if isinstance(value, str) and name != "csrf_token"
    ]
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


def find(session: Session, user_id: int, fields: Any) -> Submission | None:
    """The submission of a form with this token that has made something, or None."""
    key = _key_of(user_id, fields)
    found = session.get(Submission, key) if key else None
    return found if found is not None and found.path else None


def begin(session: Session, user_id: int, fields: Any, now: datetime) -> Submission | None:
    """The submission of a form with these fields; with a ``path`` if it was made before.

    Call it in the transaction that creates the result, and set the path. It waits for another
    submission of the same form to commit. None for a form without a token.
    """
    key = _key_of(user_id, fields)
    if key is None:
        return None
    session.execute(delete(Submission).where(Submission.created_at < now - KEPT_FOR))
    made = Submission(**key, digest=fields_digest(fields), created_at=now)
    try:
        with session.begin_nested():
            session.add(made)
    except IntegrityError:
        return session.get_one(Submission, key)
    return made


def _key_of(user_id: int, fields: Any) -> dict[str, Any] | None:
    token = fields.get(FIELD)
    is_token = isinstance(token, str) and _TOKEN.fullmatch(token)
    return {"token": token, "user_id": user_id} if is_token else None
