"""Writes a movie's values to its rows.

Unchanged rows are not written, so only pages that show a difference are invalidated. Changed fields
get the provenance ``hand``, and importers do not overwrite them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.movies.importers.provenance import HAND
from moziweb.movies.models import (
    Credit,
    CreditRole,
    Distributor,
    FieldProvenance,
    Movie,
    MovieGenre,
    Person,
    Premiere,
    PremiereChange,
    StreamingService,
    Trailer,
)
from moziweb.movies.slugs import slug_of

from .form import DateChanges
from .values import MovieValues, PersonLine, PremiereLine, values_of


@dataclass(frozen=True, slots=True)
class MovieWriter:
    """What a save writes: values, and the reasons of changed dates."""

    session: Session
    movie: Movie
    values: MovieValues
    date_changes: DateChanges
    now: datetime


def lock_movie(session: Session, movie_id: int) -> None:
    """Locks a movie's row against other writers until the transaction ends; call it before reading.

    It does not write: the version grows with real changes only (``movies.edit_version``), so a save
    without changes causes no conflict. On SQLite a write transaction is exclusive anyway.
    """
    session.execute(select(Movie.id).where(Movie.id == movie_id).with_for_update(key_share=True))


def new_movie(title: str, now: datetime) -> Movie:
    """Returns an unpublished movie with nothing but a title."""
    return Movie(
        title=title, original_title=title, slug=slug_of(title), published=False, created_at=now,
        genre_links=[], credits=[], premieres=[], trailers=[], provenance=[], distributor=None,
    )  # fmt: skip


def write(writer: MovieWriter) -> tuple[str, ...]:
    """Writes and flushes the values; returns the changed fields."""
    writer.session.add(writer.movie)
    writer.session.flush()
    changed = writer.values.changed_from(values_of(writer.movie))
    for field in changed:
        _WRITERS.get(field, _write_column)(writer, field)
    if changed:
        writer.movie.updated_at = writer.now
        _record_provenance(writer, changed)
    writer.session.flush()
    return changed


def _write_column(writer: MovieWriter, field: str) -> None:
    movie, value = writer.movie, getattr(writer.values, field)
    if field == "title" and movie.slug == slug_of(movie.title):
        movie.slug = slug_of(value)  # keep a custom slug
    setattr(movie, field, value)


def _write_distributor(writer: MovieWriter, field: str) -> None:
    name = writer.values.distributor
    found = _find_or_add(writer.session, Distributor, name) if name else None
    writer.movie.distributor_id = found.id if found else None


def _write_genres(writer: MovieWriter, field: str) -> None:
    links = {link.genre_id: link for link in writer.movie.genre_links}
    for genre_id in links.keys() - set(writer.values.genres):
        writer.movie.genre_links.remove(links[genre_id])
    for position, genre_id in enumerate(writer.values.genres):
        link = links.get(genre_id)
        if link is None:
            link = MovieGenre(movie_id=writer.movie.id, genre_id=genre_id)
            writer.movie.genre_links.append(link)
        link.position = position


def _write_people(writer: MovieWriter, field: str) -> None:
    """Updates credits in place and keeps their positions, which are unique at any time."""
    role = CreditRole.DIRECTOR if field == "directors" else CreditRole.CAST
    people: tuple[PersonLine, ...] = getattr(writer.values, field)
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
    found = session.scalars(select(Person).where(Person.name == name).limit(2)).all()
    return found[0] if len(found) == 1 else _add(session, Person(name=name))


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
        elif (premiere.date, premiere.precision) != (line.date, line.precision):
            _note_move(writer, premiere)
        _write_premiere(writer, premiere, line)


def _note_move(writer: MovieWriter, premiere: Premiere) -> None:
    if premiere.id in writer.date_changes.typos:
        return
    premiere.changes.append(
        PremiereChange(
            changed_at=writer.now,
            old_date=premiere.date,
            old_precision=premiere.precision,
            reason=writer.date_changes.reasons.get(premiere.id, ""),
        )
    )


def _write_premiere(writer: MovieWriter, premiere: Premiere, line: PremiereLine) -> None:
    premiere.date, premiere.precision, premiere.kind = line.date, line.precision, line.kind
    premiere.formats, premiere.audio = line.formats, line.audio
    premiere.rerelease, premiere.note = line.rerelease, line.note
    if not line.cancelled:
        premiere.cancelled_at = None
    elif premiere.cancelled_at is None:
        premiere.cancelled_at = writer.now
    service = None
    if line.service:
        slug = slug_of(line.service)
        service = _find_or_add(writer.session, StreamingService, line.service, slug=slug)
    premiere.service_id = service.id if service else None


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
        trailer.site, trailer.video_id = line.site, line.video_id
        trailer.name, trailer.language, trailer.position = line.name, line.language, position


def _record_provenance(writer: MovieWriter, changed: tuple[str, ...]) -> None:
    rows = {row.field: row for row in writer.movie.provenance}
    for field in changed:
        row = rows.get(field)
        if row is None:
            row = FieldProvenance(movie_id=writer.movie.id, field=field)
            writer.movie.provenance.append(row)
        row.source, row.fetched_at = HAND, writer.now


def _find_or_add(session: Session, model: Any, name: str, **values: Any) -> Any:
    found = session.scalar(select(model).where(model.name == name))
    return found or _add(session, model(name=name, **values))


def _add(session: Session, row: Any) -> Any:
    session.add(row)
    session.flush()
    return row


_WRITERS: Final[Mapping[str, Callable[[MovieWriter, str], None]]] = {
    "distributor": _write_distributor,
    "genres": _write_genres,
    "directors": _write_people,
    "cast": _write_people,
    "premieres": _write_premieres,
    "trailers": _write_trailers,
}
