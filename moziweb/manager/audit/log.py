"""Writes audit entries, in the transaction of the change that they record."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias

from sqlalchemy.orm import Session

from moziweb.movies.importers.planning import Effect, Plan
from moziweb.movies.models import Distributor, Genre, Movie, Person, StreamingService

from .models import AuditEntry

Change: TypeAlias = tuple[str, str, str]
"""Field, text before, text after."""

MAX_VALUE_LENGTH: Final = 2000
"""Stored characters of a value; the rest is cut off."""

MAX_SUBJECT_LENGTH: Final = 300
"""Stored characters of a subject's name."""

MOVIE: Final = "film"
USER: Final = "user"
POSTERS_SUBJECT: Final = "posters"
CACHE: Final = "cache"
PERSON: Final = "person"
GENRE: Final = "genre"
DISTRIBUTOR: Final = "distributor"
SERVICE: Final = "service"

SUBJECTS: Final[Mapping[type, str]] = {
    Movie: MOVIE, Person: PERSON, Genre: GENRE, Distributor: DISTRIBUTOR, StreamingService: SERVICE,
}  # fmt: skip
"""The subjects of rows by model."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What an action changes. ``id`` is None if it is not a row; ``name`` may be empty."""

    kind: str
    name: str = ""
    id: int | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a user, or (without an id) the command line."""

    user_id: int | None
    name: str


COMMAND: Final = Actor(None, "moziweb")
"""The command line."""

LIST_REFERENCE: Final = "reference"
"""The field of an import's entry with the reference that it has added: the list and the id."""


def record_import(
    session: Session,
    by: Actor,
    movie: Movie,
    plan: Plan,
    now: datetime,
    pages: Iterable[str],
    *,
    fields: dict[str, dict[str, Any]],
    batch: str = "",
) -> AuditEntry:
    """Add the entry of an imported movie to the transaction that writes it, and return it.

    ``pages`` are the paths of the pages that it invalidates, ``fields`` the values of what changed;
    ``batch`` names the import. The values have the reference by which the list finds the movie, if
    it is new: a wrong one is taken back, too.
    """
    changes = [(each.field, each.before, each.after) for each in plan.written]
    if not plan.referenced:
        reference = [plan.candidate.list_name, plan.candidate.ref]
        fields = {**fields, LIST_REFERENCE: {"before": None, "after": reference}}
        changes.append((LIST_REFERENCE, "", " ".join(filter(None, reference))))
    entry = record(session, by, "film.import", movie, now, changes, fields=fields, batch=batch)
    entry.pages = [] if plan.effect is Effect.SAME else list(pages)
    session.flush()
    return entry


def record(
    session: Session,
    by: Actor,
    action: str,
    subject: Movie | Subject,
    now: datetime,
    changes: Iterable[Change] = (),
    *,
    fields: dict[str, dict[str, Any]] | None = None,
    batch: str = "",
    undoes: int | None = None,
) -> AuditEntry:
    """Add an entry to the session and return it. A movie must have been flushed."""
    if isinstance(subject, Movie):
        subject = Subject(MOVIE, subject.title, subject.id)
    entry = AuditEntry(
        at=now,
        user_id=by.user_id,
        user_name=by.name,
        action=action,
        subject=subject.kind,
        subject_id=subject.id,
        subject_name=subject.name[:MAX_SUBJECT_LENGTH],
        changes=[
            {"field": field, "before": before[:MAX_VALUE_LENGTH], "after": after[:MAX_VALUE_LENGTH]}
            for field, before, after in changes
        ],
        pages=[],
        fields=fields or None,
        batch=batch or None,
        undoes=undoes,
    )
    session.add(entry)
    return entry


def exists_changes(name: str, *, before: bool) -> tuple[list[Change], dict[str, Any]]:
    """Returns the texts and the values of an entry about a row that is made, deleted or restored.

    ``before`` is whether it existed before.
    """
    texts = ("name", name, "") if before else ("name", "", name)
    return [texts], {"exists": {"before": before, "after": not before}}
