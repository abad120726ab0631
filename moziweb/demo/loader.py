"""Inserts the catalogue into the database in bulk, without changing existing rows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Final

from sqlalchemy import insert, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from moziweb.movies.calendar import BUDAPEST
from moziweb.movies.models import (
    Audio,
    Credit,
    CreditRole,
    DatePrecision,
    Distributor,
    FieldProvenance,
    Genre,
    Movie,
    MovieGenre,
    Person,
    Premiere,
    PremiereChange,
    PremiereKind,
    Rating,
    StreamingService,
    Trailer,
    VideoSite,
)
from moziweb.movies.slugs import slug_of
from moziweb.posters.models import PosterSource, SourceKind, SourceState

from .catalogue import DemoMovie, demo_movies
from .premieres import WEBSITES, DemoPremiere
from .vocabulary import country_codes, hungarian_genre, language_codes

PROVENANCE: Final = "demo"
"""The provenance of all fields of the demo's movies."""

LOADED_FIELDS: Final = (
    "title",
    "original_title",
    "synopsis",
    "synopsis_en",
    "runtime",
    "rating",
    "genres",
    "countries",
    "languages",
    "distributor",
    "directors",
    "cast",
    "premieres",
    "trailers",
    "imdb_id",
)
"""The fields of a movie that the demo sets."""

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class DemoReport:
    """Numbers of a run; ``added`` is 0 if the database had all movies of the catalogue."""

    catalogue: int
    added: int
    premieres: int = 0
    people: int = 0
    posters: int = 0


def load_demo(session: Session, today: date, now: datetime) -> DemoReport:
    """Insert the movies whose IMDb ids are not in the database; do not change the others.

    The dates are around ``today``; ``now`` is the creation time. The caller commits.
    """
    catalogue = demo_movies(today)
    known = frozenset(session.scalars(select(Movie.imdb_id)))
    movies = [movie for movie in catalogue if movie.imdb_id not in known]
    if not movies:
        return DemoReport(len(catalogue), added=0)
    ids = _insert_movies(session, movies, now)
    return DemoReport(
        len(catalogue),
        added=len(movies),
        premieres=_insert_premieres(session, movies, ids),
        people=_insert_credits(session, movies, ids),
        posters=_insert_posters(session, movies, ids, now),
    )


def _insert_movies(session: Session, movies: Sequence[DemoMovie], now: datetime) -> list[int]:
    """Insert the movies with genres, trailers and provenance; return their ids in order."""
    distributors = _ids_of(
        session, Distributor.id, Distributor.name, (movie.distributor for movie in movies)
    )
    _insert(session, Movie, [_movie_row(movie, distributors, now) for movie in movies])
    by_imdb_id = _ids_by(session, Movie.id, Movie.imdb_id, (movie.imdb_id for movie in movies))
    ids = [by_imdb_id[movie.imdb_id] for movie in movies]
    _insert_genres(session, movies, ids)
    _insert(session, Trailer, _trailer_rows(movies, ids))
    provenance = {"source": PROVENANCE, "fetched_at": now}
    fields = [
        {"movie_id": id_, "field": field, **provenance} for id_ in ids for field in LOADED_FIELDS
    ]
    _insert(session, FieldProvenance, fields)
    return ids


def _movie_row(movie: DemoMovie, distributors: Mapping[str, int], now: datetime) -> dict[str, Any]:
    return {
        "title": movie.title,
        "original_title": movie.original_title,
        "slug": slug_of(movie.title),
        "synopsis": movie.synopsis,
        "synopsis_en": movie.synopsis_en,
        "runtime": movie.runtime,
        "rating": Rating(movie.rating) if movie.rating else None,
        "countries": country_codes(movie.countries),
        "languages": language_codes(movie.languages),
        "imdb_id": movie.imdb_id,
        "distributor_id": distributors.get(movie.distributor),
        "published": True,
        "created_at": now,
        "updated_at": now,
    }


def _insert_genres(session: Session, movies: Sequence[DemoMovie], ids: Sequence[int]) -> None:
    def genre_row(name: str) -> dict[str, str]:
        hungarian = hungarian_genre(name)
        return {"slug": slug_of(hungarian), "name": hungarian, "name_en": name}

    names = (name for movie in movies for name in movie.genres)
    genres = _ids_of(session, Genre.id, Genre.name_en, names, genre_row)
    rows = [
        {"movie_id": id_, "genre_id": genres[name], "position": position}
        for movie, id_ in zip(movies, ids, strict=True)
        for position, name in enumerate(dict.fromkeys(movie.genres))
    ]
    _insert(session, MovieGenre, rows)


def _trailer_rows(movies: Sequence[DemoMovie], ids: Sequence[int]) -> Rows:
    return [
        {
            "movie_id": id_,
            "site": VideoSite.YOUTUBE,
            "video_id": trailer.video_id,
            "name": trailer.name,
            "language": trailer.language,
            "position": position,
        }
        for movie, id_ in zip(movies, ids, strict=True)
        for position, trailer in enumerate(movie.trailers)
    ]


def _insert_premieres(session: Session, movies: Sequence[DemoMovie], ids: Sequence[int]) -> int:
    def service_row(name: str) -> dict[str, str]:
        return {"slug": slug_of(name), "name": name, "website": WEBSITES.get(name, "")}

    names = (premiere.service for movie in movies for premiere in movie.premieres)
    services = _ids_of(session, StreamingService.id, StreamingService.name, names, service_row)
    premieres = [
        (id_, premiere)
        for movie, id_ in zip(movies, ids, strict=True)
        for premiere in movie.premieres
    ]
    rows = [_premiere_row(id_, premiere, services) for id_, premiere in premieres]
    premiere_ids = _insert_for_ids(session, Premiere.id, rows)
    changes = zip(premiere_ids, (premiere for _, premiere in premieres), strict=True)
    _insert(session, PremiereChange, _change_rows(changes))
    return len(rows)


def _premiere_row(
    movie_id: int, premiere: DemoPremiere, services: Mapping[str, int]
) -> dict[str, Any]:
    revised_on = [change.changed_on for change in premiere.changes]
    revised_on += [premiere.cancelled_on] if premiere.cancelled_on else []
    return {
        "movie_id": movie_id,
        "kind": PremiereKind(premiere.kind),
        "service_id": services.get(premiere.service),
        "date": premiere.date,
        "precision": DatePrecision(premiere.precision),
        "formats": premiere.formats,
        "audio": Audio(premiere.audio) if premiere.audio else None,
        "rerelease": premiere.rerelease,
        "note": premiere.note,
        "announced_at": _noon(premiere.announced_on),
        "cancelled_at": _noon(premiere.cancelled_on) if premiere.cancelled_on else None,
        "revision": len(revised_on),
        "revised_at": _noon(max(revised_on)) if revised_on else None,
    }


def _change_rows(premieres: Iterable[tuple[int, DemoPremiere]]) -> Rows:
    return [
        {
            "premiere_id": id_,
            "changed_at": _noon(change.changed_on),
            "old_date": change.old_date,
            "old_precision": DatePrecision(change.old_precision),
            "reason": change.reason,
        }
        for id_, premiere in premieres
        for change in premiere.changes
    ]


def _insert_credits(session: Session, movies: Sequence[DemoMovie], ids: Sequence[int]) -> int:
    """Insert directors and cast, one person for each name; return the number of people."""
    names = (name for movie in movies for name in (*movie.directors, *movie.cast))
    people = _ids_of(session, Person.id, Person.name, names)
    rows = [
        {"movie_id": id_, "person_id": people[name], "role": role, "position": position}
        for movie, id_ in zip(movies, ids, strict=True)
        for role, credited in _credited(movie)
        for position, name in enumerate(credited)
    ]
    _insert(session, Credit, rows)
    return len(people)


def _credited(movie: DemoMovie) -> tuple[tuple[CreditRole, tuple[str, ...]], ...]:
    return (CreditRole.DIRECTOR, movie.directors), (CreditRole.CAST, movie.cast)


def _insert_posters(
    session: Session, movies: Sequence[DemoMovie], ids: Sequence[int], now: datetime
) -> int:
    rows = [
        {
            "movie_id": id_,
            "kind": SourceKind.DRAWN,
            "chosen": True,
            "url": movie.poster.to_url(),
            "state": SourceState.PENDING,
            "created_at": now,
        }
        for movie, id_ in zip(movies, ids, strict=True)
        if movie.poster
    ]
    _insert(session, PosterSource, rows)
    return len(rows)


def _ids_of(
    session: Session,
    id_: InstrumentedAttribute[int],
    column: InstrumentedAttribute[str],
    names: Iterable[str],
    row_of: Callable[[str], dict[str, Any]] | None = None,
) -> dict[str, int]:
    """The ids of the rows with these names in ``column``; missing rows are inserted.

    ``row_of(name)`` returns a new row, by default one with only the name. Empty names are ignored.
    """
    wanted = dict.fromkeys(name for name in names if name)
    known = _ids_by(session, id_, column, wanted)
    missing = [name for name in wanted if name not in known]
    if not missing:
        return known
    rows = [row_of(name) if row_of else {column.key: name} for name in missing]
    _insert(session, id_.class_, rows)
    return known | _ids_by(session, id_, column, missing)


def _ids_by(
    session: Session,
    id_: InstrumentedAttribute[int],
    column: InstrumentedAttribute[Any],
    values: Iterable[str],
) -> dict[str, int]:
    """The ids of the rows with ``values`` in ``column``, by value."""
    # Of two rows with one name the older wins: its id is the last.
    query = select(column, id_).where(column.in_(values)).order_by(id_.desc())
    return dict(session.execute(query).all())


def _insert(session: Session, model: Any, rows: Rows) -> None:
    if rows:
        session.execute(insert(model), rows)


def _insert_for_ids(session: Session, id_: InstrumentedAttribute[int], rows: Rows) -> list[int]:
    """Insert ``rows`` into the table of ``id_``; return their ids in the same order."""
    if not rows:
        return []
    statement = insert(id_.class_).returning(id_, sort_by_parameter_order=True)
    return list(session.scalars(statement, rows))


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), BUDAPEST)
