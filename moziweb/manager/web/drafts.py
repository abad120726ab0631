"""Keeps the fields of a form whose session had ended, until the user has signed in.

A form without a valid session is answered with the sign-in page, which carries its fields in a
hidden field if our own page sent them. After sign-in they are stored and the user returns to the
form, which shows them once. Fields are never stored for a request without a user.
"""

import json
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias
from urllib.parse import quote_plus

from sqlalchemy import JSON, ForeignKey, String, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column
from webob.multidict import MultiDict

from moziweb.db.meta import Base
from moziweb.db.types import parse_id
from moziweb.request import Request

from ..auth.sessions import require_user
from .params import NO_ID, safe_fields


class Draft(Base):
    """The fields of a form, kept for a user; ``path`` is that of the form."""

    __tablename__ = "manager_draft"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(
        ForeignKey("manager_user.id", ondelete="CASCADE"), index=True
    )
    path: Mapped[str] = mapped_column(String(300))
    fields: Mapped[list[Any]] = mapped_column(JSON)
    created_at: Mapped[datetime]


Fields: TypeAlias = list[tuple[str, str]]

MAX_ENCODED: Final = 900_000
"""Bytes of the largest form that is kept, URL-encoded in the sign-in form (``MAX_FORM``).

A week's grid of 200 rows needs a third of it, a movie a tenth.
"""

MAX_AGE: Final = timedelta(days=7)

SECRETS: Final = frozenset({"password", "new_password", "current_password", "code"})
"""Fields with passwords and codes, which are stored nowhere."""


class DraftTooLong(Exception):
    """The fields of a form do not fit into a draft."""


def pack(fields: Any) -> str:
    """Returns the text fields of a form as JSON, "" without any. Files are left out.

    Raises ``DraftTooLong``.
    """
    texts = [
        [name, value]
        for name, value in fields.items()
        if isinstance(value, str) and name not in {"csrf_token", *SECRETS}
    ]
    text = json.dumps(texts, ensure_ascii=False) if texts else ""
    if len(quote_plus(text, errors="replace")) > MAX_ENCODED:
        raise DraftTooLong
    return text


def unpack(text: str) -> Fields:
    """Returns the fields of ``pack``; none for any other text."""
    if not text or len(text) > MAX_ENCODED:
        return []
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return []
    if not isinstance(found, list):
        return []
    return [(pair[0], pair[1]) for pair in found if _is_field(pair)]


def keep(session: Session, user_id: int, path: str, fields: Fields, now: datetime) -> int:
    """Stores a draft of the form at ``path`` and deletes old drafts; returns its id."""
    session.execute(delete(Draft).where(Draft.created_at < now - MAX_AGE))
    draft = Draft(user_id=user_id, path=path[:300], fields=fields, created_at=now)
    session.add(draft)
    session.flush()
    return draft.id


def find(session: Session, user_id: int, path: str, number: str) -> MultiDict[str, str] | None:
    """Returns the user's draft of the form at ``path``, or None."""
    fields = session.scalar(
        select(Draft.fields).where(
            Draft.id == (parse_id(number) or NO_ID), Draft.user_id == user_id, Draft.path == path
        )
    )
    return None if fields is None else MultiDict([(name, value) for name, value in fields])


def latest(session: Session, user_id: int, path: str, fields: Fields) -> int | None:
    """Returns the id of the user's latest draft of the form at ``path`` with these fields."""
    query = select(Draft).where(Draft.user_id == user_id, Draft.path == path)
    drafts = session.scalars(query.order_by(Draft.id.desc()))
    wanted = [list(each) for each in fields]
    return next((draft.id for draft in drafts if draft.fields == wanted), None)


def asked(request: Request) -> MultiDict[str, str] | None:
    """Returns the texts of the draft that ``?draft=`` names for this form, or None."""
    number = request.GET.get("draft", "")
    if not number:
        return None
    found = find(request.dbsession, require_user(request).user_id, request.path, number)
    return None if found is None else safe_fields(found)


def drop(session: Session, user_id: int, path: str) -> None:
    """Deletes the user's drafts of the form at ``path``, after saving."""
    session.execute(delete(Draft).where(Draft.user_id == user_id, Draft.path == path))


def _is_field(pair: object) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(isinstance(each, str) for each in pair)
