"""Recognises a form that is submitted again, so that it does not do the same thing twice.

Each form carries a random token (``csrf()`` of the templates). The transaction of its first
submission stores the token with the path that it redirects to. A second click, or going back and
submitting again, gets the same redirect (``once``), unless what it has saved was taken back since.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from pyramid.response import Response
from sqlalchemy import ForeignKey, String, delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from moziweb.db.meta import Base
from moziweb.request import Request

from ..audit.history import is_in_effect
from ..audit.models import AuditEntry
from ..auth.sessions import signed_in
from .drafts import SECRETS
from .redirects import Detour, SeeOther

KEPT_FOR: Final = timedelta(days=7)
"""How long a form may stay open and still be recognised."""

FIELD: Final = "submission"
"""The hidden field with the token."""

MAX_PATH: Final = 300
"""Characters of a path; a longer one is not stored."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{22}")

_SAVED: Final = re.compile(r"[?&]saved=([0-9]+)")
"""The id of the audit entry of a save, in the path of its result."""

PostView = Callable[[Any, Request], Response]


class Submission(Base):
    """A form that was submitted: the SHA-256 of its fields, and the path of its result.

    ``is_new`` in the transaction that inserts it.
    """

    __tablename__ = "manager_submission"

    token: Mapped[str] = mapped_column(String(22), primary_key=True)
    user_id: Mapped[int] = mapped_column(
        ForeignKey("manager_user.id", ondelete="CASCADE"), primary_key=True
    )
    digest: Mapped[str] = mapped_column(String(64))
    path: Mapped[str] = mapped_column(String(MAX_PATH), default="")
    created_at: Mapped[datetime] = mapped_column(index=True)

    is_new = False


def new_token() -> str:
    """The token of a form that is shown for the first time."""
    return secrets.token_urlsafe(16)


def fields_digest(fields: Any) -> str:
    """The SHA-256 of a form and its files, as 64 hexadecimal digits.

    The CSRF token is left out, and so are secrets: a stored digest would help to guess them.
    """
    left_out = {"csrf_token", *SECRETS}
    texts = [[name, _text(value)] for name, value in fields.items() if name not in left_out]
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


def _text(value: Any) -> str:
    """A text itself; the SHA-256 of a file, which can be read again afterwards."""
    if isinstance(value, str):
        return value
    digest = hashlib.file_digest(value.file, "sha256").hexdigest()
    value.file.seek(0)
    return f"{value.filename} {digest}"


def once(view: PostView) -> PostView:
    """View decorator: a form that is submitted again gets the redirect of its first submission.

    The same form with other fields is submitted as usual. So is a form with a password, whose
    digest does not tell it from another one.
    """

    def wrapper(context: Any, request: Request) -> Response:
        user, fields = signed_in(request), request.POST
        if user is None or not _key_of(user.user_id, fields) or not SECRETS.isdisjoint(fields):
            return view(context, request)
        digest = fields_digest(fields)
        with request.services.database.read() as session:
            made = find(session, user.user_id, fields)
        if made is not None and made.digest == digest:
            return SeeOther(made.path)
        response = view(context, request)
        path = response.headers.get("Location", "")
        if isinstance(response, Detour):
            return response
        if response.status_int == SeeOther.code and len(path) <= MAX_PATH:
            return _remember(request, response, user.user_id, digest)
        return response

    return wrapper


def _remember(request: Request, response: Response, user_id: int, digest: str) -> Response:
    """Stores the path of a redirect; undoes the work if another request has submitted the form."""
    fields, path = request.POST, response.headers["Location"]
    known = begin(request.dbsession, user_id, fields, request.services.clock(), digest)
    if known is None:
        return response
    if known.digest == digest and not known.is_new:
        request.tm.doom()
        return SeeOther(known.path)
    known.path, known.digest = path, digest
    return response


def find(session: Session, user_id: int, fields: Any) -> Submission | None:
    """The submission of a form with this token that has made something, or None.

    None if that was taken back since.
    """
    key = _key_of(user_id, fields)
    found = session.get(Submission, key) if key else None
    if found is None or not found.path or _is_taken_back(session, found.path):
        return None
    return found


def begin(
    session: Session, user_id: int, fields: Any, now: datetime, digest: str = ""
) -> Submission | None:
    """The submission of a form with these fields; with a ``path`` if it was made before.

    If the result of that was taken back, this one counts as the first. Call it in the transaction
    that creates the result, and set the path. It waits for another submission of the same form to
    commit. None for a form without a token. Give the ``digest`` if the files of the form may be
    closed.
    """
    key = _key_of(user_id, fields)
    if key is None:
        return None
    known = session.get(Submission, key)
    if known is not None:
        if _is_taken_back(session, known.path):
            session.refresh(known, with_for_update=True)
            if _is_taken_back(session, known.path):  # no other request has begun it
                known.path, known.digest = "", digest or fields_digest(fields)
                known.is_new = True
        return known
    session.execute(delete(Submission).where(Submission.created_at < now - KEPT_FOR))
    made = Submission(**key, digest=digest or fields_digest(fields), created_at=now)
    try:
        with session.begin_nested():
            session.add(made)
    except IntegrityError:
        return session.get_one(Submission, key)
    made.is_new = True
    return made


def _is_taken_back(session: Session, path: str) -> bool:
    """Whether all changes of the save that a path shows were taken back."""
    number = _SAVED.search(path)
    entry = session.get(AuditEntry, int(number[1])) if number else None
    if entry is None:
        return False
    together = select(AuditEntry.id).where(AuditEntry.batch == entry.batch)
    ids = session.scalars(together).all() if entry.batch else [entry.id]
    return not any(is_in_effect(session, each) for each in ids)


def _key_of(user_id: int, fields: Any) -> dict[str, Any] | None:
    token = fields.get(FIELD)
    is_token = isinstance(token, str) and _TOKEN.fullmatch(token)
    return {"token": token, "user_id": user_id} if is_token else None
