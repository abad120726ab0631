"""Loads and writes the rows of a movie, for the manager and the importers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, TypeVar

from sqlalchemy import select, text
from sqlalchemy.orm import Session, joinedload, selectinload
from sqlalchemy.orm.interfaces import ORMOption

from moziweb.db.meta import Base

from .former_addresses import successor
from .models import (
    Credit,
    DatePrecision,
    FieldProvenance,
    Movie,
    MovieGenre,
    Premiere,
    PremiereChange,
    StreamingService,
)
from .slugs import MAX_NAME_SLUG_LENGTH, slug_of

Row = TypeVar("Row", bound=Base)

_NAME_CHANGES: Final = "moziweb.movies.name_changes"

_PEOPLE: Final = 0x6D6F7A70
"""First key of the advisory locks of new people's names: an arbitrary number."""


def relations() -> tuple[ORMOption, ...]:
    """Options that load everything that a save or an import can change: five queries more."""
    return (
        joinedload(Movie.distributor),
        selectinload(Movie.genre_links).joinedload(MovieGenre.genre),
        selectinload(Movie.premieres).options(
            joinedload(Premiere.service), selectinload(Premiere.changes)
        ),
        selectinload(Movie.credits).joinedload(Credit.person),
        selectinload(Movie.trailers),
        selectinload(Movie.provenance),
    )


def bare_movie(title: str, **columns: Any) -> Movie:
    """Returns a new movie without genres, credits, premieres, trailers and provenance."""
    return Movie(
        title=title, original_title=title, slug=slug_of(title),
        genre_links=[], credits=[], premieres=[], trailers=[], provenance=[], **columns,
    )  # fmt: skip


def set_column(movie: Movie, field: str, value: Any) -> None:
    """Sets a column. A slug follows the title, unless it is a custom one."""
    if field == "title" and movie.slug == slug_of(movie.title):
        movie.slug = slug_of(value)
    setattr(movie, field, value)


def set_genres(movie: Movie, genre_ids: Sequence[int]) -> None:
    """Sets the genres, in their order."""
    links = {link.genre_id: link for link in movie.genre_links}
    for genre_id in links.keys() - set(genre_ids):
        movie.genre_links.remove(links[genre_id])
    for position, genre_id in enumerate(genre_ids):
        link = links.get(genre_id)
        if link is None:
            link = MovieGenre(movie_id=movie.id, genre_id=genre_id)
            movie.genre_links.append(link)
        link.position = position


def is_narrowed(
    old: date, old_precision: DatePrecision, new: date, new_precision: DatePrecision
) -> bool:
    """Whether a date is a more precise form of the old one: 27 August of August. It is no move."""
    is_more_precise = _PRECISIONS.index(new_precision) < _PRECISIONS.index(old_precision)
    return is_more_precise and old_precision.first_day(new) == old


_PRECISIONS: Final = tuple(DatePrecision)
"""The most precise one first."""


def note_move(premiere: Premiere, now: datetime, reason: str) -> None:
    """Keeps the present date of a premiere in its history; call it before setting another one."""
    old = {"old_date": premiere.date, "old_precision": premiere.precision}
    premiere.changes.append(PremiereChange(changed_at=now, reason=reason, **old))


def set_provenance(movie: Movie, fields: Iterable[str], source: str, fetched_at: datetime) -> None:
    """Records the source of some fields."""
    rows = {row.field: row for row in movie.provenance}
    for field in fields:
        row = rows.get(field)
        if row is None:
            row = FieldProvenance(movie_id=movie.id, field=field)
            movie.provenance.append(row)
        row.source, row.fetched_at = source, fetched_at


def service_id(session: Session, name: str) -> int:
    """Returns the id of a streaming service by its name; adds it if it is new."""
    slug = slug_of(name, MAX_NAME_SLUG_LENGTH)
    found = named_or_slugged(session, StreamingService, name, slug)
    return int((found or add(session, StreamingService(slug=slug, name=name))).id)


def named_or_slugged(session: Session, model: Any, name: str, slug: str) -> Any:
    """Returns the genre or service that has the name or the slug, or had the slug; or None."""
    by_name = select(model).where(model.name == name).order_by(model.id).limit(1)
    by_slug = select(model).where(model.slug == slug)
    found = session.scalars(by_name).first() or session.scalar(by_slug)
    return found or successor(session, model, slug)


def lock_new_people(session: Session, names: Iterable[str]) -> None:
    """Lets other transactions that add people of these names wait; look them up after it.

    Names of people are not unique. They are locked in one order, after the movie and before other
    names (``manager.movies.locks``). On SQLite a write transaction is exclusive anyway.
    """
    wanted = sorted(set(names))
    if wanted and session.get_bind().dialect.name == "postgresql":
        session.execute(_LOCK_PEOPLE, {"key": _PEOPLE, "names": wanted})


_LOCK_PEOPLE: Final = text(
    "SELECT pg_advisory_xact_lock(:key, hashtext(name)) FROM unnest(CAST(:names AS text[])) AS name"
)


def find_or_add(session: Session, model: Any, name: str) -> Any:
    """Returns the row of a name; adds one if there is none."""
    found = session.scalar(select(model).where(model.name == name))
    return found or add(session, model(name=name))


def add(session: Session, row: Row) -> Row:
    """Adds the row of a name, flushes and returns it."""
    session.add(row)
    session.flush()
    note_name_change(session, row)
    return row


@dataclass(frozen=True, slots=True)
class NameChange:
    """A person, genre, distributor or service that is new, or the values of its changed columns."""

    row: Any
    before: Mapping[str, Any] | None = None


def note_name_change(session: Session, row: Any, before: Mapping[str, Any] | None = None) -> None:
    """Notes that a save or an import makes or changes a name, for the audit."""
    session.info.setdefault(_NAME_CHANGES, []).append(NameChange(row, before))


def taken_name_changes(session: Session) -> list[NameChange]:
    """Returns the changes noted since the last call, in their order."""
    found: list[NameChange] = session.info.pop(_NAME_CHANGES, [])
    return found
