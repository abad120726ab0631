"""Who did what, written in the transaction of the deed: one without the other cannot be."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from sqlalchemy.orm import Session

from moziweb.movies.models import Movie

from ..auth.models import User
from .models import AuditEntry

Change: TypeAlias = tuple[str, str, str]
"""A field, its text before and its text after."""

MAX_TEXT: Final = 2000
"""Characters of a value that are kept."""

MAX_NAME: Final = 300
"""Characters of a subject's name that are kept."""

MOVIE: Final = "film"
USER: Final = "user"
POSTERS: Final = "posters"
CACHE: Final = "cache"


@dataclass(frozen=True, slots=True)
class Subject:
    """A part of the machinery that something is done to; ``name`` says to what of it, if any."""

    kind: str
    name: str = ""


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
    subject: Movie | User | Subject,
    now: datetime,
    changes: Iterable[Change] = (),
) -> AuditEntry:
    """Add an entry to the session; ``subject`` has been flushed."""
    kind, number, name = _named(subject)
    entry = AuditEntry(
        at=now,
        user_id=by.user_id,
        user_name=by.name,
        action=action,
        subject=kind,
        subject_id=number,
        subject_name=name[:MAX_NAME],
        changes=[
            {"field": field, "before": before[:MAX_TEXT], "after": after[:MAX_TEXT]}
            for field, before, after in changes
        ],
        pages=[],
    )
    session.add(entry)
    return entry


def _named(subject: Movie | User | Subject) -> tuple[str, int | None, str]:
    """The kind of a subject, its id if it has one, and its name."""
    if isinstance(subject, Movie):
        return MOVIE, subject.id, subject.title
    if isinstance(subject, User):
        return USER, subject.id, subject.name
    return subject.kind, None, subject.name
