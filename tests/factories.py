"""Factories of rows with default values. They flush and do not commit."""

from datetime import UTC, date, datetime
from itertools import count
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.db.meta import Base
from moziweb.movies.models import (
    Credit,
    CreditRole,
    Distributor,
    Genre,
    Movie,
    MovieGenre,
    Person,
    Premiere,
    PremiereChange,
    PremiereKind,
    StreamingService,
    Trailer,
)
from moziweb.movies.slugs import slug_of
from moziweb.posters.generation.upload_store import record_upload, store_upload
from moziweb.posters.imaging.values import LIMITS, Limits
from moziweb.posters.models import PosterSource, SourceKind
from moziweb.storage import Storage

THURSDAY = date(2026, 8, 20)

Row = TypeVar("Row", bound=Base)

_numbers = count(1)


def make_movie(session: Session, title: str = "", **values: Any) -> Movie:
    """A published movie of 110 minutes."""
    title = title or f"Film {next(_numbers)}"
    given = {"original_title": title, "slug": slug_of(title), "runtime": 110, **values}
    return _added(session, Movie(title=title, **given))


def make_premiere(session: Session, movie: Movie, day: date = THURSDAY, **values: Any) -> Premiere:
    """A cinema premiere, or a streaming premiere if ``service`` (its name) is given."""
    service = values.pop("service", None)
    if service:
        values["kind"] = PremiereKind.STREAMING
        values["service_id"] = named(session, StreamingService, service, slug=slug_of(service)).id
    return _added(
        session,
        Premiere(**{"movie_id": movie.id, "date": day, "kind": PremiereKind.CINEMA, **values}),
    )


def move_premiere(
    session: Session,
    premiere: Premiere,
    day: date,
    reason: str = "",
    at: datetime = datetime(2026, 8, 1, 12, tzinfo=UTC),
) -> None:
    """Change the date of a premiere and record the old one."""
    change = PremiereChange(
        premiere_id=premiere.id,
        old_date=premiere.date,
        old_precision=premiere.precision,
        reason=reason,
        changed_at=at,
    )
    premiere.date = day
    _added(session, change)


def add_genres(session: Session, movie: Movie, *names: str) -> None:
    """Add genres in this order; ``Vígjáték/Comedy`` is the name in both languages."""
    for position, name in enumerate(names):
        hungarian, _, english = name.partition("/")
        genre = named(
            session, Genre, hungarian, slug=slug_of(hungarian), name_en=english or hungarian
        )
        _added(session, MovieGenre(movie_id=movie.id, genre_id=genre.id, position=position))


def add_people(session: Session, movie: Movie, role: CreditRole, *names: str) -> None:
    """Add credits in billing order; ``Name/Character`` also sets the character."""
    for position, text in enumerate(names):
        name, _, character = text.partition("/")
        person = named(session, Person, name)
        _added(
            session,
            Credit(
                movie_id=movie.id,
                person_id=person.id,
                role=role,
                position=position,
                character=character,
            ),
        )


def add_trailer(session: Session, movie: Movie, video_id: str = "dQw4w9WgXcQ") -> Trailer:
    """Add a trailer at YouTube."""
    uploaded = datetime(2026, 5, 1, 12, tzinfo=UTC)
    trailer = Trailer(
        movie_id=movie.id, video_id=video_id, name="Előzetes", language="hu", published_at=uploaded
    )
    return _added(session, trailer)


def add_poster(session: Session, movie: Movie, **values: Any) -> PosterSource:
    """Add a chosen source that has not been read yet."""
    given = {"kind": SourceKind.URL, "url": "https://example.com/p.jpg", "chosen": True, **values}
    return _added(session, PosterSource(movie_id=movie.id, **given))


def set_distributor(session: Session, movie: Movie, name: str) -> None:
    """Set the distributor by name."""
    movie.distributor_id = named(session, Distributor, name).id
    session.flush()


def named(session: Session, model: Any, name: str, **values: Any) -> Any:
    """The row of this name; created if missing."""
    found = session.scalar(select(model).where(model.name == name))
    return found or _added(session, model(name=name, **values))


def _added(session: Session, row: Row) -> Row:
    session.add(row)
    session.flush()
    return row


def add_upload(
    session: Session, storage: Storage, movie: Movie, data: bytes, limits: Limits = LIMITS
) -> PosterSource:
    """Store an image as the chosen poster source of a movie; its variants are not made yet."""
    return record_upload(session, movie.id, store_upload(storage, data, limits))
