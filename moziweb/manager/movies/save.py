"""Writing a sheet into the rows of a film: what changed, and nothing else.

A row that does not change is not written, so exactly the pages that show the difference go stale.
What is written here is by hand: importers will leave it alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

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

from .form import Moves
from .values import MovieValues, PersonLine, PremiereLine, values_of

HAND: Final = "hand"


@dataclass(frozen=True, slots=True)
class MovieWriter:
    """One film being written, by the moment ``now``; ``moves`` say why premieres move."""

    session: Session
    movie: Movie
    sheet: MovieValues
    moves: Moves
    now: datetime


def lock_movie(session: Session, movie_id: int) -> None:
    """Have nobody else write the film until this transaction ends; before the film is read.

    Nothing is written by it: the version grows with what is (``movies.versions``), so a save that
    changes nothing leaves other editors in peace. On SQLite a transaction that may write is alone
    from its beginning.
    """
    session.execute(select(Movie.id).where(Movie.id == movie_id).with_for_update(key_share=True))


def new_movie(title: str, now: datetime) -> Movie:
    """A film with nothing but a title, not on the site yet."""
    return Movie(
        title=title, original_title=title, slug=slug_of(title), published=False, created_at=now,
        genre_links=[], credits=[], premieres=[], trailers=[], provenance=[], distributor=None,
    )  # fmt: skip


def write(writing: MovieWriter) -> tuple[str, ...]:
    """Have the film say what the sheet does, flushed; returns the fields that changed."""
    writing.session.add(writing.movie)
    writing.session.flush()
    changed = writing.sheet.changed_from(values_of(writing.movie))
    for field in changed:
        _WRITERS.get(field, _write_column)(writing, field)
    if changed:
        writing.movie.updated_at = writing.now
        _sign(writing, changed)
    writing.session.flush()
    return changed


def _write_column(writing: MovieWriter, field: str) -> None:
    movie, value = writing.movie, getattr(writing.sheet, field)
    if field == "title" and movie.slug == slug_of(movie.title):
        movie.slug = slug_of(value)  # one that was made otherwise stays
    setattr(movie, field, value)


def _write_distributor(writing: MovieWriter, field: str) -> None:
    name = writing.sheet.distributor
    found = _named(writing.session, Distributor, name) if name else None
    writing.movie.distributor_id = found.id if found else None


def _write_genres(writing: MovieWriter, field: str) -> None:
    links = {link.genre_id: link for link in writing.movie.genre_links}
    for genre_id in links.keys() - set(writing.sheet.genres):
        writing.movie.genre_links.remove(links[genre_id])
    for position, genre_id in enumerate(writing.sheet.genres):
        link = links.get(genre_id)
        if link is None:
            link = MovieGenre(movie_id=writing.movie.id, genre_id=genre_id)
            writing.movie.genre_links.append(link)
        link.position = position


def _write_people(writing: MovieWriter, field: str) -> None:
    """Credits change in place and keep their positions, which are unique at every moment."""
    role = CreditRole.DIRECTOR if field == "directors" else CreditRole.CAST
    lines: tuple[PersonLine, ...] = getattr(writing.sheet, field)
    standing = [credit for credit in writing.movie.credits if credit.role is role]
    for credit in standing[len(lines) :]:
        writing.movie.credits.remove(credit)
    last = max((credit.position for credit in standing), default=-1)
    for number, line in enumerate(lines):
        person_id = line.person_id or _person(writing.session, line.name).id
        if number < len(standing):
            credit = standing[number]
        else:
            last += 1
            credit = Credit(movie_id=writing.movie.id, role=role, position=last)
            writing.movie.credits.append(credit)
        credit.person_id, credit.character = person_id, line.character


def _person(session: Session, name: str) -> Person:
    """The only one of this name, or somebody new: of two, nobody can tell which is meant."""
    found = session.scalars(select(Person).where(Person.name == name).limit(2)).all()
    return found[0] if len(found) == 1 else _added(session, Person(name=name))


def _write_premieres(writing: MovieWriter, field: str) -> None:
    standing = {premiere.id: premiere for premiere in writing.movie.premieres}
    wanted = {line.id for line in writing.sheet.premieres if line.id}
    for premiere_id in standing.keys() - wanted:
        writing.movie.premieres.remove(standing[premiere_id])
    for line in writing.sheet.premieres:
        premiere = standing.get(line.id) if line.id else None
        if premiere is None:
            premiere = Premiere(movie_id=writing.movie.id, changes=[])
            writing.movie.premieres.append(premiere)
        elif (premiere.date, premiere.precision) != (line.date, line.precision):
            _note_move(writing, premiere)
        _write_premiere(writing, premiere, line)


def _note_move(writing: MovieWriter, premiere: Premiere) -> None:
    if premiere.id in writing.moves.slips:
        return
    premiere.changes.append(
        PremiereChange(
            changed_at=writing.now,
            old_date=premiere.date,
            old_precision=premiere.precision,
            reason=writing.moves.reasons.get(premiere.id, ""),
        )
    )


def _write_premiere(writing: MovieWriter, premiere: Premiere, line: PremiereLine) -> None:
    premiere.date, premiere.precision, premiere.kind = line.date, line.precision, line.kind
    premiere.formats, premiere.audio = line.formats, line.audio
    premiere.rerelease, premiere.note = line.rerelease, line.note
    if not line.cancelled:
        premiere.cancelled_at = None
    elif premiere.cancelled_at is None:
        premiere.cancelled_at = writing.now
    service = None
    if line.service:
        slug = slug_of(line.service)
        service = _named(writing.session, StreamingService, line.service, slug=slug)
    premiere.service_id = service.id if service else None


def _write_trailers(writing: MovieWriter, field: str) -> None:
    standing = {trailer.id: trailer for trailer in writing.movie.trailers}
    wanted = {line.id for line in writing.sheet.trailers if line.id}
    for trailer_id in standing.keys() - wanted:
        writing.movie.trailers.remove(standing[trailer_id])
    for position, line in enumerate(writing.sheet.trailers):
        trailer = standing.get(line.id) if line.id else None
        if trailer is None:
            trailer = Trailer(movie_id=writing.movie.id)
            writing.movie.trailers.append(trailer)
        trailer.site, trailer.video_id = line.site, line.video_id
        trailer.name, trailer.language, trailer.position = line.name, line.language, position


def _sign(writing: MovieWriter, changed: tuple[str, ...]) -> None:
    rows = {row.field: row for row in writing.movie.provenance}
    for field in changed:
        row = rows.get(field)
        if row is None:
            row = FieldProvenance(movie_id=writing.movie.id, field=field)
            writing.movie.provenance.append(row)
        row.source, row.fetched_at = HAND, writing.now


def _named(session: Session, model: Any, name: str, **values: Any) -> Any:
    found = session.scalar(select(model).where(model.name == name))
    return found or _added(session, model(name=name, **values))


def _added(session: Session, row: Any) -> Any:
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
