"""What somebody had typed when their session was lost, kept until they are back.

A form that arrives without a valid session is answered by the page to sign in, which carries the
typed fields along, hidden. Whoever signs in there has them put into the database and is led back to
the form, which gives them back once. Nothing of a stranger's is ever stored."""

import json
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from sqlalchemy import JSON, ForeignKey, String, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column
from webob.multidict import MultiDict

from moziweb.db.meta import Base
from moziweb.db.types import parse_id

from .params import NO_ID


class Draft(Base):
    """What somebody had typed into a form when their session was lost; it is given back once."""

    __tablename__ = "manager_draft"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(
        ForeignKey("manager_user.id", ondelete="CASCADE"), index=True
    )
    path: Mapped[str] = mapped_column(String(300))
    fields: Mapped[list[Any]] = mapped_column(JSON)
    created_at: Mapped[datetime]


Fields: TypeAlias = list[tuple[str, str]]

MAX_CHARACTERS: Final = 200_000
"""The longest form that is kept, as JSON; the longest that a film's has is a tenth of it."""

KEPT: Final = timedelta(days=7)

_NOT_KEPT: Final = frozenset({"csrf_token", "password", "new_password", "current_password"})


def packed(fields: Any) -> str:
    """The texts of a form as JSON, "" for a form that is too long. Files are left out."""
    texts = [
        [name, value]
        for name, value in fields.items()
        if isinstance(value, str) and name not in _NOT_KEPT
    ]
    text = json.dumps(texts, ensure_ascii=False)
    return text if texts and len(text) <= MAX_CHARACTERS else ""


def unpacked(text: str) -> Fields:
    """The fields of ``packed``; none from anything else."""
    if not text or len(text) > MAX_CHARACTERS:
        return []
    try:
        found = json.loads(text)
    except ValueError:
        return []
    if not isinstance(found, list):
        return []
    return [(pair[0], pair[1]) for pair in found if _is_field(pair)]


def keep(session: Session, user_id: int, path: str, fields: Fields, now: datetime) -> int:
    """Keep the fields of the form at ``path`` for a user; returns the draft's id."""
    session.execute(delete(Draft).where(Draft.created_at < now - KEPT))
    draft = Draft(user_id=user_id, path=path[:300], fields=fields, created_at=now)
    session.add(draft)
    session.flush()
    return draft.id


def find(session: Session, user_id: int, path: str, number: str) -> MultiDict[str, str] | None:
    """The user's own draft of the form at ``path``, or None."""
    fields = session.scalar(
        select(Draft.fields).where(
            Draft.id == (parse_id(number) or NO_ID), Draft.user_id == user_id, Draft.path == path
        )
    )
    return None if fields is None else MultiDict([(name, value) for name, value in fields])


def drop(session: Session, user_id: int, path: str) -> None:
    """Forget the user's drafts of a form: it is saved."""
    session.execute(delete(Draft).where(Draft.user_id == user_id, Draft.path == path))


def _is_field(pair: object) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(isinstance(each, str) for each in pair)
