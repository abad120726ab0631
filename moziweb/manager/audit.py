"""Who did what, written in the transaction of the deed: one without the other cannot be."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from sqlalchemy.orm import Session

from moziweb.movies.models import Movie

from .models import AuditEntry, User

Change: TypeAlias = tuple[str, str, str]
"""A field, its text before and its text after."""

MAX_TEXT: Final = 2000
"""Characters of a value that are kept."""

FILM: Final = "film"
USER: Final = "user"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does it: a user, or (without an id) a command of whoever may run it."""

    user_id: int | None
    name: str


COMMAND: Final = Actor(None, "moziweb")
"""Somebody at the command line."""


def record(
    session: Session,
    by: Actor,
    action: str,
    subject: Movie | User,
    now: datetime,
    changes: Iterable[Change] = (),
) -> AuditEntry:
    """Add an entry to the session; ``subject`` has been flushed."""
    is_film = isinstance(subject, Movie)
    entry = AuditEntry(
        at=now,
        user_id=by.user_id,
        user_name=by.name,
        action=action,
        subject=FILM if is_film else USER,
        subject_id=subject.id,
        subject_name=subject.title if isinstance(subject, Movie) else subject.name,
        changes=[
            {"field": field, "before": before[:MAX_TEXT], "after": after[:MAX_TEXT]}
            for field, before, after in changes
        ],
        pages=[],
    )
    session.add(entry)
    return entry
