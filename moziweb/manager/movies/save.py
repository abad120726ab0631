"""Writes a movie's values to its rows.

Unchanged rows are not written, so only pages that show a difference are invalidated. Changed fields
get the provenance ``hand``, and importers do not overwrite them.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.movies.importers.provenance import HAND
from moziweb.movies.models import Credit, CreditRole, Distributor, Movie, Person, Premiere, Trailer
from moziweb.movies.movie_rows import (
    add,
    find_or_add,
    is_narrowed,
    lock_new_people,
    note_move,
    service_id,
    set_column,
    set_genres,
    set_provenance,
)

from .form import DateChanges
from .values import MovieValues, PersonLine, PremiereLine, values_of

_PEOPLE: Final = frozenset({"directors", "cast"})


@dataclass(frozen=True, slots=True)
class MovieWriter:
    """What a save writes: values, and the reasons of changed dates."""

    session: Session
    movie: Movie
    values: MovieValues
    date_changes: DateChanges
    now: datetime


def write(writer: MovieWriter) -> tuple[str, ...]:
    """Writes and flushes the values; returns the changed fields."""
    writer.session.add(writer.movie)
    writer.session.flush()
    changed = writer.values.changed_from(values_of(writer.movie))
    _lock_new_people(writer, changed)
    for field in changed:
        _WRITERS.get(field, _write_column)(writer, field)
    if changed:
        writer.movie.updated_at = writer.now
        set_provenance(writer.movie, changed, HAND, writer.now)
    writer.session.flush()
    return changed


def _lock_new_people(writer: MovieWriter, changed: Iterable[str]) -> None:
    """Locks the names of new people. One query if there are names without ids."""
    lines = [line for field in changed if field in _PEOPLE for line in _people(writer, field)]
    names = {line.name for line in lines if not line.person_id}
    if names:
        known = writer.session.scalars(select(Person.name).where(Person.name.in_(names)))
        lock_new_people(writer.session, names.difference(known))


def _people(writer: MovieWriter, field: str) -> tuple[PersonLine, ...]:
    lines: tuple[PersonLine, ...] = getattr(writer.values, field)
    return lines


def _write_column(writer: MovieWriter, field: str) -> None:
    set_column(writer.movie, field, getattr(writer.values, field))


def _write_distributor(writer: MovieWriter, field: str) -> None:
    name = writer.values.distributor
    found = find_or_add(writer.session, Distributor, name) if name else None
    writer.movie.distributor_id = found.id if found else None


def _write_genres(writer: MovieWriter, field: str) -> None:
    set_genres(writer.movie, writer.values.genres)


def _write_people(writer: MovieWriter, field: str) -> None:
    """Updates credits in place and keeps their positions, which are unique at any time."""
    role = CreditRole.DIRECTOR if field == "directors" else CreditRole.CAST
    people = _people(writer, field)
    existing = [credit for credit in writer.movie.credits if credit.role is role]
    for credit in existing[len(people) :]:
        writer.movie.credits.remove(credit)
    last = max((credit.position for credit in existing), default=-1)
    for number, line in enumerate(people):
        person_id = line.person_id or _person(writer.session, line.name).id
        if number < len(existing):
            credit = existing[number]
        else:
            last += 1
            credit = Credit(movie_id=writer.movie.id, role=role, position=last)
            writer.movie.credits.append(credit)
        credit.person_id, credit.character = person_id, line.character


def _person(session: Session, name: str) -> Person:
    """The only person of this name; a new one if there is none, or more than one."""
    query = select(Person).where(Person.name == name).limit(2)
    found = session.scalars(query).all()
    return found[0] if len(found) == 1 else add(session, Person(name=name))


def _write_premieres(writer: MovieWriter, field: str) -> None:
    existing = {premiere.id: premiere for premiere in writer.movie.premieres}
    wanted = {line.id for line in writer.values.premieres if line.id}
    for premiere_id in existing.keys() - wanted:
        writer.movie.premieres.remove(existing[premiere_id])
    for line in writer.values.premieres:
        premiere = existing.get(line.id) if line.id else None
        if premiere is None:
            premiere = Premiere(movie_id=writer.movie.id, changes=[])
            writer.movie.premieres.append(premiere)
        else:
            _note_move(writer, premiere, line)
        _write_premiere(writer, premiere, line)


def _note_move(writer: MovieWriter, premiere: Premiere, line: PremiereLine) -> None:
    """Keeps a date that changes in the history, unless it was mistyped or becomes more precise."""
    old, new = (premiere.date, premiere.precision), (line.date, line.precision)
    changes = writer.date_changes
    if old != new and not is_narrowed(*old, *new) and premiere.id not in changes.typos:
        note_move(premiere, writer.now, changes.reasons.get(premiere.id, ""))


def _write_premiere(writer: MovieWriter, premiere: Premiere, line: PremiereLine) -> None:
    premiere.date, premiere.precision, premiere.kind = line.date, line.precision, line.kind
    premiere.formats, premiere.audio = line.formats, line.audio
    premiere.rerelease, premiere.note = line.rerelease, line.note
    if not line.cancelled:
        premiere.cancelled_at = None
    elif premiere.cancelled_at is None:
        premiere.cancelled_at = writer.now
    premiere.service_id = service_id(writer.session, line.service) if line.service else None


def _write_trailers(writer: MovieWriter, field: str) -> None:
    existing = {trailer.id: trailer for trailer in writer.movie.trailers}
    wanted = {line.id for line in writer.values.trailers if line.id}
    for trailer_id in existing.keys() - wanted:
        writer.movie.trailers.remove(existing[trailer_id])
    for position, line in enumerate(writer.values.trailers):
        trailer = existing.get(line.id) if line.id else None
        if trailer is None:
            trailer = Trailer(movie_id=writer.movie.id)
            writer.movie.trailers.append(trailer)
        if (trailer.site, trailer.video_id) != (line.site, line.video_id):
            trailer.published_at = None
        trailer.site, trailer.video_id = line.site, line.video_id
        trailer.name, trailer.language, trailer.position = line.name, line.language, position


_WRITERS: Final[Mapping[str, Callable[[MovieWriter, str], None]]] = {
    "distributor": _write_distributor,
    "genres": _write_genres,
    "directors": _write_people,
    "cast": _write_people,
    "premieres": _write_premieres,
    "trailers": _write_trailers,
}
