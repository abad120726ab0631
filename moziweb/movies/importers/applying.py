"""Writes a plan in one session.

Assigns only values that differ, so that only pages that show these values are invalidated.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.movies.models import (
    Credit,
    CreditRole,
    Distributor,
    Genre,
    Movie,
    Person,
    Premiere,
    Rating,
    Trailer,
    VideoSite,
)
from moziweb.movies.movie_rows import (
    add,
    find_or_add,
    lock_new_people,
    named_or_slugged,
    note_move,
    note_name_change,
    service_id,
    set_column,
    set_genres,
    set_provenance,
)
from moziweb.movies.slugs import MAX_NAME_SLUG_LENGTH, slug_of

from .candidate import CSV, TMDB, Candidate, GenreFact, PersonFact, PremiereFact, TrailerFact
from .fields import MOVIE_COLUMNS
from .models import MovieReference
from .planning import Plan
from .poster_port import PosterPort
from .premieres import Step

REASONS: Final[Mapping[str, str]] = {
    TMDB: "Új dátum a TMDB szerint",
    CSV: "Új dátum a forgalmazó listája szerint",
}
"""The reason of a moved premiere, as pages show it; editors can change it."""


@dataclass(frozen=True, slots=True)
class ImportWriter:
    """What is needed to write one movie."""

    session: Session
    movie: Movie
    candidate: Candidate
    now: datetime
    posters: PosterPort

    @property
    def fetched_at(self) -> datetime:
        """When the candidate was fetched from its source."""
        return self.candidate.fetched_at or self.now


def write_plan(writer: ImportWriter, plan: Plan) -> None:
    """Write a plan to ``writer.movie``, which is new or from ``load_movies``.

    Flushes twice: first the movie's own row, then its relations.
    """
    credited = {credit.person.name for credit in writer.movie.credits}
    people = (fact for role in ("directors", "cast") for fact in plan.values.get(role, ()))
    lock_new_people(writer.session, {fact.name for fact in people} - credited)
    with writer.session.no_autoflush:
        _write_movie(writer, plan)
        _write_parts(writer, plan)
    writer.session.flush()


def _write_movie(writer: ImportWriter, plan: Plan) -> None:
    for name, value in plan.values.items():
        if name in MOVIE_COLUMNS:
            _write_column(writer, name, value)
        elif name == "distributor":
            writer.movie.distributor_id = find_or_add(writer.session, Distributor, value).id
    writer.session.add(writer.movie)
    writer.session.flush()


def _write_parts(writer: ImportWriter, plan: Plan) -> None:
    for name, value in plan.values.items():
        if name not in MOVIE_COLUMNS and name != "distributor":
            _WRITERS[name](writer, name, value)
    for step in plan.steps:
        _apply_step(writer, step)
    written = sorted({*plan.values, *(["premieres"] if plan.steps else [])})
    set_provenance(writer.movie, written, writer.candidate.source, writer.fetched_at)
    _refresh_provenance(writer, plan.refreshed)
    if not plan.referenced:
        name, ref = plan.candidate.list_name, plan.candidate.ref
        writer.session.add(MovieReference(list_name=name, ref=ref, movie_id=writer.movie.id))


def _write_column(writer: ImportWriter, name: str, value: Any) -> None:
    set_column(writer.movie, name, Rating(value) if name == "rating" else value)


def _write_genres(writer: ImportWriter, _name: str, value: Sequence[GenreFact]) -> None:
    wanted = dict.fromkeys(_genre(writer.session, fact).id for fact in value)
    set_genres(writer.movie, tuple(wanted))


def _genre(session: Session, fact: GenreFact) -> Genre:
    slug = slug_of(fact.name, MAX_NAME_SLUG_LENGTH)
    found: Genre | None = named_or_slugged(session, Genre, fact.name, slug)
    return found or add(session, Genre(slug=slug, name=fact.name, name_en=fact.name_en))


def _write_people(writer: ImportWriter, name: str, value: Sequence[PersonFact]) -> None:
    """Change credits in place: positions are unique, also between two statements."""
    role = CreditRole.DIRECTOR if name == "directors" else CreditRole.CAST
    current = [credit for credit in writer.movie.credits if credit.role is role]
    credited = {credit.person.name: credit.person for credit in current}
    people = [_person(writer.session, fact, credited) for fact in value]
    for credit in current[len(value) :]:
        writer.movie.credits.remove(credit)
    for position, (fact, person) in enumerate(zip(value, people, strict=True)):
        if position < len(current):
            credit = current[position]
        else:
            credit = Credit(movie_id=writer.movie.id, role=role)
            writer.movie.credits.append(credit)
        credit.person_id, credit.position = person.id, position
        credit.character = fact.character


def _person(session: Session, fact: PersonFact, credited: Mapping[str, Person]) -> Person:
    """Find a person by TMDB id, or by name among those credited in this movie; else add one.

    A person of the same name in another movie may be someone else.
    """
    if fact.tmdb_id is not None:
        found = session.scalar(select(Person).where(Person.tmdb_id == fact.tmdb_id))
        if found is not None:
            return found
    person = credited.get(fact.name)
    if person is not None and None in (person.tmdb_id, fact.tmdb_id):
        if fact.tmdb_id is not None:
            note_name_change(session, person, {"tmdb_id": None})
            person.tmdb_id = fact.tmdb_id
        return person
    return add(session, Person(name=fact.name, tmdb_id=fact.tmdb_id))


def _write_trailers(writer: ImportWriter, _name: str, value: Sequence[TrailerFact]) -> None:
    trailers = writer.movie.trailers
    current: dict[tuple[str, str], Trailer] = {(row.site, row.video_id): row for row in trailers}
    wanted = {(fact.site, fact.video_id): fact for fact in value}
    for key in current.keys() - wanted.keys():
        writer.movie.trailers.remove(current[key])
    for position, (key, fact) in enumerate(wanted.items()):
        trailer = current.get(key)
        if trailer is None:
            site = VideoSite(fact.site)
            trailer = Trailer(movie_id=writer.movie.id, site=site, video_id=fact.video_id)
            writer.movie.trailers.append(trailer)
        trailer.name, trailer.language, trailer.position = fact.name, fact.language, position
        trailer.published_at = fact.published_at


def _write_poster(writer: ImportWriter, _name: str, value: str) -> None:
    writer.posters.add(
        writer.session, writer.movie.id, value, writer.candidate.source, writer.fetched_at
    )


def _apply_step(writer: ImportWriter, step: Step) -> None:
    if step.before is None:
        premiere = Premiere(movie_id=writer.movie.id, changes=[])
        writer.movie.premieres.append(premiere)
    else:
        premiere = next(each for each in writer.movie.premieres if each.id == step.before.id)
    if step.moved:
        note_move(premiere, writer.now, REASONS[writer.candidate.source])
    _write_premiere(writer.session, premiere, step.after)


def _write_premiere(session: Session, premiere: Premiere, fact: PremiereFact) -> None:
    premiere.date, premiere.precision = fact.date, fact.precision
    premiere.kind, premiere.rerelease, premiere.note = fact.kind, fact.rerelease, fact.note
    if fact.formats is not None or premiere.formats is None:
        premiere.formats = fact.formats or ()
    if fact.service:
        premiere.service_id = service_id(session, fact.service)


def _refresh_provenance(writer: ImportWriter, names: Sequence[str]) -> None:
    for row in writer.movie.provenance:
        if row.field in names:
            row.fetched_at = writer.fetched_at
    if "poster" in names:
        url = writer.candidate.values["poster"]
        writer.posters.set_fetched_at(writer.session, writer.movie.id, url, writer.fetched_at)


_WRITERS: Final[Mapping[str, Callable[[ImportWriter, str, Any], None]]] = {
    "genres": _write_genres,
    "directors": _write_people,
    "cast": _write_people,
    "trailers": _write_trailers,
    "poster": _write_poster,
}
